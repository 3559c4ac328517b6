"""What an answer costs, by what its calls did: members, judging, writing."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusion_eval.plots.layout import legend_below, room_left, settle, text_scale, wrap
from fusion_eval.plots.style import (
    COLOURS,
    INK,
    font_names,
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
    """Draw stacked bars: what an answer costs a user who runs that recipe alone, by role.

    frame : the table of `fe.costs`: a row per recipe, US$ per answer in a column per role
    ax : where to draw; new axes by default

    Grading is not part of what an answer costs and has no bar here. Patterns tell the roles apart
    where colours do not. Recipes whose cost is not wholly known (NaN) are named, not drawn.
    `attrs["simulated"]` marks the figure.
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
    unknown = [plain_text(str(name)) for name in frame.index[frame.isna().any(axis=1)]]
    shown = frame.dropna()
    shown = shown.loc[shown.sum(axis=1).sort_values(kind="stable").index]
    size, left = text_scale(ax), pd.Series(0.0, index=shown.index)
    bottom = ax.get_window_extent().y0
    for k, role in enumerate(shown.columns):
        ax.barh(
            range(len(shown)), shown[role], left=left, height=0.7, label=plain_text(str(role)),
            color=COLOURS[k % len(COLOURS)], hatch=_HATCHES[k % len(_HATCHES)],
            edgecolor="white", linewidth=0.6,
        )  # fmt: skip
        left = left + shown[role]
    names = [plain_text(shortened(str(name), _LONGEST)) for name in shown.index]
    ax.set_yticks(range(len(shown)), names, fontsize=9 * size, fontfamily=font_names())
    plain(ax)
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=9 * size)
    room_left(ax)
    across = ax.get_window_extent().width
    wrap(ax.set_xlabel("US\\$ per answer, recipe run alone", fontsize=10 * size), across)
    what = "SIMULATED: cost" if is_simulated(frame) else "Cost"
    lost = f"\nnot drawn, cost unknown: {', '.join(unknown)}" if unknown else ""
    title = ax.set_title(
        f"{what} of an answer by role{lost}", fontsize=11 * size, loc="left", color=INK
    )
    wrap(title, across)
    legend_below(ax, ax.get_legend_handles_labels()[0], size)
    settle(ax, title, bottom)
    if is_simulated(frame):
        boxes = [bar.get_window_extent() for bar in ax.patches]
        mark_simulated(ax, [], boxes, size)
    return ax
