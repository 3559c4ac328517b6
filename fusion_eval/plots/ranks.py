"""Which ranks the data leave open to each recipe: a bar for a set, never a place for a mean."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusion_eval import stats
from fusion_eval.plots import rows
from fusion_eval.plots.layout import text_scale
from fusion_eval.plots.style import (
    INK,
    QUIET,
    given_or_new,
    is_simulated,
    mark_simulated,
    tasks_phrase,
)


def ranks(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the ranks that each recipe could have, the highest mean on top.

    frame : the table of `stats.ranks` (or trials, from which that table is made first)

    A bar holds all ranks that the simultaneous intervals leave open; the marker is where the mean
    came out, filled where rank 1 is open.
    """
    table = frame if "rank_low" in frame.columns else stats.ranks(frame)
    return _draw(given_or_new(ax, height(table)), table)


def draw(figure: Figure, table: pd.DataFrame) -> Axes:
    """The same into an empty figure."""
    tall = height(table)
    return _draw(figure.add_axes((0.3, 0.5 / tall, 0.67, 1 - 1.0 / tall)), table)


def height(table: pd.DataFrame) -> float:
    """Inches that the figure needs."""
    return rows.height(len(table))


def _draw(ax: Axes, table: pd.DataFrame) -> Axes:
    shown = table.sort_values("score", kind="stable").to_dict("records")
    size, bottom, best = text_scale(ax), ax.get_window_extent().y0, INK
    for place, row in enumerate(shown):
        colour = best if row["maybe_best"] else QUIET
        low, high = row["rank_low"] - 0.3, row["rank_high"] + 0.3
        ax.barh(place, high - low, left=low, height=0.42, color=colour, alpha=0.3, zorder=2)
        face = best if row["maybe_best"] else "white"
        ax.plot(len(shown) - place, place, "o", mfc=face, mec=colour, ms=6 * size, zorder=4)
    ax.set_xlim(0.4, len(shown) + 0.6)
    ax.set_xticks(_ticks(len(shown)))
    names = [f"{row['recipe']} · {100 * row['score']:.1f}" for row in shown]
    what = f"ranks that {tasks_phrase(table)} leave open"
    title = f"SIMULATED: {what}" if is_simulated(table) else what.capitalize()
    level = float(table.attrs.get("level", 0.95))
    label = f"rank, 1 is best ({level:.0%}, all at once; filled: may be first)"
    rows.finish(ax, names, title, label, bottom)
    if is_simulated(table):
        mark_simulated(ax, [(len(shown) - k, k) for k in range(len(shown))], [], size)
    return ax


def _ticks(count: int) -> list[int]:
    """The first and the last rank, and round ones between."""
    step = 1 if count <= 10 else 5 if count <= 30 else 10
    between = [rank for rank in range(step, count, step) if 1 < rank <= count - step / 2]
    return [1, *between, count]
