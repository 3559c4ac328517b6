"""Verdicts out of a grader's own reply, and out of nothing else; never a guess."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_eval.answers import verdicts
from fusion_eval.core import Criterion, Reply

_VALUES = {"binary": {"MET": 1.0, "UNMET": 0.0}, "ternary": {"MET": 1, "PARTLY": 0.5, "UNMET": 0}}
_FIELDS: dict[str, tuple[str, ...]] = {
    "binary": ("verdict",),
    "ternary": ("verdict",),
    "ordinal": ("grade",),
    "reference": ("grade", "reference_grade"),
}
_OTHER_NAMES = ("criteria_met", "criterion_met", "met")
"""Fields for a verdict in other projects' prompts, which graders are trained on."""
_NUMBERED = re.compile(r"(?:criterion|criteria|c|#)?[\s_.-]{0,3}(\d{1,4})")
_NUMBER_FIELDS = ("criterion", "number", "index", "id")


@dataclass(frozen=True, slots=True)
class Read:
    """How far a criterion is met (0 to 1; None: cannot be read), and why, or what was wrong."""

    value: float | None
    reason: str
    reference_value: float | None = None


def read(reply: Reply, batch: Sequence[Criterion]) -> list[Read]:
    """What a reply says of each criterion.

    Of one criterion: a JSON object with the field `verdict` (or `grade`), or a text, not cut off,
    whose last line is `Verdict: MET` and no more. Of several: one JSON object that names each
    criterion by its number, once, or lists a verdict for each in their order. What is quoted,
    taken back or contradicted around it is none.
    """
    truncated = reply.finish == "length"
    stated = verdicts.stated(reply.text, truncated=truncated)
    if len(batch) == 1:
        return [_of_one(reply, stated, batch[0])]
    rows = None if stated is None else _rows(stated.value, len(batch))
    if rows is None:
        return [Read(None, _nothing(reply))] * len(batch)
    return [_numbered(rows.get(i), i, criterion) for i, criterion in enumerate(batch, 1)]


def _of_one(reply: Reply, stated: verdicts.Stated | None, criterion: Criterion) -> Read:
    names = (*_FIELDS[criterion.kind], *_OTHER_NAMES)
    if stated is None:
        row = {} if reply.finish == "length" else _last_line(reply.text, criterion)
        return _read(row, criterion) if row else Read(None, _nothing(reply))
    row = verdicts.unwrapped(stated.value, names)
    rows = _rows(stated.value, 1)
    if not row.keys() & set(names) and rows is not None:
        row = _row(rows.get(1))
    outside = stated.fenced or not row.keys() & set(names)
    if outside and reply.finish != "length" and (line := _last_line(reply.text, criterion)):
        return _read(line, criterion)
    found = _read(row, criterion)
    word = verdicts.word_of(row.get("verdict"))
    if word is not None and verdicts.contradicted(word, stated.before, stated.after):
        return Read(None, "the reply states two verdicts")
    return found


def _last_line(text: str, criterion: Criterion) -> dict[str, Any]:
    """What a reply without an object says in its last line."""
    if criterion.kind in _VALUES:
        line = verdicts.verdict_line(text)
        return {"verdict": line.word, "explanation": line.above} if line else {}
    grade = verdicts.bare_number(text) if criterion.kind == "ordinal" else None
    return {"grade": grade} if grade else {}


Rows = Mapping[int, Any]
"""From the number of a criterion, from 1, to what is said of it."""


def _rows(value: Any, count: int) -> Rows | None:
    """What is said of each criterion, by its number; None where the numbers are not those asked.

    Numbers from 0 would give each criterion the verdict of the next. Verdicts on more criteria
    than were asked about are left out.
    """
    own = verdicts.lowered(value) if isinstance(value, dict) else {}
    given = own.get("verdicts", value)
    if isinstance(given, list):
        return _listed(given, count)
    if not isinstance(given, dict):
        return None
    numbers = {name: _NUMBERED.fullmatch(str(name).strip().lower()) for name in given}
    if not numbers or not all(numbers.values()):
        return None
    rows: dict[int, Any] = {}
    for name, said in given.items():
        number = int(numbers[name][1])  # type: ignore[index]
        if number in rows or number == 0:
            return None
        rows[number] = said
    return rows if count > 1 or len(rows) == 1 else None


def _listed(given: list[Any], count: int) -> Rows | None:
    """A list with one verdict for each criterion, in their order or with their numbers."""
    if len(given) != count:
        return None
    numbers = [_own_number(row) for row in given]
    if all(number is None for number in numbers):
        return dict(enumerate(given, 1))
    rows = dict(zip(numbers, given, strict=True))
    return rows if set(rows) == set(range(1, count + 1)) else None  # type: ignore[return-value]


def _own_number(row: Any) -> int | None:
    said = [verdicts.lowered(row).get(name) for name in _NUMBER_FIELDS]
    found = (_NUMBERED.fullmatch(str(one).strip().lower()) for one in said if one is not None)
    return next((int(match[1]) for match in found if match), None)


def _row(said: Any) -> dict[str, Any]:
    """What is said of a criterion: an object, or a word alone."""
    if isinstance(said, str | bool | int | float):
        return {"verdict": said, "grade": said}
    return verdicts.lowered(said)


def _numbered(said: Any, number: int, criterion: Criterion) -> Read:
    if not (row := _row(said)):
        return Read(None, f"no verdict on criterion {number}")
    found = _read(row, criterion)
    return found if found.value is not None else Read(None, f"{found.reason} on criterion {number}")


def _read(row: Mapping[str, Any], criterion: Criterion) -> Read:
    """The values of a row, or what is wrong with it."""
    names = _FIELDS[criterion.kind]
    said = {name: row.get(name) for name in names}
    if said.get("verdict", "") is None:
        said["verdict"] = next((row[n] for n in _OTHER_NAMES if isinstance(row.get(n), bool)), None)
    values = {name: _value(given, criterion) for name, given in said.items()}
    for name, given in said.items():
        if given is None:
            return Read(None, f"the reply has no `{name}`; it says {verdicts.shown(row)}")
        if values[name] is None:
            return Read(None, f"{name} {verdicts.shown(given)}")
    reason = row.get("explanation")
    return Read(
        values[names[0]],
        reason if isinstance(reason, str) else "",
        values[names[1]] if len(names) == 2 else None,
    )


def _value(said: object, criterion: Criterion) -> float | None:
    """A word or a grade as 0 to 1; a grade beyond its scale is none."""
    if criterion.kind in _VALUES:
        return _VALUES[criterion.kind].get(verdicts.word_of(said) or "")
    low, high = criterion.scale
    grade = verdicts.grade_of(said, low, high)
    return None if grade is None else (grade - low) / (high - low)


def _nothing(reply: Reply) -> str:
    return f"no verdict in a reply of {len(reply.text)} characters ({reply.finish})"
