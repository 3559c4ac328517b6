"""Verdicts out of a grader's own reply, and out of nothing else; never a guess."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_eval import text
from fusion_eval.core import Criterion, Reply

_VALUES = {"binary": {"MET": 1.0, "UNMET": 0.0}, "ternary": {"MET": 1, "PARTLY": 0.5, "UNMET": 0}}
_FIELDS: dict[str, tuple[str, ...]] = {
    "binary": ("verdict",),
    "ternary": ("verdict",),
    "ordinal": ("grade",),
    "reference": ("grade", "reference_grade"),
}
_LAST_LINE = re.compile(
    r"(?i)(?:^|\n)[ *_#>-]*(?:final\s+)?verdict\b[ *_:=]{1,8}(MET|PARTLY|UNMET)[ *_.]*$"
)


@dataclass(frozen=True, slots=True)
class Read:
    """How far a criterion is met (0 to 1; None: cannot be read), and why, or what was wrong."""

    value: float | None
    reason: str
    reference_value: float | None = None


Row = Mapping[str, Any]


def read(reply: Reply, batch: Sequence[Criterion]) -> list[Read]:
    """What a reply says of each criterion.

    Of one criterion: a JSON object with the field `verdict` (or `grade`) counts, or a text, not cut
    off, whose last line is `verdict: MET` and nothing more. A verdict elsewhere may be a quotation
    from the answer, so two that differ are none. Of several: one JSON object that names each
    criterion by its number, once.
    """
    value = text.json_object(reply.text, truncated=reply.finish == "length")
    rows = value.get("verdicts") if value is not None else None
    if len(batch) == 1:
        row = rows.get("1") if isinstance(rows, dict) else value
        return [_one(reply, row if isinstance(row, dict) else value, batch[0])]
    if not isinstance(rows, dict):
        return [Read(None, _nothing(reply))] * len(batch)
    return [_numbered(rows.get(str(i)), i, criterion) for i, criterion in enumerate(batch, 1)]


def _one(reply: Reply, value: Row | None, criterion: Criterion) -> Read:
    line = None
    if criterion.kind in _VALUES and reply.finish != "length":
        line = _LAST_LINE.search(reply.text.strip())
    if value is None and line is None:
        return Read(None, _nothing(reply))
    rows: list[Row] = [] if value is None else [value]
    if line is not None:
        rows.append({"verdict": line.group(1), "explanation": reply.text[: line.start()].strip()})
    return _agreed(rows, criterion)


def _numbered(row: object, number: int, criterion: Criterion) -> Read:
    if not isinstance(row, dict):
        return Read(None, f"no verdict on criterion {number}")
    found = _agreed([row], criterion)
    if found.value is None:
        return Read(None, f"{found.reason} on criterion {number}")
    return found


def _agreed(rows: Sequence[Row], criterion: Criterion) -> Read:
    """What all rows say alike; None where they differ or one of them cannot be read."""
    fields = _FIELDS[criterion.kind]
    each = [tuple(_value(row.get(field), criterion) for field in fields) for row in rows]
    if len(set(each)) > 1 or None in each[0]:
        words = sorted({str(row.get(f)).strip().upper() for row in rows for f in fields})
        return Read(None, f"{fields[0]} {' and '.join(words)[:40]!r}")
    said = [row.get("explanation") for row in rows]
    reason = next((text for text in said if isinstance(text, str)), "")
    return Read(each[0][0], reason, each[0][1] if len(fields) == 2 else None)


def _value(said: object, criterion: Criterion) -> float | None:
    """A word or a grade as 0 to 1; a grade beyond its scale is none."""
    if criterion.kind in _VALUES:
        return _VALUES[criterion.kind].get(str(said).strip().upper())
    low, high = criterion.scale
    if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
        return None
    return (said - low) / (high - low) if low <= said <= high else None


def _nothing(reply: Reply) -> str:
    return f"no verdict in a reply of {len(reply.text)} characters ({reply.finish})"
