"""Numbers and names as the list shows them, in the terminal and on the page."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fusion_eval.core.readable import KINDS, dollars, plain, points
from fusion_eval.viewing.runs import Listed

NONE = "–"


def told(text: object) -> str:
    """One line of plain text; a dash for None."""
    return NONE if text is None else plain(text)


def paid(row: Listed) -> str:
    """What a run paid, with calls whose price nobody knows."""
    if row.problem is not None:
        return NONE
    if row.dollars is not None and row.calls_of_unknown_price:
        return f"≥ {dollars(row.dollars)} ({row.calls_of_unknown_price:,} unknown)"
    return dollars(row.dollars)


def trials(row: Listed) -> str:
    """`12 of 30`, `30`, or a dash where the manifest does not tell."""
    done, wanted = row.trials_done, row.trials_wanted
    if done is None:
        return NONE
    return f"{done:,}" if wanted in (None, done) else f"{done:,} of {wanted:,}"


def score(value: float | None) -> str:
    """A score of 0 to 1 as points; a dash for None."""
    return NONE if value is None else points(value)


def signed(value: float | None) -> str:
    """The same with its sign."""
    return NONE if value is None else points(value, signed=True)


def day(date: str | None) -> str:
    """`2026-11-30 21:09` of a time in UTC."""
    return NONE if date is None else plain(date)[:16].replace("T", " ")


def failures(counts: Counter[str]) -> str:
    """`2 (timeout 1, empty 1)`."""
    if not counts:
        return "0"
    named = ", ".join(f"{plain(word)} {count:,}" for word, count in counts.most_common())
    return f"{counts.total():,} ({named})"


def status(word: str) -> str:
    """`stopped by budget`."""
    return plain(word.replace("_", " "))


def percent(value: float | None) -> str:
    """A share as whole percent; a dash for None."""
    return NONE if value is None else KINDS["percent"](value)


FILTERS: dict[str, Any] = {
    "told": told,
    "usd": dollars,
    "paid": paid,
    "trials": trials,
    "points": score,
    "signed": signed,
    "day": day,
    "failures": failures,
    "status": status,
    "percent": percent,
}
