"""What an answer takes, in US dollars or in seconds, and axes that show it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from fusion_eval.stats.frontier import IN_SECONDS


def dollars(value: float) -> str:
    r"""`\$0.001`, never in powers of ten; two digits that count."""
    return rf"\${_digits(value)}"


def seconds(value: float) -> str:
    """`0.5 s`, `12 s`, `1,200 s`; two digits that count."""
    return f"{_digits(value)} s"


def _digits(value: float) -> str:
    if value <= 0:
        return "0"
    decimals = max(0, 1 - math.floor(math.log10(value) + 1e-9))
    digits = f"{value:,.{decimals}f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


class Unit(NamedTuple):
    """What is paid: in a word, as the label of an axis, per point of score, and one tick of it."""

    word: str
    label: str
    point: str
    tick: Callable[[float], str]


DOLLARS = Unit(
    "cost", r"cost of one answer, recipe run alone (US\$ per task, {} scale)",
    r"what one point of score (of 100) is worth (US\$ per task, {} scale)", dollars,
)  # fmt: skip
SECONDS = Unit(
    "time", "time to one answer, longest path through its calls (s, mean over tasks, {} scale)",
    "what one point of score (of 100) is worth (s of waiting, {} scale)", seconds,
)  # fmt: skip


def in_seconds(table: pd.DataFrame) -> bool:
    """Whether a table of `stats` counts in seconds, by its columns or by what it says of itself."""
    return "seconds" in table.columns or table.attrs.get("by") == "latency_s"


def unit_of(table: pd.DataFrame) -> Unit:
    """The unit of the prices of a table."""
    return SECONDS if in_seconds(table) else DOLLARS


def as_prices(table: pd.DataFrame) -> pd.DataFrame:
    """A table of `stats.pareto` with the columns of its price under their names for dollars."""
    if "seconds" not in table.columns:
        return table
    found = table.rename(columns={theirs: ours for ours, theirs in IN_SECONDS.items()})
    found.attrs = {**table.attrs, "by": "latency_s"}
    return found


def price_axis(ax: Axes, left: float, right: float, unit: Unit, room: float = 0.08) -> str:
    """Ticks in this unit on the x axis, on a log scale unless it begins at 0; `log` or `linear`.

    room : share of the axis that stays free at either end
    """
    if left > 0:
        ax.set_xscale("log")
        wider = max(1.25 if room else 1.0, (right / left) ** room)
        ax.set_xlim(left / wider, right * wider)
        ax.xaxis.set_major_locator(LogLocator(subs=_ticks(math.log10(right / left), _inches(ax))))
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: unit.tick(value)))
    return "log" if left > 0 else "linear"


def _inches(ax: Axes) -> float:
    """Width of the axes."""
    return float(ax.get_window_extent().width / ax.figure.dpi)


def _ticks(decades: float, wide: float) -> tuple[float, ...]:
    """Steps within a decade, as many as there is room for: an inch and more for each three."""
    if decades < 0.7 and wide > 5:
        return (1, 1.5, 2, 3, 4, 5, 7)
    return (1, 2, 5) if decades < 0.38 * wide else (1,)
