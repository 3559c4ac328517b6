"""Mean scores with their intervals, sorted: the figure for runs without costs."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from fusion_eval import stats
from fusion_eval.plots.layout import room_left, settle, text_scale, wrap
from fusion_eval.plots.style import (
    INK,
    WIDTH,
    font_names,
    given_or_new,
    is_simulated,
    looks_of,
    mark_simulated,
    plain,
    plain_text,
    recipes_phrase,
    shortened,
    tasks_phrase,
)

_LINE, _TOP, _BELOW = 0.27, 0.42, 0.6
_CHARACTER = 0.08
"""Inches that one character of a recipe's name takes."""


def scores(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the score of every recipe (points), best on top, with intervals.

    frame : the table of `stats.pareto` (or trials, from which that table is made first)
    ax : where to draw; new axes by default
    """
    table = frame if "score_low" in frame.columns else stats.pareto(frame)
    return _draw(given_or_new(ax, height(table)), table, own=ax is None)


def draw(figure: Figure, table: pd.DataFrame) -> Axes:
    """The same into an empty figure, which is made as high as it must be."""
    return _draw(figure.add_subplot(), table, own=True)


def _draw(canvas: Axes, table: pd.DataFrame, *, own: bool) -> Axes:
    shown = table[table["score"].notna()].sort_values("score", kind="stable")
    if own:
        _fit(canvas, table)
    size, bottom = 1.0 if own else text_scale(canvas), canvas.get_window_extent().y0
    colours = looks_of(table)
    for place, row in enumerate(shown.to_dict("records")):
        colour, marker = colours[str(row["recipe"])]
        canvas.hlines(place, 100 * row["score_low"], 100 * row["score_high"], colour, lw=1.4)
        canvas.plot(100 * row["score"], place, marker, color=colour, ms=7 * size)
    _names(canvas, shown, size)
    if not own:
        room_left(canvas)
    title = _words(canvas, table, shown, size, own=own)
    if not own:
        settle(canvas, title, bottom)
    if is_simulated(table):
        middles = [(100 * score, float(k)) for k, score in enumerate(shown["score"])]
        mark_simulated(canvas, middles, _bars(canvas, shown), size)
    return canvas


def height(table: pd.DataFrame) -> float:
    """Inches that the figure needs."""
    return _TOP + _BELOW + _LINE * max(3, len(table))


def _fit(ax: Axes, table: pd.DataFrame) -> None:
    tall = height(table)
    ax.get_figure(root=True).set_size_inches(WIDTH, tall)  # type: ignore[union-attr]
    longest = max((len(_cut(name)) for name in table["recipe"]), default=4)
    more = 6 if table["n"].nunique() > 1 else 0
    left = min(0.5, (0.3 + _CHARACTER * (longest + more)) / WIDTH)
    ax.set_position((left, _BELOW / tall, 0.97 - left, (tall - _TOP - _BELOW) / tall))


def _cut(name: object) -> str:
    return shortened(str(name), 44)


def _names(ax: Axes, shown: pd.DataFrame, size: float) -> None:
    same = shown["n"].nunique() == 1
    labels = [
        plain_text(_cut(name)) + ("" if same else f"  ({n})")
        for name, n in zip(shown["recipe"], shown["n"], strict=True)
    ]
    ax.set_yticks(range(len(shown)), labels, fontsize=9 * size, fontfamily=font_names())
    ax.set_ylim(-0.7, len(shown) - 0.3)


def _words(ax: Axes, table: pd.DataFrame, shown: pd.DataFrame, size: float, *, own: bool) -> Text:
    plain(ax)
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=10 * size)
    simulated = is_simulated(table)
    level = float(table.attrs.get("level", 0.95))
    differ = " (in brackets)" if table["n"].nunique() > 1 else ""
    ax.set_xlabel("rubric score (points, 0 to 100)", fontsize=10 * size)
    words = (
        f"{'SIMULATED: mean' if simulated else 'Mean'} score of {recipes_phrase(table)} on "
        f"{tasks_phrase(table)}{differ}, with {level:.0%} intervals"
    )
    title = ax.set_title(words, fontsize=11 * size, color=INK, loc="left")
    if own:  # the names may be long, so the title begins above them
        wide = ax.get_figure(root=True).get_figwidth()  # type: ignore[union-attr]
        title.set_x((0.012 * wide - ax.get_position().x0 * wide) / (ax.get_position().width * wide))
    else:
        wrap(title, ax.get_window_extent().width)
    return title


def _bars(ax: Axes, shown: pd.DataFrame) -> list[Bbox]:
    """Every interval as a thin box in pixels."""
    left = ax.transData.transform([(100 * x, k) for k, x in enumerate(shown["score_low"])])
    right = ax.transData.transform([(100 * x, k) for k, x in enumerate(shown["score_high"])])
    return [
        Bbox.from_extents(x0, y0 - 2, x1, y1 + 2)
        for (x0, y0), (x1, y1) in zip(left, right, strict=True)
    ]
