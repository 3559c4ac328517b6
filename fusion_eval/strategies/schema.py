"""What a strategy's signature says beside its types: who sits where, and rules between parameters.

Both stand in the annotation, beside the limits of pydantic's `Field`:
`referee: Annotated[Member, Seat("judge")]`,
`weights: Annotated[tuple[float, ...], LengthOf("members")] = ()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Template
from typing import Annotated, Any, Literal, Protocol, TypeVar, runtime_checkable

from pydantic import Field

from fusion_eval.core import Member
from fusion_eval.prompts.wording import PLACES, Wording

Duty = Literal["member", "writer", "judge", "chooser", "critic", "router", "product"]
"""What whoever sits there does: answers the question (`member`), writes the final answer from
others' (`writer`), compares answers for the writer (`judge`), picks or scores answers (`chooser`),
criticises an answer for its author (`critic`), decides who is asked (`router`), answers for models
that nobody sees (`product`)."""


@dataclass(frozen=True, slots=True)
class Seat:
    """What a seat is for. Controls and warnings go by this, and not by the parameter's name.

    `otherwise`: the parameter whose member takes this seat where it is left empty.
    """

    duty: Duty
    otherwise: str | None = None


Members = Annotated[tuple[Member, ...], Field(min_length=1), Seat("member")]
Answering = Annotated[Member, Seat("member")]
Writer = Annotated[Member, Seat("writer")]
Judge = Annotated[Member, Seat("judge")]
Chooser = Annotated[Member, Seat("chooser")]
Critic = Annotated[Member, Seat("critic")]

Function = TypeVar("Function", bound=Callable[..., Any])
_CONTROL = "_fusion_eval_control"


def control(function: Function) -> Function:
    """Mark a strategy that claims nothing: a baseline or a placebo. It gets no controls itself."""
    setattr(function, _CONTROL, True)
    return function


def is_control(function: Callable[..., Any]) -> bool:
    """Whether a strategy is a baseline or a placebo."""
    return getattr(function, _CONTROL, False)


@runtime_checkable
class Rule(Protocol):
    """What may stand in an annotation: it says what is wrong with one parameter, if anything.

    `values` holds every parameter that the bench file sets, under its name.
    """

    def problem(self, name: str, values: Mapping[str, Any]) -> str | None:
        """What is wrong with the parameter `name`."""


@dataclass(frozen=True, slots=True)
class LengthOf:
    """As many values as another parameter has, or `less` fewer."""

    other: str
    less: int = 0

    def problem(self, name: str, values: Mapping[str, Any]) -> str | None:
        """What is wrong with the parameter `name`, if anything."""
        given, others = values.get(name), values.get(self.other)
        if given is None or others is None or len(given) == len(others) - self.less:
            return None
        wanted = len(others) - self.less
        which = f"one for each of {self.other}" + (" but the last" if self.less else "")
        return f"{name} has {len(given)} values and needs {wanted}, {which}"


@dataclass(frozen=True, slots=True)
class AtMost:
    """A number no larger than another parameter has values."""

    other: str

    def problem(self, name: str, values: Mapping[str, Any]) -> str | None:
        """What is wrong with the parameter `name`, if anything."""
        given, others = values.get(name), values.get(self.other)
        if given is None or others is None or given <= len(others):
            return None
        return f"{name} is {given}, and {self.other} has only {len(others)}"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A number no smaller than another parameter."""

    other: str

    def problem(self, name: str, values: Mapping[str, Any]) -> str | None:
        """What is wrong with the parameter `name`, if anything."""
        given, other = values.get(name), values.get(self.other)
        if given is None or other is None or given >= other:
            return None
        return f"{name} is {given}, below {self.other} ({other})"


@dataclass(frozen=True, slots=True)
class Needs:
    """Other parameters that have to be there; with `when`, only for that value of this one."""

    others: tuple[str, ...]
    when: Any = None

    def problem(self, name: str, values: Mapping[str, Any]) -> str | None:
        """What is missing."""
        if self.when is not None and values.get(name) != self.when:
            return None
        missing = [other for other in self.others if values.get(other) is None]
        said = f"{name}: {self.when}" if self.when is not None else name
        return f"`{said}` needs {' and '.join(map(repr, missing))}" if missing else None


@dataclass(frozen=True, slots=True)
class NotWith:
    """Another parameter that makes this one meaningless."""

    other: str

    def problem(self, name: str, values: Mapping[str, Any]) -> str | None:
        """Whether both are there."""
        return f"{name!r} means nothing with {self.other!r}" if values.get(self.other) else None


@dataclass(frozen=True, slots=True)
class Placed:
    """A wording whose templates hold no place that nothing fills."""

    def problem(self, name: str, values: Mapping[str, Any]) -> str | None:
        """What is wrong with the templates, if anything."""
        wording = values.get(name)
        for part in PLACES if wording else ():
            template = Template(getattr(wording, part))
            unknown = set(template.get_identifiers()) - PLACES[part]
            if unknown or not template.is_valid():
                places = ", ".join(f"${place}" for place in sorted(PLACES[part]))
                return f"{name}.{part} may hold {places} (and $$ for a dollar sign)"
        return None


Worded = Annotated[Wording | None, Placed()]
"""A recipe's own words for one of its requests."""

FailsWith = tuple[Literal["members", "readers"], ...]
"""Whose failure fails the whole request: that of any member, or that of whoever reads the answers
(judge, chooser, writer). Else a seat stays empty, and a member's answer stands in."""
