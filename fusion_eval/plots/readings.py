"""Scores with and without the answers that were cut off or failed, with how many there were."""

from __future__ import annotations

from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusion_eval import stats
from fusion_eval.plots import rows
from fusion_eval.plots.layout import text_scale
from fusion_eval.plots.style import (
    COLOURS,
    given_or_new,
    is_simulated,
    mark_simulated,
    tasks_phrase,
)

Reading = Literal["cut answers left out", "complete cases"]
_RATES = {
    "cut answers left out": ("cut rate", "cut off"), "complete cases": ("failure rate", "failed"),
}  # fmt: skip
_APART = 0.17


def readings(
    frame: pd.DataFrame, ax: Axes | None = None, reading: Reading = "cut answers left out"
) -> Axes:
    """Draw each recipe's score as deployed (filled) and with some answers left out (hollow).

    frame : the table of `stats.failures` (or trials, from which that table is made first)
    reading : which second reading; behind each name stands the share of answers it leaves out

    What is left after leaving answers out is no fair sample of tasks: long answers are cut, and
    the tasks that need them go. So this shows how much hangs on them, not how good a recipe is.
    """
    table = frame if "reading" in frame.columns else stats.failures(frame)
    return _draw(given_or_new(ax, height(table)), table, reading)


def draw(figure: Figure, table: pd.DataFrame, reading: Reading = "cut answers left out") -> Axes:
    """The same into an empty figure."""
    tall = height(table)
    return _draw(figure.add_axes((0.3, 0.5 / tall, 0.67, 1 - 1.0 / tall)), table, reading)


def height(table: pd.DataFrame) -> float:
    """Inches that the figure needs."""
    return rows.height(table["recipe"].nunique())


def _draw(ax: Axes, table: pd.DataFrame, reading: Reading) -> Axes:
    rate, word = _RATES[reading]
    every, known, rest = (
        table[table["reading"] == name].set_index("recipe")
        for name in ("as deployed", rate, reading)
    )
    first = every.loc[known.index].sort_values("value", kind="stable")
    size, bottom = text_scale(ax), ax.get_window_extent().y0
    names, points = [], []
    for place, name in enumerate(first.index):
        row = first.loc[name]
        _point(ax, place + _APART, row, COLOURS[3], COLOURS[3], size)
        if name in rest.index:
            _point(ax, place - _APART, rest.loc[name], COLOURS[4], "white", size)
        names.append(f"{name} · {known.loc[name, 'value']:.0%} {word}")
        points.append((100 * float(row["value"]), float(place)))
    level = float(table.attrs.get("level", 0.95))
    what = f"scores of all answers (filled) and without those {word} (hollow)"
    title = f"SIMULATED: {what}" if is_simulated(table) else what.capitalize()
    tasks = tasks_phrase(table[table["reading"].isin(["as deployed", reading])])
    label = f"rubric score (points, 0 to 100), {tasks}, {level:.0%} intervals"
    rows.finish(ax, names, title, label, bottom)
    if is_simulated(table):
        mark_simulated(ax, points, [], size)
    return ax


def _point(ax: Axes, at: float, row: pd.Series, colour: str, face: str, size: float) -> None:
    if pd.isna(row["value"]):
        return
    ax.hlines(at, 100 * row["low"], 100 * row["high"], colour, lw=1.4, zorder=3)
    marker = "o" if face != "white" else "s"
    ax.plot(100 * row["value"], at, marker, mfc=face, mec=colour, ms=6 * size, zorder=4)
