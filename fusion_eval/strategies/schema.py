"""Rules of a strategy's parameters that need to see another parameter.

They stand in the annotation, beside the limits of pydantic's `Field`:
`weights: Annotated[tuple[float, ...], LengthOf("members")] = ()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


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
