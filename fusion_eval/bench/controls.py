"""`controls: standard` spelled out: the recipes that could refute what a panel is said to do.

Each becomes an ordinary recipe named `panel/no-drafts` (a member alone: `alone/heron`), shown in
the resolved bench file of the run. A recipe of that name that is there already is left as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from fusion_eval.bench.lint import CODES
from fusion_eval.bench.parameters import seated, strategy
from fusion_eval.core import Controls, canonical
from fusion_eval.errors import did_you_mean
from fusion_eval.loading.bench import BenchFile
from fusion_eval.loading.controls import COMPUTED, CONTROLS, ControlsEntry, ControlsOf
from fusion_eval.strategies.schema import Duty, is_control

Entry = dict[str, Any]
PERSONAS = (
    "You have kept a lighthouse for forty years.",
    "You photograph weddings in a small town.",
    "You restore antique clocks for museums.",
    "You train sheepdogs in the hills.",
    "You bake bread in a village bakery.",
    "You repair pipe organs in old churches.",
)
"""Personas that have nothing to do with any task."""


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """Who sits where in a recipe, as the bench file writes it.

    `answering`: the parameters that seat its members.
    """

    name: str
    entry: Entry
    members: list[Any]
    answering: list[str]
    writer: Any
    judge: Any
    chooser: Any


@dataclass
class Expansion:
    """The recipes of a file with those of its controls, and who controls whom."""

    recipes: dict[str, Entry]
    settled: dict[str, ControlsOf] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def expand(
    recipes: Mapping[str, Entry], wanted: ControlsEntry, short: bool, lonely: bool = False
) -> Expansion:
    """Recipes with their controls; `short`: some answers can be compared, so votes can be counted;
    `lonely`: there is one question only, so no other one.

    A control that `standard` brings is left out where it does not apply; one that is named and
    applies nowhere is a problem.
    """
    found = Expansion(recipes=dict(recipes), settled=dict(wanted.settled))
    found.problems += [
        _unknown(name, CONTROLS, "control") for name in wanted.names if name not in CONTROLS
    ]
    found.problems += [_unknown(n, recipes, "recipe") for n in wanted.of or () if n not in recipes]
    if found.problems or not wanted.use:
        return found
    subjects = [_anatomy(n, e) for n, e in recipes.items() if _claims(n, e, wanted)]
    if not subjects:
        found.problems.append("no recipe here combines anything, so there is nothing to control")
    applied = {name for subject in subjects for name in _controlled(found, subject, wanted, short)}
    if lonely and "other-question" not in wanted.use:
        _drop(found, "other-question")
    for name in wanted.use:
        if name != "standard" and name not in applied and subjects:
            found.problems.append(
                f"{name!r} applies to none of {', '.join(s.name for s in subjects)}"
            )
    return found


def _drop(found: Expansion, control: str) -> None:
    """Take one control out again."""
    for name, of in found.settled.items():
        found.recipes.pop(f"{name}/{control}", None)
        called = [one for one in of.called if one != f"{name}/{control}"]
        found.settled[name] = of.model_copy(update={"called": called})


def among(controls: ControlsEntry | None, chosen: Collection[str]) -> dict[str, Controls]:
    """Who controls whom among the chosen recipes; nothing is computed over missing members."""
    return {
        name: Controls(
            members=tuple(m for m in of.members if m in chosen),
            writer=of.writer if of.writer in chosen else None,
            called=tuple(c for c in of.called if c in chosen),
            computed=tuple(of.computed) if set(of.members) <= set(chosen) else (),
        )
        for name, of in (controls.settled if controls else {}).items()
        if name in chosen
    }


def design_problems(file: BenchFile) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with `study` and `justified`: (path, problem).

    A contrast of a recipe that does not exist would never be decided, and a reason for a warning
    that does not exist would hide nothing and look as if.
    """
    for code in file.justified:
        if code not in CODES:
            yield ("justified", code), _unknown(code, CODES, "warning")
    for name, contrast in (file.study.contrasts if file.study else {}).items():
        path = ("study", "contrasts", name)
        for recipe in contrast.recipes:
            if recipe not in file.recipes:
                yield path, _unknown(recipe, file.recipes, "recipe")
        if contrast.by == "difficulty" and file.repeats < 2:
            yield path, "difficulty needs a repeat of its own; set `repeats: 2`"


def _claims(name: str, entry: Entry, wanted: ControlsEntry) -> bool:
    if wanted.of is not None:
        return name in wanted.of
    return "equal_dollars" not in entry and not is_control(strategy(entry["strategy"]))


def _anatomy(name: str, entry: Entry) -> Anatomy:
    """Seats of a recipe as its strategy declares them; each member n times."""
    default = inspect.signature(strategy(entry["strategy"])).parameters.get("n")
    count = entry.get("n", default.default if default else 1)
    seats = seated(entry["strategy"], entry)

    def first(duty: Duty) -> Any:
        return next((seat.who for seat in seats if seat.duty == duty), None)

    answering = [seat for seat in seats if seat.duty == "member"]
    return Anatomy(
        name=name,
        entry=entry,
        members=[seat.who for seat in answering for _ in range(count)],
        answering=list(dict.fromkeys(seat.parameter for seat in answering)),
        writer=first("writer"),
        judge=first("judge"),
        chooser=first("chooser"),
    )


