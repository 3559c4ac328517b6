"""Our tables as people read them: points, dollars, intervals in one cell, SIMULATED on top.

The numbers of a frame are for programs: 0 to 1, in full, over a dozen columns. `readable` shows the
same rows rounded, with low and high beside their value and each caveat once below.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from fusion_eval.core.readable import KINDS
from fusion_eval.errors import StatisticsError
from fusion_eval.frames import is_simulated
from fusion_eval.report.words import dollars, number, plain, points

Cell = Callable[[Any], str]

WORDY = ("estimand", "method", "cost_method", "seconds_method", "caveat", "verdict")
"""Columns of sentences: shown when asked for; caveats stand below the table in any case."""
ENDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "score": (("score_low", "score_high"), ("low", "high")),
    "difference": (("difference_low", "difference_high"), ("low", "high")),
    "corrected": (("corrected_low", "corrected_high"),),
    "net_benefit": (("low", "high"),),
    "value": (("low", "high"),),
    "cost_usd": (("cost_low", "cost_high"),),
    "seconds": (("seconds_low", "seconds_high"),),
}
"""For each estimate, the columns in which its interval may stand; who stands first takes them."""

_POINTS = {
    "score", "difference", "se", "sd", "se_now", "se_doubled", "detectable_now", "corrected",
    "optimism",
}  # fmt: skip
_SECONDS = {"seconds": "seconds", "latency_s": "latency", "limit_s": "limit"}
_SHARES = {
    "probability", "p_on_frontier", "in_time", "p_best", "share_of_dearer", "power", "power_now",
}  # fmt: skip
_P = {"p", "p_adjusted", "p_noninferior", "p_equivalent"}


@dataclass(frozen=True, slots=True)
class Readable:
    """What shows itself in a notebook (as HTML, where there is some) and in a terminal (`str`)."""

    text: str
    html: str | None = None

    def _repr_html_(self) -> str | None:
        return self.html

    def __repr__(self) -> str:
        return self.text


def readable(frame: pd.DataFrame, columns: Sequence[str] | None = None, rows: int = 40) -> Readable:
    """A frame of ours for people; `columns` in the order given, by default all but `WORDY`.

    Raises StatisticsError for a column that is not there.
    """
    if missing := [name for name in columns or () if name not in frame]:
        raise StatisticsError(
            f"no column {', '.join(missing)}; there are {', '.join(map(str, frame))}"
        )
    shown = _without_ends(frame, columns)
    heads = [_head(name) for name, _ in shown]
    if simulated := is_simulated(frame):
        heads[0] = f"{heads[0]} (SIMULATED)"
    records: list[Any] = frame.head(rows).to_dict("records")
    body = [[_cell(row, name, ends) for name, ends in shown] for row in records]
    notes = _notes(frame, len(frame) - len(body), simulated)
    return Readable(_text(heads, body, notes), _html(heads, body, notes))


def _without_ends(
    frame: pd.DataFrame, columns: Sequence[str] | None
) -> list[tuple[str, tuple[str, str] | None]]:
    """(column, columns of its interval), without the columns that went into an interval."""
    names = list(columns or [str(c) for c in frame if c not in WORDY])
    taken: dict[tuple[str, str], str] = {}
    for name in [name for name in ENDS if name in names]:
        for pair in ENDS[name]:
            if set(pair) <= set(frame) and name not in taken.values():
                taken.setdefault(pair, name)
    within = {end for pair in taken for end in pair}
    ends = {name: pair for pair, name in taken.items()}
    return [(name, ends.get(name)) for name in names if name not in within]


def _head(name: str) -> str:
    """`score, points`; the unit leaves the name."""
    if name in _SECONDS:
        return f"{_SECONDS[name]}, s"
    words = name.removesuffix("_usd").replace("_", " ")
    return f"{words}{', points' if name in _POINTS else ', US$' if _is_money(name) else ''}"


def _kind(name: str) -> Cell:
    """How the numbers of a column are written, by its name."""
    if name in _SECONDS:
        return _seconds
    for names, kind in ((_POINTS, "points"), (_SHARES, "percent"), (_P, "p")):
        if name in names:
            return KINDS[kind]
    return dollars if _is_money(name) else _plainly


def _is_money(name: str) -> bool:
    return name.endswith("usd") or name == "net_benefit"


def _seconds(value: float) -> str:
    """Without the unit, which stands in the heading."""
    return KINDS["seconds"](value).removesuffix(" s")


def _cell(row: Mapping[str, Any], name: str, ends: tuple[str, str] | None) -> str:
    value = row[name]
    write = partial(points, signed=True) if name == "difference" else _kind(name)
    if isinstance(value, str):
        return plain(value)
    if value is None or pd.isna(value):
        return "–"
    if isinstance(value, float) and math.isinf(value):
        return "∞"
    text = write(value)
    if ends is None or any(pd.isna(row[end]) for end in ends):
        return text
    return f"{text} ({write(row[ends[0]])} to {write(row[ends[1]])})"


def _plainly(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if value == round(value) else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else plain(value)


def _notes(frame: pd.DataFrame, hidden: int, simulated: bool) -> list[str]:
    notes = [f"and {number(hidden, 'row')} more"] if hidden else []
    for caveat in frame["caveat"].dropna().drop_duplicates() if "caveat" in frame else ():
        notes += [part for part in str(caveat).split("; ") if part not in {"", "SIMULATED"}]
    return [*(["SIMULATED"] if simulated else []), *map(plain, dict.fromkeys(notes))]


def _html(heads: list[str], body: list[list[str]], notes: list[str]) -> str:
    def line(tag: str, cells: list[str]) -> str:
        return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

    rows = "\n".join(line("td", row) for row in body)
    below = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    table = f"<table>\n<thead>{line('th', heads)}</thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    return f'<div style="overflow-x: auto">{table}</div>' + (f"\n<ul>{below}</ul>" if below else "")


def _text(heads: list[str], body: list[list[str]], notes: list[str]) -> str:
    table = pd.DataFrame(body, columns=heads).to_string(index=False)
    return "\n".join([table, *(f"- {note}" for note in notes)])
