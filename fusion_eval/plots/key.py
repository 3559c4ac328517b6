"""What stands below the Pareto figure: names behind numbers; what filling means."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from fusion_eval.plots.layout import GAP, below_axis, dots_of
from fusion_eval.plots.spots import Spot
from fusion_eval.plots.style import INK, LOWER_BOUND, WIDTH, font_names, shortened

_LEGEND_COLUMNS = 4
_NAME = 46
_LONG = (
    "filled: on the frontier by the means", "hollow: beaten by the means",
    "crossed: beaten beyond chance", "grey: {} is a lower bound",
)  # fmt: skip
_SHORT = ("on the frontier", "beaten", "beyond chance", "{} at least")
_MEANINGS = len(_LONG)


def key_lines(table: pd.DataFrame, *, numbered: bool) -> int:
    """Lines that the key takes at most."""
    if not numbered:
        return math.ceil(_MEANINGS / _LEGEND_COLUMNS)
    return math.ceil((len(table) + _MEANINGS) / _columns(table["recipe"]))


def _columns(names: Iterable[str]) -> int:
    """As many columns as the longest name leaves room for."""
    longest = max(28, *(len(shortened(name, _NAME)) for name in names))
    return max(1, int((WIDTH - 0.85) / (0.45 + 0.073 * longest)))


def draw_key(
    ax: Axes,
    drawn: Sequence[Spot],
    colours: dict[str, tuple[str, str]],
    *,
    numbered: bool = False,
    size: float = 1.0,
    inside: bool = False,
    price: str = "cost",
) -> None:
    """Below the axes: what filling means, and with `numbered` one entry per point before it.

    size : factor of the text; inside : no wider than the axes, as far as words allow it; price :
    what is paid, in a word
    """
    points, room, short = 8.5 * size, ax.get_window_extent().width, inside and size < 1
    fits = int(room / dots_of(ax) / (0.8 * points) - 4)
    most = max(12, min(_NAME, fits)) if inside else _NAME
    entries = [
        (f"{k}  {shortened(s.name, most)}", colours[s.recipe])
        for k, s in enumerate(drawn if numbered else (), 1)
    ]
    handles = [_handle(label, *look) for label, look in entries]
    handles += _meanings(drawn, _SHORT if short else _LONG, price)
    ncols = _columns([s.name for s in drawn]) if numbered else _LEGEND_COLUMNS
    below = below_axis(ax) + GAP * dots_of(ax)
    place = ax.transAxes + ScaledTranslation(
        -0.16 * size, -below / ax.figure.dpi, ax.figure.dpi_scale_trans
    )
    prop = {"family": font_names(), "size": points}
    for columns in range(ncols, 0, -1):
        legend = ax.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(0.0, 0.0), bbox_transform=place,
            ncols=columns, frameon=False, prop=prop, columnspacing=1.0 if short else 1.6,
            handletextpad=0.3, borderaxespad=0.0, labelspacing=0.35,
        )  # fmt: skip
        if not inside or legend.get_window_extent().width <= room:
            return


def _handle(label: str, colour: str, marker: str) -> Line2D:
    return Line2D([], [], ls="", marker=marker, mfc=colour, mec=colour, ms=6, label=label)


def _meanings(drawn: Sequence[Spot], words: Sequence[str], price: str) -> list[Line2D]:
    filled, hollow, crossed, grey = words
    found = [_circle(INK, filled)]
    if any(not s.front and not s.bound for s in drawn):
        found.append(_circle("white", hollow))
    if any(s.dominated for s in drawn):
        found.append(Line2D([], [], ls="", marker="x", color=INK, mew=1.3, ms=5, label=crossed))
    if any(s.bound for s in drawn):
        found.append(_circle(LOWER_BOUND, grey.format(price)))
    return found


def _circle(face: str, label: str) -> Line2D:
    return Line2D([], [], ls="", marker="o", mec=INK, mew=1.3, ms=6, mfc=face, label=label)
