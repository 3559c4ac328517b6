"""Room in axes that somebody else made: title, label and key stay inside their figure."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.transforms import ScaledTranslation

from fusion_eval.plots.style import font_names

_FULL, _LEAST = 6.0, 0.72
"""Inches of width at which text has its full size, and how much smaller it may become."""
GAP, _BELOW, _EDGE = 6.0, 48.0, 3.0
"""Hundredths of an inch: between parts, below axes anyway (ticks and label), and at the edge of the
figure."""
_AXES_LEAST = 60.0


def text_scale(ax: Axes) -> float:
    """How large text may be in these axes, from `_LEAST` to 1."""
    return max(_LEAST, min(1.0, ax.get_window_extent().width / ax.figure.dpi / _FULL))


def wrap(text: Text, width: float) -> None:
    """Break lines at spaces so that each is at most `width` pixels wide, where words allow it."""
    lines = []
    for paragraph in text.get_text().split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            text.set_text(longer)
            if line and text.get_window_extent().width > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    text.set_text("\n".join(lines))


def dots_of(ax: Axes) -> float:
    """Pixels in a hundredth of an inch of its figure."""
    return float(ax.figure.dpi / 100)


def below_axis(ax: Axes) -> float:
    """Pixels that ticks and label of the x axis take below the axes."""
    box = ax.xaxis.get_tightbbox()
    return 0.0 if box is None else max(0.0, float(ax.get_window_extent().y0 - box.y0))


def room_left(ax: Axes) -> None:
    """Narrow the axes so that ticks and label of the y axis lie inside the figure."""
    box, axes, whole = ax.yaxis.get_tightbbox(), ax.get_window_extent(), ax.figure.bbox
    over = 0.0 if box is None else whole.x0 + _EDGE * dots_of(ax) - float(box.x0)
    if over <= 0 or ax.get_figure(root=True).get_layout_engine() is not None:  # type: ignore[union-attr]
        return
    ax.set_position((
        (axes.x0 + over - whole.x0) / whole.width, (axes.y0 - whole.y0) / whole.height,
        (axes.width - over) / whole.width, axes.height / whole.height,
    ))  # fmt: skip


def settle(ax: Axes, title: Text, bottom: float) -> None:
    """Shrink the axes so that title and key lie inside the figure; a layout engine does its own.

    bottom : where the axes began (pixels) before anything was shrunk
    """
    if ax.get_figure(root=True).get_layout_engine() is not None:  # type: ignore[union-attr]
        return
    legend, whole, axes = ax.get_legend(), ax.figure.bbox, ax.get_window_extent()
    dots = dots_of(ax)
    needed = below_axis(ax) + GAP * dots
    needed += 0.0 if legend is None else legend.get_window_extent().height
    over = max(0.0, title.get_window_extent().y1 - (whole.y1 - _EDGE * dots))
    floor = max(whole.y0 + _EDGE * dots, bottom - _BELOW * dots)
    top = axes.y1 - over
    low = min(max(bottom, floor + needed), top - _AXES_LEAST * dots)
    ax.set_position((
        (axes.x0 - whole.x0) / whole.width, (low - whole.y0) / whole.height,
        axes.width / whole.width, (top - low) / whole.height,
    ))  # fmt: skip


def legend_below(ax: Axes, handles: Sequence[Artist], size: float) -> None:
    """A key below the x axis in as many columns as fit into the width of the axes."""
    below, room = below_axis(ax) + GAP * dots_of(ax), ax.get_window_extent().width
    place = ax.transAxes + ScaledTranslation(0, -below / ax.figure.dpi, ax.figure.dpi_scale_trans)
    for columns in range(min(6, len(handles)), 0, -1):
        legend = ax.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(0.0, 0.0), bbox_transform=place,
            ncols=columns, frameon=False, prop={"family": font_names(), "size": 8.5 * size},
            columnspacing=1.4, handletextpad=0.4, borderaxespad=0.0, labelspacing=0.35,
        )  # fmt: skip
        if legend.get_window_extent().width <= room:
            return
