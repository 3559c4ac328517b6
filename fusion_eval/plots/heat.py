"""Scores by part, such as domain or section: a field for each, with its number and interval."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fusion_eval.plots.layout import room_left, settle, text_scale, wrap
from fusion_eval.plots.style import (
    ALARM,
    INK,
    font_names,
    given_or_new,
    is_simulated,
    plain_text,
    shortened,
)

_LINE, _AROUND, _NAME, _PART = 0.36, 1.75, 24, 22
_TEXT, _LEAST_TEXT, _CHARACTERS, _EM = 8.0, 5.0, 5.8, 0.62
"""Points of the text in a field at most and at least, how long it is, and how wide a character."""
_PALETTE = "cividis"
"""Nuñez, Anderton & Renslow (2018): the same to readers who do not see red or green."""


def heat(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the table of `stats.breakdown`: recipes down, parts across, points in the fields.

    Parameters
    ----------
    frame : one row per `recipe` and `part`, with `value`, `low`, `high` (0 to 1)
    ax : where to draw; new axes by default

    Returns
    -------
    Axes. Each field has its score, and below it the ends of its interval; the best recipe on
    average stands on top, an empty field has no score. Parts that do not fit at a size that can be
    read are counted in the title, not drawn.
    """
    return _draw(given_or_new(ax, height(frame)), frame)


def draw(figure: Figure, frame: pd.DataFrame) -> Axes:
    """The same into an empty figure."""
    tall = height(frame)
    return _draw(figure.add_axes((0.22, 1.05 / tall, 0.76, 1 - 1.5 / tall)), frame)


def height(frame: pd.DataFrame) -> float:
    """Inches that the figure needs."""
    return _AROUND + _LINE * max(2, frame["recipe"].nunique())


def _draw(ax: Axes, frame: pd.DataFrame) -> Axes:
    size, bottom = text_scale(ax), ax.get_window_extent().y0
    wide = frame.pivot_table(index="recipe", columns="part", values="value", sort=False)
    wide = wide.loc[wide.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    _rows(ax, wide, size)
    room_left(ax)
    shown = list(wide.columns)[: _fitting(ax)]
    kept = frame[frame["part"].isin(shown)]
    colours, norm = colormaps[_PALETTE], _scale(kept)
    text = min(_TEXT, _points(ax, len(shown)))
    for row in kept.to_dict("records"):
        if row["recipe"] in wide.index and not math.isnan(row["value"]):
            at = (shown.index(row["part"]), list(wide.index).index(row["recipe"]))
            _field(ax, at, row, colours(norm(100 * row["value"])), text)
    _columns(ax, shown, size)
    if is_simulated(frame):
        ax.set_xlabel("SIMULATED", fontsize=11 * size, fontweight="bold", color=ALARM, loc="right")
    title = ax.set_title(_title(frame, len(wide.columns) - len(shown)), fontsize=11 * size,
                         loc="left", color=INK)  # fmt: skip
    wrap(title, ax.get_window_extent().width)
    settle(ax, title, bottom)
    return ax


def _rows(ax: Axes, wide: pd.DataFrame, size: float) -> None:
    names = [plain_text(shortened(str(name), _NAME)) for name in wide.index]
    ax.set_yticks(range(len(names)), names, fontsize=9 * size, fontfamily=font_names())
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _columns(ax: Axes, shown: list[str], size: float) -> None:
    names = [plain_text(shortened(str(name), _PART)) for name in shown]
    ax.set_xticks(range(len(names)), names, fontsize=9 * size, fontfamily=font_names())
    ax.set_xlim(-0.5, len(names) - 0.5)
    room = ax.get_window_extent().width / max(1, len(names))
    labels = ax.get_xticklabels()
    if any(label.get_window_extent().width > 0.95 * room for label in labels):
        for label in labels:
            label.set(rotation=30, ha="right", rotation_mode="anchor")


def _scale(kept: pd.DataFrame) -> Normalize:
    """From the lowest to the highest score drawn: whatever differs can be seen."""
    values = 100 * kept["value"].dropna()
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    return Normalize(low, high if high > low else low + 1)


def _fitting(ax: Axes) -> int:
    """Parts for which there is room at the least size of text."""
    return max(1, int(_inches(ax) * 72 / (_LEAST_TEXT * _EM * _CHARACTERS)))


def _points(ax: Axes, parts: int) -> float:
    return max(_LEAST_TEXT, 72 * _inches(ax) / max(1, parts) / (_EM * _CHARACTERS))


def _inches(ax: Axes) -> float:
    return float(ax.get_window_extent().width / ax.figure.dpi)


def _field(
    ax: Axes, at: tuple[int, int], row: dict[object, object], colour: tuple[float, ...], text: float
) -> None:
    x, y = at
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", lw=1.5))
    ink = "black" if _light(colour) else "white"
    value, low, high = (100 * float(row[name]) for name in ("value", "low", "high"))  # type: ignore[arg-type]
    ends = "" if math.isnan(low) else f"{low:.0f}–{high:.0f}".replace("-", "−")
    ax.text(x, y - 0.02, f"{value:.1f}".replace("-", "−"), ha="center", va="bottom",
            fontsize=text, color=ink)  # fmt: skip
    ax.text(x, y + 0.04, ends, ha="center", va="top", fontsize=0.85 * text, color=ink)


def _light(colour: tuple[float, ...]) -> bool:
    """Whether black reads better on it than white (relative luminance of WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179


def _title(frame: pd.DataFrame, hidden: int) -> str:
    what = str(frame["by"].iloc[0]) if "by" in frame and len(frame) else "part"
    words = f"score (points) by {what}, with {float(frame.attrs.get('level', 0.95)):.0%} intervals"
    more = f"; {hidden} more not drawn" if hidden else ""
    return (f"SIMULATED: {words}" if is_simulated(frame) else words.capitalize()) + more
