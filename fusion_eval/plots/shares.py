"""Shares with their intervals, one line each: verdicts that flip, are unread, agree with people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator, PercentFormatter

from fusion_eval.errors import StatisticsError
from fusion_eval.plots.layout import legend_below, room_left, settle, text_scale, wrap
from fusion_eval.plots.style import (
    COLOURS,
    INK,
    MARKERS,
    font_names,
    given_or_new,
    is_simulated,
    mark_simulated,
    plain,
    plain_text,
    shortened,
)

NAMES = ("of", "between", "rater", "recipe", "a", "b", "quantity", "reading", "verdict", "measure")
"""Columns that say what a row is about; those that differ between the rows name its line."""
_LINE, _AROUND, _LONGEST = 0.27, 1.3, 40
_SIGNS = {"all": 0, "positive": 1, "negative": 2}


def shares(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw shares with intervals: tables with `value`, `low`, `high` from 0 to 1, one line a row.

    Parameters
    ----------
    frame : such as `fe.drafts`, or `fe.agreement` (of which shares are `raw`, the rest are
        coefficients from -1 to 1). Lines are named by the columns `NAMES` that differ; rows that
        differ in `sign` alone (all, positive, negative criteria) have markers of their own
    ax : where to draw; new axes by default

    Returns
    -------
    Axes, in percent, or from -1 to 1 where there are coefficients. Rows without a value are left
    out.

    Raises
    ------
    StatisticsError : the table has no `value`, `low` and `high`
    """
    return _draw(given_or_new(ax, height(frame)), frame)


def draw(figure: Figure, frame: pd.DataFrame) -> Axes:
    """The same into an empty figure."""
    tall = height(frame)
    return _draw(figure.add_axes((0.34, 0.7 / tall, 0.63, 1 - 1.15 / tall)), frame)


def height(frame: pd.DataFrame) -> float:
    """Inches that the figure needs."""
    return _AROUND + _LINE * max(2, int(frame["value"].notna().sum()) if "value" in frame else 2)


def _draw(ax: Axes, frame: pd.DataFrame) -> Axes:
    if missing := [name for name in ("value", "low", "high") if name not in frame]:
        raise StatisticsError(f"shares need columns value, low and high; no {', '.join(missing)}")
    shown, size = frame[frame["value"].notna()], text_scale(ax)
    bottom, coefficients = ax.get_window_extent().y0, _are_coefficients(shown)
    rows, names = shown.to_dict("records"), line_names(shown)
    for k, row in enumerate(rows):
        _line(ax, k, row, size)
    places = [k for k, name in enumerate(names) if k == 0 or names[k - 1] != name]
    labels = [plain_text(shortened(names[k], _LONGEST)) for k in places]
    ax.set_yticks(places, labels, fontsize=9 * size, fontfamily=font_names())
    # one line more where the mark must not cover anything
    ax.set_ylim(max(len(rows), 2) - 0.3 + is_simulated(frame), -0.7)
    _axes(ax, rows, size, coefficients)
    room_left(ax)
    what = "agreement" if coefficients else str(frame.attrs.get("what", "shares"))
    words = f"{what}, with {float(frame.attrs.get('level', 0.95)):.0%} intervals"
    simulated = is_simulated(frame)
    title = ax.set_title(
        f"SIMULATED: {words}" if simulated else words[:1].upper() + words[1:],
        fontsize=11 * size, loc="left", color=INK,
    )  # fmt: skip
    wrap(title, ax.get_window_extent().width)
    if "sign" in shown and shown["sign"].nunique() > 1:
        used = [sign for sign in _SIGNS if sign in set(shown["sign"])]
        legend_below(ax, [_key(sign) for sign in used], size)
    settle(ax, title, bottom)
    if simulated:
        ends = [(row[name], k) for k, row in enumerate(rows) for name in ("low", "value", "high")]
        mark_simulated(ax, [end for end in ends if not math.isnan(end[0])], [], size)
    return ax


def line_names(shown: pd.DataFrame) -> list[str]:
    """The name of each row: what differs, in words."""
    known = [name for name in NAMES if name in shown]
    differ = [name for name in known if shown[name].nunique() > 1] or known[:1]
    return [
        ", ".join(str(row[name]) for name in differ if pd.notna(row[name]))
        for row in shown.to_dict("records")
    ]


def _are_coefficients(shown: pd.DataFrame) -> bool:
    return "measure" in shown and bool(set(shown["measure"]) & {"cohen", "fleiss", "alpha", "ac1"})


def _line(ax: Axes, place: int, row: Mapping[Any, Any], size: float) -> None:
    colour, marker = _look(str(row.get("sign", "all")))
    ax.hlines(place, row["low"], row["high"], colour, lw=1.5, zorder=3)
    ax.plot(row["value"], place, marker, color=colour, ms=6.5 * size, zorder=4,
            gid=f"point-{place}")  # fmt: skip


def _look(sign: str) -> tuple[str, str]:
    k = _SIGNS.get(sign, 0)
    return (INK if k == 0 else COLOURS[(2, 3, 4)[k]]), MARKERS[(0, 2, 4)[k]]


def _key(sign: str) -> Line2D:
    colour, marker = _look(sign)
    label = "all criteria" if sign == "all" else f"{sign} criteria"
    return Line2D([], [], ls="", marker=marker, color=colour, ms=6, label=label)


def _axes(ax: Axes, rows: list[dict[Any, Any]], size: float, coefficients: bool) -> None:
    plain(ax)
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=9 * size)
    ends = [row[name] for row in rows for name in ("low", "high", "value")]
    known = [value for value in ends if not math.isnan(value)]
    if coefficients:
        ax.set_xlim(min([0.0, *known]) - 0.03, 1.03)
    else:
        ax.set_xlim(0, min(1.03, 1.08 * max([*known, 0.02])))
        ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    if coefficients or max([*known, 0.0]) > 0.5:
        ax.xaxis.set_major_locator(MultipleLocator(0.25 if size < 1 else 0.2))
