"""What more of the same brings, by size, with the dollars that are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusion_eval.core import Estimate
from fusion_eval.plots.layout import room_left, settle, text_scale, wrap
from fusion_eval.plots.scales import dollars
from fusion_eval.plots.style import (
    COLOURS,
    INK,
    QUIET,
    given_or_new,
    is_simulated,
    mark_simulated,
    plain,
    plain_text,
)

_HEIGHT = 4.0


def scaling(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the gain over the smallest size (points) with simultaneous intervals.

    frame : the table of `stats.scaling`

    Below each size stand the dollars of a task where they are known. The line is the slope on the
    log of the size, with its interval in the title. Filled markers: the gain is certain.
    """
    return _draw(given_or_new(ax, height(frame)), frame)


def draw(figure: Figure, frame: pd.DataFrame) -> Axes:
    """The same into an empty figure."""
    return _draw(figure.add_axes((0.09, 0.16, 0.88, 0.7)), frame)


def height(frame: pd.DataFrame) -> float:
    """Inches that the figure needs."""
    return _HEIGHT


def _draw(ax: Axes, frame: pd.DataFrame) -> Axes:
    rows = frame.sort_values("size", kind="stable").to_dict("records")
    size, bottom = text_scale(ax), ax.get_window_extent().y0
    ax.axhline(0, color=INK, lw=0.9, zorder=1)
    for row in rows:
        _point(ax, row, size)
    ax.set_xscale("log", base=2)
    ax.set_xticks([row["size"] for row in rows], [_tick(row) for row in rows])
    ax.minorticks_off()
    plain(ax)
    ax.tick_params(labelsize=9 * size)
    slope: Estimate = frame.attrs["per_doubling"]
    _line(ax, rows, slope)
    ax.set_ylabel(f"gain over {plain_text(str(rows[0]['recipe']))} (points)", fontsize=10 * size)
    room_left(ax)
    width = float(ax.get_window_extent().width)
    wrap(ax.set_xlabel("size, and US\\$ per task where it is known", fontsize=10 * size), width)
    low, high = 100 * slope.low, 100 * slope.high
    what = f"each doubling brings {100 * slope.value:+.1f} points ({low:+.1f} to {high:+.1f}"
    what += f", {slope.n} tasks)"
    title = ax.set_title(
        f"SIMULATED: {what}" if is_simulated(frame) else what.capitalize(),
        fontsize=11 * size, loc="left", color=INK,
    )  # fmt: skip
    wrap(title, width)
    settle(ax, title, bottom)
    if is_simulated(frame):
        mark_simulated(ax, [(row["size"], 100 * _gain(row)) for row in rows], [], size)
    return ax


def _gain(row: Mapping[Any, Any]) -> float:
    return 0.0 if pd.isna(row["gain"]) else float(row["gain"])


def _point(ax: Axes, row: Mapping[Any, Any], size: float) -> None:
    sure = pd.notna(row["gain"]) and (row["gain_low"] > 0 or row["gain_high"] < 0)
    if pd.notna(row["gain"]):
        ends = (100 * row["gain_low"], 100 * row["gain_high"])
        ax.vlines(row["size"], *ends, COLOURS[3], lw=1.4, zorder=3)
    face = COLOURS[3] if sure else "white"
    ax.plot(row["size"], 100 * _gain(row), "o", mfc=face, mec=COLOURS[3], ms=7 * size, zorder=4)


def _tick(row: Mapping[Any, Any]) -> str:
    return f"{row['size']:g}" + ("" if pd.isna(row["usd"]) else f"\n{dollars(row['usd'])}")


def _line(ax: Axes, rows: list[dict[Any, Any]], slope: Estimate) -> None:
    """The fitted line, through the middle of the points."""
    x = np.log2([row["size"] for row in rows])
    y = 100 * np.array([_gain(row) for row in rows])
    line = y.mean() + 100 * slope.value * (x - x.mean())
    ax.plot(2.0**x, line, color=QUIET, lw=1.1, ls=(0, (4, 3)), zorder=2)
