"""How likely each recipe is the right choice, by what a point of score is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MultipleLocator, PercentFormatter
from matplotlib.transforms import Bbox

from fusion_eval import stats
from fusion_eval.plots.labels import FARTHER, NEAR, place
from fusion_eval.plots.layout import legend_below, room_left, settle, text_scale, wrap
from fusion_eval.plots.scales import price_axis, unit_of
from fusion_eval.plots.style import (
    COLOURS,
    INK,
    given_or_new,
    is_simulated,
    looks_of,
    mark_simulated,
    plain,
    plain_text,
    shortened,
    tasks_phrase,
)

MOST, LEAST = len(COLOURS), 0.05
"""Curves that are drawn at most, each in a colour of its own, and what a curve reaches at least
somewhere to be drawn."""
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
_CHOSEN, _OTHERWISE = 3.2, 1.3
_FEW = "too few tasks to say how sure"


class Curve(NamedTuple):
    """A recipe's probability (percent) at each value of a point, and where it is the choice."""

    recipe: str
    values: list[float]
    percent: list[float]
    chosen: list[bool]

    @property
    def top(self) -> tuple[float, float]:
        """The middle of the values at which the curve is highest."""
        highest = max(self.percent)
        at = [value for value, p in zip(self.values, self.percent, strict=True) if p == highest]
        return at[len(at) // 2], highest


def curves(table: pd.DataFrame) -> list[Curve]:
    """The curves that are drawn, in the order of the values at which they are highest.

    At most `MOST`, those that reach most; none while there are too few tasks for a probability.
    """
    shown = table[(table["value"] > 0) & table["probability"].notna()].sort_values("value")
    found = [
        Curve(
            str(name),
            rows["value"].astype(float).tolist(),
            (100 * rows["probability"].astype(float)).tolist(),
            rows["chosen"].astype(bool).tolist(),
        )
        for name, rows in shown.groupby("recipe", sort=False)
    ]
    reach = [c for c in found if max(c.percent) >= 100 * LEAST or any(c.chosen)]
    reach = sorted(reach, key=lambda c: -max(c.percent))[:MOST]
    return sorted(reach, key=lambda c: c.top)


def acceptability(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw acceptability curves: the probability of being the right choice, on a log axis.

    Parameters
    ----------
    frame : the table of `stats.acceptability` (or trials, from which that table is made first)
    ax : where to draw; new axes by default

    Returns
    -------
    Axes. A curve is thick where its recipe has the largest expected net benefit, which is where it
    should be chosen: that need not be where it is most likely the best. Recipes that are nowhere
    likely are counted in the title, not drawn.
    """
    table = frame if "net_benefit" in frame.columns else stats.acceptability(frame)
    return _draw(given_or_new(ax, height(table)), table)


def draw(figure: Figure, table: pd.DataFrame) -> Axes:
    """The same into an empty figure."""
    tall = figure.get_figheight()
    return _draw(figure.add_axes((0.09, 0.65 / tall, 0.88, 1 - 1.2 / tall)), table)


def height(table: pd.DataFrame) -> float:
    """Inches that the figure needs."""
    return 4.4


def _draw(ax: Axes, table: pd.DataFrame) -> Axes:
    drawn, size = curves(table), text_scale(ax)
    bottom = ax.get_window_extent().y0
    colours = looks_of(table)
    for k, curve in enumerate(drawn):
        _curve(ax, k, curve, colours[curve.recipe], size)
    _axes(ax, table, drawn, size)
    title = _title(ax, table, drawn, size)
    if not drawn:
        ax.text(0.5, 0.5, _FEW, transform=ax.transAxes, ha="center", va="center", color=INK)
        return ax
    settle(ax, title, bottom)
    mark = _mark(ax, table, drawn, size)
    if not _labels(ax, drawn, mark, size):
        handles = [_handle(k, c, *colours[c.recipe]) for k, c in enumerate(drawn)]
        legend_below(ax, handles, size)
        settle(ax, title, bottom)
        mark.remove()
        _mark(ax, table, drawn, size)
    return ax


def _mark(ax: Axes, table: pd.DataFrame, drawn: Sequence[Curve], size: float) -> Text:
    mark = mark_simulated(ax, [c.top for c in drawn], _boxes(ax, drawn), size)
    mark.set_visible(is_simulated(table))
    return mark


def _curve(ax: Axes, k: int, curve: Curve, look: tuple[str, str], size: float) -> None:
    colour, marker = look
    dashes = _DASHES[k % len(_DASHES)]
    ax.plot(curve.values, curve.percent, color=colour, ls=dashes, lw=_OTHERWISE, zorder=3,
            gid=f"curve-{k}")  # fmt: skip
    chosen = [p if c else math.nan for p, c in zip(curve.percent, curve.chosen, strict=True)]
    ax.plot(curve.values, chosen, color=colour, lw=_CHOSEN, zorder=4, solid_capstyle="round")
    ax.plot(*curve.top, marker, color=colour, mec="white", ms=8 * size, zorder=5, gid=f"point-{k}")


def _handle(k: int, curve: Curve, colour: str, marker: str) -> Line2D:
    dashes = _DASHES[k % len(_DASHES)]
    return Line2D([], [], color=colour, marker=marker, ls=dashes, lw=_OTHERWISE, ms=6,
                  label=plain_text(shortened(curve.recipe, 30)))  # fmt: skip


def _axes(ax: Axes, table: pd.DataFrame, drawn: Sequence[Curve], size: float) -> None:
    plain(ax)
    unit, values = unit_of(table), [value for curve in drawn for value in curve.values]
    kind = "log"
    if values:
        kind = price_axis(ax, min(values), max(values), unit, room=0.02)
    ax.set_ylim(0, 104)
    ax.yaxis.set_major_locator(MultipleLocator(25 if size < 1 else 20))
    ax.yaxis.set_major_formatter(PercentFormatter(decimals=0))
    ax.tick_params(labelsize=10 * size)
    ax.set_ylabel("probability", fontsize=10 * size)
    room_left(ax)
    wrap(ax.set_xlabel(unit.point.format(kind), fontsize=10 * size), ax.get_window_extent().width)


def _title(ax: Axes, table: pd.DataFrame, drawn: Sequence[Curve], size: float) -> Text:
    words, rest = "probability of being the right choice", table["recipe"].nunique() - len(drawn)
    below = "thick: largest expected net benefit"
    below += f"; {rest} less likely {'recipe' if rest == 1 else 'recipes'} not drawn" * (rest > 0)
    title = ax.set_title(
        (f"SIMULATED: {words}" if is_simulated(table) else words.capitalize())
        + (f", on {tasks_phrase(table)}" if len(table) else "")
        + (f"\n{below}" if drawn else ""),
        fontsize=11 * size, loc="left", color=INK,
    )  # fmt: skip
    wrap(title, ax.get_window_extent().width)
    return title


def _labels(ax: Axes, drawn: Sequence[Curve], mark: Text, size: float) -> bool:
    """Names beside the tops of their curves; False where there is no room for all."""
    names = [plain_text(shortened(curve.recipe, 30)) for curve in drawn]
    taken = [mark.get_window_extent()] if mark.get_visible() else []
    at, avoid = [c.top for c in drawn], [*taken, *_boxes(ax, drawn)]
    return any(place(ax, at, names, avoid, reach, 9.0 * size) for reach in (NEAR, FARTHER))


def _boxes(ax: Axes, drawn: Sequence[Curve]) -> list[Bbox]:
    """The curves as chains of small boxes, in pixels."""
    found = []
    for curve in drawn:
        corners = ax.transData.transform(np.column_stack([curve.values, curve.percent]))
        for (x0, y0), (x1, y1) in pairwise(corners):
            steps = max(1, int(max(abs(x1 - x0), abs(y1 - y0)) / 6))
            for k in range(steps):
                x, y = x0 + (x1 - x0) * k / steps, y0 + (y1 - y0) * k / steps
                found.append(Bbox.from_bounds(x - 3, y - 3, 6, 6))
    return found
