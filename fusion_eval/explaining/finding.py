"""What somebody means by a few words: a trial, a verdict or a call of a run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_eval.errors import InputError

_KEY = re.compile(r"[0-9a-f]{6,64}")
_SHOWN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """The trials of a run by task and recipe, with their repeats, and what was planned."""

    repeats: Mapping[tuple[str, str], Sequence[int]]
    tasks: Sequence[str]
    recipes: Sequence[str]
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One trial, and one criterion of it where one was named."""

    task: str
    recipe: str
    repeat: int
    criterion: str | None = None


def key_among(what: str, keys: Iterable[str]) -> str | None:
    """The key that begins with `what`; None where `what` is no beginning of a key.

    Raises InputError where several keys begin so.
    """
    if not _KEY.fullmatch(what):
        return None
    found = sorted({key for key in keys if key.startswith(what)})
    if len(found) > 1:
        raise InputError(
            f"{what!r}: {len(found)} calls begin so; give more digits: "
            f"{', '.join(key[:16] for key in found[:_SHOWN])}"
        )
    return found[0] if found else None


def wanted(what: str, known: Trials) -> Wanted:
    """`task/recipe`, `task/recipe/repeat`, `task/recipe/criterion`, or with both.

    Names may hold slashes, so they are matched and not split. Raises InputError with near matches,
    and says so where a trial was planned and is not there.
    """
    for task in _longest(known.tasks):
        if not what.startswith(f"{task}/"):
            continue
        rest = what[len(task) + 1 :]
        for recipe in _longest(known.recipes):
            if rest == recipe or rest.startswith(f"{recipe}/"):
                return _one(task, recipe, rest[len(recipe) + 1 :], known)
        raise InputError(
            f"{what!r}: no recipe {rest.split('/')[0]!r}; {_near(rest, known.recipes)}"
        )
    labels = [f"{task}/{recipe}" for task in known.tasks for recipe in known.recipes]
    raise InputError(
        f"{what!r} is no trial and no call of this run; write TASK/RECIPE, TASK/RECIPE/REPEAT, "
        f"TASK/RECIPE/CRITERION or the key of a call; {_near(what, labels)}"
    )


def _one(task: str, recipe: str, rest: str, known: Trials) -> Wanted:
    """The trial with what is left of the words: repeat, criterion, or both."""
    there = known.repeats.get((task, recipe), ())
    head, _, tail = rest.partition("/")
    repeat, criterion = (int(head), tail) if head.isdecimal() else (min(there, default=0), rest)
    if repeat in there:
        return Wanted(task=task, recipe=recipe, repeat=repeat, criterion=criterion or None)
    if there:
        have = ", ".join(map(str, there))
        raise InputError(f"{task}/{recipe} has no repeat {repeat}; it has {have}")
    why = f"the run is {known.status}" if known.status != "finished" else "it was left out"
    raise InputError(
        f"{task}/{recipe} is planned and not there: {why}; run again to go on where it was"
    )


def criterion_of(
    rows: Sequence[Mapping[str, Any]], name: str, where: str
) -> list[Mapping[str, Any]]:
    """The verdicts on one criterion; InputError with near matches where there is none."""
    found = [row for row in rows if row["criterion"] == name]
    if not found:
        names = list(dict.fromkeys(str(row["criterion"]) for row in rows))
        way = _near(name, names) if names else "this trial has no verdicts"
        raise InputError(f"{where}: no criterion {name!r}; {way}")
    return found


def _near(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(repr(name) for name in close)}?"
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"there are {', '.join(known[:_SHOWN])}{more}"


def _longest(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: -len(name))
