"""The schema of a strategy, read from its signature: keyword-only parameters and their types."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from fusion_eval.core import Member, Recipe
from fusion_eval.errors import did_you_mean
from fusion_eval.grading import named
from fusion_eval.strategies import STRATEGIES, Strategy
from fusion_eval.strategies.given import GIVEN
from fusion_eval.strategies.schema import Duty, Rule, Seat


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter: whether it seats one member, many, or none, and whether it must be given.

    `seat`: what who sits there does, as the signature declares; None where it does not.
    """

    seats: Literal["one", "many", "none"]
    required: bool
    seat: Seat | None
    annotation: Any
    default: Any = None

    def checked(self, value: Any) -> Any:
        """The value, if it fits the annotation; ValueError says why not."""
        if self._is_tuple:
            value = _tuples(value)
        adapter: TypeAdapter[Any] = TypeAdapter(
            self.annotation, config=ConfigDict(strict=True, arbitrary_types_allowed=True)
        )
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            given = [m.name for m in value] if self.seats == "many" else value
            raise ValueError(f"{first['msg']} (given: {given!r})"[:200]) from None

    def problems(self, name: str, values: Mapping[str, Any]) -> list[str]:
        """What the rules of the annotation say against the values of all parameters together."""
        rules = [rule for rule in _metadata(self.annotation) if isinstance(rule, Rule)]
        found = (rule.problem(name, values) for rule in rules)
        return [problem for problem in found if problem is not None]

    @property
    def _is_tuple(self) -> bool:
        return typing.get_origin(_inner(self.annotation)) is tuple


def strategy(name: str) -> Strategy:
    """The strategy of this name, or a user's own as `package.module:function`.

    Raises ValueError with the way out.
    """
    if name in STRATEGIES:
        return STRATEGIES[name]
    if ":" in name:
        function = named(name, "strategy")
        if not inspect.iscoroutinefunction(function):
            raise ValueError(f"strategy {name!r} is not an `async def` function")
        for own, parameter in inspect.signature(function).parameters.items():
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.annotation is parameter.empty:
                raise ValueError(f"strategy {name!r}: {own!r} has no type, as in `{own}: Member`")
        return typing.cast(Strategy, function)
    raise ValueError(f"unknown strategy {name!r}; {did_you_mean(name, sorted(STRATEGIES))}")


def parameters(function: Strategy) -> Mapping[str, Parameter]:
    """Keyword-only parameters that a bench file may set, by name, in the order of the signature."""
    hints = typing.get_type_hints(function, include_extras=True)
    return {
        name: Parameter(
            seats=(seats := _seats(hints[name])),
            seat=_seat(name, hints[name], seats),
            required=parameter.default is inspect.Parameter.empty,
            annotation=hints[name],
            default=None if parameter.default is inspect.Parameter.empty else parameter.default,
        )
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not _given(hints[name])
    }


def _tuples(value: Any) -> Any:
    """Lists of a YAML file, also inside others, as tuples."""
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


def _inner(annotation: Any) -> Any:
    annotated = typing.get_origin(annotation) is typing.Annotated
    return typing.get_args(annotation)[0] if annotated else annotation


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return getattr(annotation, "__metadata__", ())


@cache
def given(function: Strategy) -> frozenset[str]:
    """Names of the parameters that the bench fills in; see `strategies.given`."""
    hints = typing.get_type_hints(function, include_extras=True)
    return frozenset(name for name, hint in hints.items() if _given(hint))


def _given(annotation: Any) -> bool:
    return GIVEN in _metadata(annotation)


def _seats(annotation: Any) -> Literal["one", "many", "none"]:
    inner = _inner(annotation)
    if inner is Member:
        return "one"
    if any(_inner(part) is Member for part in typing.get_args(inner)):
        return "many" if typing.get_origin(inner) is tuple else "one"
    return "none"


def _seat(name: str, annotation: Any, seats: str) -> Seat | None:
    """The seat that is declared; whoever sits in a list of seats, or as `member`, answers."""
    parts = (annotation, *typing.get_args(_inner(annotation)))
    declared = [one for part in parts for one in _metadata(part) if isinstance(one, Seat)]
    if declared or seats == "none":
        return declared[0] if declared else None
    return Seat("member") if seats == "many" or name == "member" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seated:
    """Whoever sits in one seat of a recipe: by which parameter, and as what (None: undeclared)."""

    parameter: str
    duty: Duty | None
    who: Any


def seated(name: str, values: Mapping[str, Any]) -> list[Seated]:
    """Who sits where in a recipe of the strategy `name`, in the order of its signature.

    values : by parameter, a seat or a list of them, in whatever form the caller has them. A seat
        that is left empty is taken by who its declaration names. Empty for no strategy of ours
    """
    try:
        schema = parameters(strategy(name))
    except ValueError:
        return []
    made = []
    for key, parameter in schema.items():
        taken = values.get(key)
        if taken is None and parameter.seat and parameter.seat.otherwise:
            taken = values.get(parameter.seat.otherwise)
        if taken is None or parameter.seats == "none":
            continue
        duty = parameter.seat.duty if parameter.seat else None
        several = taken if isinstance(taken, list | tuple) else [taken]
        made += [Seated(parameter=key, duty=duty, who=who) for who in several]
    return made


def imported(recipes: Iterable[Recipe]) -> tuple[str, ...]:
    """The modules of users' own strategies, whose code runs when a bench file is read."""
    return tuple(sorted({r.strategy.partition(":")[0] for r in recipes if ":" in r.strategy}))