def _controlled(
    found: Expansion, subject: Anatomy, wanted: ControlsEntry, short: bool
) -> list[str]:
    """Add the controls of one recipe; the names of those that apply to it."""
    applied, names = [], wanted.names
    of = ControlsOf(members=[], called=[])
    if subject.members and set(names) & {"alone", *COMPUTED}:
        of = of.model_copy(update={"members": _alone(found, subject.members)})
        applied += [name for name in names if name in ("alone", *COMPUTED)]
    if "writer-alone" in names and subject.writer is not None:
        of = of.model_copy(update={"writer": _alone(found, [subject.writer])[0]})
        applied.append("writer-alone")
    for name in names:
        entry = _MADE[name](subject, wanted, short) if name in _MADE else None
        if entry is not None:
            found.recipes.setdefault(f"{subject.name}/{name}", entry)
            of.called.append(f"{subject.name}/{name}")
            applied.append(name)
    of.computed.extend(name for name in names if name in COMPUTED and len(of.members) > 1)
    found.settled[subject.name] = of
    return applied


def _alone(found: Expansion, seats: list[Any]) -> list[str]:
    """The recipe that stands for each different seat: one that is there, else a new solo."""
    names = {}
    for seat in seats:
        model, key = _model(seat), canonical(_seat(seat))
        if model in found.recipes:
            names[key] = model
            continue
        solo = {"strategy": "solo", "member": seat}
        known = (n for n, e in found.recipes.items() if _same_solo(e, key))
        if (name := next(known, None)) is None:
            taken = [n for n in found.recipes if n.split("#")[0] == f"alone/{model}"]
            name = f"alone/{model}" + (f"#{len(taken) + 1}" if taken else "")
            found.recipes[name] = solo
        names[key] = name
    return list(names.values())


def _same_solo(entry: Entry, key: str) -> bool:
    plain = set(entry) == {"strategy", "member"} and entry["strategy"] == "solo"
    return plain and canonical(_seat(entry["member"])) == key


def _seat(seat: Any) -> Entry:
    return {"model": seat} if isinstance(seat, str) else dict(seat)


def _model(seat: Any) -> str:
    return str(_seat(seat)["model"])


def _written(strategy_name: str) -> Callable[[Anatomy, ControlsEntry, bool], Entry | None]:
    """The panel's writer and judge over other drafts; nothing where nobody writes."""

    def made(subject: Anatomy, _: ControlsEntry, __: bool) -> Entry | None:
        if subject.writer is None or not subject.members:
            return None
        seats = {"members": subject.members, "synthesizer": subject.writer}
        judge = {} if subject.judge is None else {"judge": subject.judge}
        return {"strategy": strategy_name, **seats, **judge}

    return made


def _no_drafts(subject: Anatomy, _: ControlsEntry, __: bool) -> Entry | None:
    return subject.writer and {"strategy": "no_drafts", "synthesizer": subject.writer}


def _random(strategy_name: str) -> Callable[[Anatomy, ControlsEntry, bool], Entry | None]:
    def made(subject: Anatomy, _: ControlsEntry, __: bool) -> Entry | None:
        several = len(subject.members) > 1
        return {"strategy": strategy_name, "members": subject.members} if several else None

    return made


def _personas(irrelevant: bool) -> Callable[[Anatomy, ControlsEntry, bool], Entry | None]:
    """The same recipe, its seats under personas that do not matter, or under none."""

    def made(subject: Anatomy, _: ControlsEntry, __: bool) -> Entry | None:
        given = {key: subject.entry[key] for key in subject.answering}
        if not given or not (irrelevant or any("persona" in _seat(s) for s in subject.members)):
            return None
        personas = cycle(PERSONAS)

        def instead(seat: Any) -> Any:
            if isinstance(seat, list):
                return [instead(one) for one in seat]
            plain = {key: value for key, value in _seat(seat).items() if key != "persona"}
            return plain | ({"persona": next(personas)} if irrelevant else {})

        return {**subject.entry, **{key: instead(seats) for key, seats in given.items()}}

    return made


def _spender(subject: Anatomy, wanted: ControlsEntry) -> Any:
    """Who answers with the same dollars: who writes in the recipe, else chooses or judges, else is
    first; None where no seat is declared."""
    first = next(iter(subject.members), None)
    return wanted.member or subject.writer or subject.chooser or subject.judge or first


def _self_consistency(subject: Anatomy, wanted: ControlsEntry, short: bool) -> Entry | None:
    kind = "self_consistency" if short else "universal_self_consistency"
    member = _spender(subject, wanted)
    return member and {"strategy": kind, "member": member, "equal_dollars": subject.name}


def _best_of_n(subject: Anatomy, wanted: ControlsEntry, _: bool) -> Entry | None:
    member = _spender(subject, wanted)
    seats = {"members": [member], "scorer": member}
    return member and {"strategy": "best_of_n", **seats, "equal_dollars": subject.name}


def _longer(**more: Any) -> Callable[[Anatomy, ControlsEntry, bool], Entry | None]:
    def made(subject: Anatomy, wanted: ControlsEntry, _: bool) -> Entry | None:
        if (spender := _spender(subject, wanted)) is None:
            return None
        seat = {**_seat(spender), **more}
        for cap in ("max_tokens", "max_completion_tokens"):
            seat.pop(cap, None)
        return {"strategy": "solo", "member": seat, "equal_dollars": subject.name}

    return made


_MADE: dict[str, Callable[[Anatomy, ControlsEntry, bool], Entry | None]] = {
    "random-member": _random("random_member"),
    "random-ranker": _random("random_ranker"),
    "copies": _written("copies"),
    "other-question": _written("other_question"),
    "no-drafts": _no_drafts,
    "irrelevant-personas": _personas(irrelevant=True),
    "no-personas": _personas(irrelevant=False),
    "self-consistency": _self_consistency,
    "best-of-n": _best_of_n,
    "more-tokens": _longer(),
    "more-effort": _longer(reasoning_effort="high"),
}


def _unknown(name: str, known: Any, what: str) -> str:
    names = [*known, "standard"] if what == "control" else known
    return f"unknown {what} {name!r}; {did_you_mean(name, names)}"
