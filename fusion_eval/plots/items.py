"""How many recipes do right on each criterion: the two ends tell nobody apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from fusion_eval.plots.layout import legend_below, room_left, settle, text_scale, wrap
from fusion_eval.plots.style import (
    COLOURS,
    INK,
    given_or_new,
    is_simulated,
    mark_simulated,
    plain,
)

_HEIGHT = 3.8
_KINDS = {"points": (COLOURS[1], ""), "errors": (COLOURS[4], "//")}


def items(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how many criteria are done right by which share of recipes.

    frame : the table of `stats.items`

    Right is a point that is met, or an error that is not made. At 0 % nobody does right (dead), at
    100 % everybody (saturated): neither changes a ranking. The title says how many these are.
    """
    return _draw(given_or_new(ax, height(frame)), frame)


def draw(figure: Figure, frame: pd.DataFrame) -> Axes:
    """The same into an empty figure."""
    return _draw(figure.add_axes((0.1, 0.2, 0.87, 0.66)), frame)


def height(frame: pd.DataFrame) -> float:
    """Inches that the figure needs."""
    return _HEIGHT


def _draw(ax: Axes, frame: pd.DataFrame) -> Axes:
    size, bottom = text_scale(ax), ax.get_window_extent().y0
    right = frame["met"].where(frame["weight"] > 0, 1 - frame["met"]).to_numpy(dtype=np.float64)
    most = int(frame["n"].max())
    edges = (np.arange(most + 2) - 0.5) / most
    base, handles = np.zeros(most + 1), list[Artist]()
    for kind, which in (("points", frame["weight"] > 0), ("errors", frame["weight"] < 0)):
        count = np.histogram(right[which.to_numpy()], edges)[0]
        colour, hatch = _KINDS[kind]
        look: dict[str, Any] = {"hatch": hatch, "edgecolor": "white", "linewidth": 0.6}
        ax.bar(np.arange(most + 1) / most, count, 0.86 / most, base, color=colour, **look)
        handles.append(Patch(facecolor=colour, **look, label=f"{kind} ({int(which.sum()):,})"))
        base = base + count
    plain(ax)
    ax.grid(False, axis="x")
    ax.tick_params(labelsize=9 * size)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_ylabel("criteria", fontsize=10 * size)
    room_left(ax)
    width = float(ax.get_window_extent().width)
    label = f"share of {most} recipes that do right (point met, error not made)"
    wrap(ax.set_xlabel(label, fontsize=10 * size), width)
    none, every = base[0] / base.sum(), base[-1] / base.sum()
    what = f"all do right on {every:.0%} of {int(base.sum()):,} criteria, none on {none:.0%}"
    title = ax.set_title(
        f"SIMULATED: {what}" if is_simulated(frame) else what.capitalize(),
        fontsize=11 * size, loc="left", color=INK,
    )  # fmt: skip
    wrap(title, width)
    legend_below(ax, handles, size)
    settle(ax, title, bottom)
    if is_simulated(frame):
        mark_simulated(ax, list(zip(np.arange(most + 1) / most, base, strict=True)), [], size)
    return ax
