"""The dollars of a trial from its calls: one fold for runs, repricing and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def dollars_of_trial(calls: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    """The columns of dollars of a trial (US$), from the rows of its calls.

    Answering, its tools and grading are told apart by `purpose`; `tool_usd` is a part of
    `cost_usd`. What may have been paid without a reply
    includes grading. A sum with an unknown part is None.
    """
    rows = list(calls)
    answering = [row for row in rows if row["purpose"] != "grading"]
    tools = [row for row in answering if row["purpose"] == "tool"]
    grading = [row for row in rows if row["purpose"] == "grading"]
    return {
        "cost_usd": total(row["cost_usd"] for row in answering),
        "tool_usd": total(row["cost_usd"] for row in tools),
        "spent_usd": total(row["spent_usd"] for row in answering),
        "possibly_paid_usd": total(row["possibly_paid_usd"] for row in rows),
        "grading_usd": total(row["cost_usd"] for row in grading),
        "grading_spent_usd": total(row["spent_usd"] for row in grading),
    }


def total(values: Iterable[float | None]) -> float | None:
    """The sum, or None when a part of it is unknown."""
    found = 0.0
    for value in values:
        if value is None:
            return None
        found += value
    return found
