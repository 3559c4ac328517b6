"""What an answer costs, by what its calls did: members, judging, writing."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusion_eval.plots.layout import text_scale, wrap
from fusion_eval.plots.style import (
    COLOURS,
    INK,
    given_or_new,
    is_simulated,
    mark_simulated,
    plain,
    plain_text,
    shortened,
)

_HATCHES = ("", "//", "..", "xx", "\\\\", "--", "oo")
_LINE, _AROUND, _LONGEST = 0.27, 1.5, 34


def costs(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw stacked bars: rows are recipes, columns roles, values US$ per answer.

    Grading is not part of what an answer costs and has no bar here. Patterns tell the roles apart
    where colours do not. `attrs["simulated"]` marks the figure.
    """
    return _draw(given_or_new(ax, height(frame)), frame)


def draw(figure: Figure, frame: pd.DataFrame) -> Axes:
    """The same into an empty figure."""
    tall = height(frame)
    return _draw(figure.add_axes((0.3, 0.95 / tall, 0.67, 1 - 1.4 / tall)), frame)


def height(frame: pd.DataFrame) -> float:
    """Inches that the figure needs."""
    return _AROUND + _LINE * max(2, len(frame))


def _draw(ax: Axes, frame: pd.DataFrame) -> Axes:
    shown = frame.loc[frame.sum(axis=1).sort_values(kind="stable").index].fillna(0.0)
    size, left = text_scale(ax), pd.Series(0.0, index=shown.index)
    for k, role in enumerate(shown.columns):
        ax.barh(
            range(len(shown)), shown[role], left=left, height=0.7, label=plain_text(str(role)),
            color=COLOURS[k % len(COLOURS)], hatch=_HATCHES[k % len(_HATCHES)],
            edgecolor="white", linewidth=0.6,
        )  # fmt: skip
        left = left + shown[role]
    names = [plain_text(shortened(str(name), _LONGEST)) for name in shown.index]
    ax.set_yticks(range(len(shown)), names, fontsize=9 * size)
    plain(ax)
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=9 * size)
    wrap(ax.set_xlabel("US\\$ per answer, recipe run alone", fontsize=10 * size), _inside(ax))
    what = "SIMULATED: cost" if is_simulated(frame) else "Cost"
    wrap(ax.set_title(f"{what} of an answer by role", fontsize=11 * size, loc="left", color=INK),
         _inside(ax))  # fmt: skip
    below = -0.55 / (ax.get_position().height * ax.figure.get_figheight())  # type: ignore[union-attr]
    ax.legend(
        loc="upper left", bbox_to_anchor=(0.0, below), frameon=False, ncols=4, fontsize=8.5 * size,
        borderaxespad=0.0, columnspacing=1.4,
    )  # fmt: skip
    if is_simulated(frame):
        ends = [(usd, k) for k, usd in enumerate(left)]
        mark_simulated(ax, ends, [box.get_window_extent() for box in ax.patches], size)
    return ax


def _inside(ax: Axes) -> float:
    return float(ax.get_window_extent().width)
