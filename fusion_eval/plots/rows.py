"""What figures with one row a recipe share: names on the left, words that stay inside."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from fusion_eval.plots.layout import room_left, settle, text_scale, wrap
from fusion_eval.plots.style import INK, font_names, plain, plain_text, shortened

_LINE, _AROUND, _LONGEST = 0.27, 1.15, 40


def height(count: int) -> float:
    """Inches that a figure of so many rows needs."""
    return _AROUND + _LINE * max(2, count)


def finish(ax: Axes, names: Sequence[str], title: str, label: str, bottom: float) -> Axes:
    """Name the rows from below, and set title and label so that all lies inside the figure.

    bottom : where the axes began (pixels) before anything was drawn
    """
    size = text_scale(ax)
    plain(ax)
    ax.grid(False, axis="y")
    texts = [plain_text(shortened(name, _LONGEST)) for name in names]
    ax.set_yticks(range(len(names)), texts, fontsize=9 * size, fontfamily=font_names())
    ax.set_ylim(-0.7, max(len(names), 2) - 0.3)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=9 * size)
    room_left(ax)
    width = float(ax.get_window_extent().width)
    wrap(ax.set_xlabel(label, fontsize=10 * size), width)
    heading = ax.set_title(title, fontsize=11 * size, loc="left", color=INK)
    wrap(heading, width)
    settle(ax, heading, bottom)
    return ax
