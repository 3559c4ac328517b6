"""The `grader:` of a bench file, with its names and its protocol settled, or what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from fusion_eval.core import Grader, Member, Model, Protocol
from fusion_eval.core.task import is_own
from fusion_eval.core.votes import Combine
from fusion_eval.errors import did_you_mean
from fusion_eval.grading import PROTOCOLS, named
from fusion_eval.loading.bench import GraderEntry, ProtocolEntry

Problem = tuple[tuple[str | int, ...], str]
"""Path in the bench file, and what is wrong there."""


def resolve(
    entry: GraderEntry, models: Mapping[str, Model], broken: Collection[str] = ()
) -> tuple[Grader | None, list[Problem]]:
    """The grader, or None with every problem; models that are `broken` were named already."""
    problems = list(_seats(entry, models, broken))
    protocol = _protocol(entry, problems)
    if problems or protocol is None or any(name not in models for name in entry.names):
        return None, problems
    members = tuple(Member(name=name, model=models[name]) for name in entry.names)
    return Grader(members=members, protocol=protocol), []


def _seats(
    entry: GraderEntry, models: Mapping[str, Model], broken: Collection[str]
) -> list[Problem]:
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    for i, name in enumerate(entry.names):
        path: tuple[str | int, ...] = ("model",) if entry.model else ("committee", i)
        if name not in models:
            if name not in broken:
                problems.append(
                    (path, f"unknown model {name!r}; {did_you_mean(name, sorted(models))}")
                )
            continue
        twin = seen.setdefault(models[name].identity, name)
        if (i and twin != name) or entry.names.index(name) != i:
            problems.append(
                (path, f"{name!r} and {twin!r} are the same model; use `passes` to ask it again")
            )
    most = max(entry.passes, entry.heavy_passes or 0) * len(entry.names)
    if entry.minimum_valid > most:
        text = f"minimum_valid is {entry.minimum_valid}, and there are at most {most} verdicts"
        problems.append((("minimum_valid",), text))
    return problems


def _protocol(entry: GraderEntry, problems: list[Problem]) -> Protocol | None:
    given = entry.protocol
    try:
        base = _base(given.base)
    except ValueError as problem:
        problems.append((("protocol", "base"), str(problem)))
        return None
    said = given.model_dump(exclude_none=True, exclude={"base", "name"})
    wanted: dict[str, Any] = {k: None if v == "all" else v for k, v in said.items()}
    changes: dict[str, Any] = {k: v for k, v in wanted.items() if v != getattr(base, k)}
    if given.name in PROTOCOLS and (changes or given.name != given.base):
        text = f"name {given.name!r} is that of a ready protocol; give another"
        problems.append((("protocol", "name"), text))
    try:
        return replace(
            base,
            name=given.name or _named(given, changes),
            **changes,
            passes=entry.passes,
            heavy_passes=entry.heavy_passes,
            adaptive=entry.adaptive,
            combine=_combine(entry),
            minimum_valid=entry.minimum_valid,
        )
    except ValueError as problem:
        problems += [((), text) for text in str(problem).split("; ")]
        return None


def _base(name: str) -> Protocol:
    """The protocol of this name, or a user's own as `package.module:name`."""
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    if not is_own(name):
        raise ValueError(f"unknown protocol {name!r}; {did_you_mean(name, sorted(PROTOCOLS))}")
    own = named(name, "protocol")
    if not isinstance(own, Protocol):
        raise ValueError(
            f"protocol {name!r} is none; write `from fusion_eval.core import Protocol`, then "
            f"`{name.partition(':')[2]} = Protocol(name=…)`"
        )
    if own.name in PROTOCOLS:
        raise ValueError(f"protocol {name!r} has the name of a ready one: {own.name!r}")
    return own


def _combine(entry: GraderEntry) -> Combine:
    """What is meant where nothing is said."""
    if entry.combine is not None:
        return entry.combine
    if entry.committee or entry.adaptive or entry.minimum_valid > 1:
        return "majority"
    return "mean" if entry.heavy_passes is not None else "runs"


def _named(given: ProtocolEntry, changes: Mapping[str, Any]) -> str:
    words = (f"{k}={'all' if v is None else str(v).lower()}" for k, v in sorted(changes.items()))
    own = named(given.base, "protocol").name if is_own(given.base) else given.base
    return "+".join([own, *words])
