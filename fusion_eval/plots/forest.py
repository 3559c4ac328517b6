"""Differences with their intervals, one row a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from fusion_eval.plots.layout import room_left, settle, text_scale, wrap
from fusion_eval.plots.style import (
    INK,
    QUIET,
    font_names,
    given_or_new,
    is_simulated,
    mark_simulated,
    plain,
    plain_text,
    shortened,
)

LOOKS = {
    "better": (INK, "o"),
    "worse": (INK, "s"),
    "equivalent": (INK, "D"),
    "undecided": (QUIET, "o"),
}
"""conclusion -> (colour, marker); an undecided difference is hollow. Colours are of recipes."""
_LINE, _AROUND, _LONGEST = 0.27, 1.15, 34


def forest(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the table of `fe.compare`: points of difference with simultaneous intervals.

    Other tables with `a`, `b`, `difference`, `low` and `high` do as well, such as differences
    between graders; without a `conclusion` a difference is hollow when its interval holds 0.

    The largest difference stands on top; the line at zero is where nothing changed. Filled
    markers are decided (better, worse, equivalent), hollow ones are not.
    """
    return _draw(given_or_new(ax, height(frame)), frame)


def draw(figure: Figure, frame: pd.DataFrame) -> Axes:
    """The same into an empty figure."""
    ax = figure.add_axes((0.3, 0.5 / height(frame), 0.67, 1 - 1.0 / height(frame)))
    return _draw(ax, frame)


def height(frame: pd.DataFrame) -> float:
    """Inches that the figure needs."""
    return _AROUND + _LINE * max(2, len(frame))


def _draw(ax: Axes, frame: pd.DataFrame) -> Axes:
    shown = frame[frame["difference"].notna()].sort_values("difference", kind="stable")
    rows = shown.to_dict("records")
    size, bottom = text_scale(ax), ax.get_window_extent().y0
    ax.axvline(0, color=INK, lw=0.9, zorder=1)
    for place, row in enumerate(rows):
        _row(ax, place, row, size)
    one = shown["b"].nunique() == 1
    names = [
        str(row["a"]) if one else f"{shortened(str(row['a']), 16)} − {shortened(str(row['b']), 16)}"
        for row in rows
    ]
    labels = [plain_text(shortened(name, _LONGEST)) for name in names]
    ax.set_yticks(range(len(rows)), labels, fontsize=9 * size, fontfamily=font_names())
    # one line more below, where the mark covers nothing
    ax.set_ylim(-0.7 - is_simulated(frame), max(len(rows), 2) - 0.3)
    _words(ax, frame, rows, one, size, bottom)
    return ax


def _row(ax: Axes, place: int, row: Mapping[Any, Any], size: float) -> None:
    colour, marker = LOOKS[_conclusion(row)]
    if pd.notna(row["low"]):
        ax.hlines(place, 100 * row["low"], 100 * row["high"], colour, lw=1.5, zorder=3)
    face = "white" if _conclusion(row) == "undecided" else colour
    ax.plot(100 * row["difference"], place, marker, mfc=face, mec=colour, ms=7 * size, zorder=4)


def _conclusion(row: Mapping[Any, Any]) -> str:
    if "conclusion" in row:
        return str(row["conclusion"])
    if pd.isna(row["low"]) or row["low"] <= 0 <= row["high"]:
        return "undecided"
    return "better" if row["difference"] > 0 else "worse"


def _words(
    ax: Axes, frame: pd.DataFrame, rows: list[dict[Any, Any]], one: bool, size: float, bottom: float
) -> None:
    plain(ax)
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=9 * size)
    simulated = is_simulated(frame)
    room_left(ax)
    label = ax.set_xlabel("difference (points of 100)", fontsize=10 * size)
    wrap(label, ax.get_window_extent().width)
    of = f"to {plain_text(str(rows[0]['b']))}" if one and rows else "of the first to the second"
    title = ax.set_title(
        f"{'SIMULATED: difference' if simulated else 'Difference'} {of}", fontsize=11 * size,
        loc="left", color=INK,
    )  # fmt: skip
    wrap(title, ax.get_window_extent().width)
    settle(ax, title, bottom)
    if simulated:
        middles = [(100 * row["difference"], k) for k, row in enumerate(rows)]
        mark_simulated(ax, middles, _bars(ax, rows), size)


def _bars(ax: Axes, rows: list[dict[Any, Any]]) -> list[Bbox]:
    """Every interval as a thin box in pixels."""
    known = [(k, row) for k, row in enumerate(rows) if pd.notna(row["low"])]
    ends = [[(100 * row[end], k) for end in ("low", "high")] for k, row in known]
    pixels = [ax.transData.transform(pair) for pair in ends]
    return [Bbox.from_extents(a[0], a[1] - 2, b[0], b[1] + 2) for a, b in pixels]
