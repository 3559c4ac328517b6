"""What all figures share: size, colours with shapes, the SIMULATED mark, and saving."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from fusion_eval import files

WIDTH = 9.0
"""Inches; at 100 dots per inch as wide as a README is shown."""
DPI = 100
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", ">", "h")
INK, QUIET, ALARM, LOWER_BOUND, GRID = "#222222", "#8a8a8a", "#b03000", "#cccccc", "#e6e6e6"
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "#000000")
"""Okabe & Ito (2008), which colour-blind readers can tell apart; without yellow, too pale on white.

Matplotlib has them as `okabe_ito` from 3.11 on only.
"""


NO_LETTER = "□"
MORE_SCRIPTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Sans JP", "Source Han Sans SC",
    "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "PingFang SC", "Hiragino Sans", "Microsoft YaHei",
    "Yu Gothic", "Malgun Gothic", "Apple SD Gothic Neo", "Noto Sans CJK KR", "Arial Unicode MS",
    "Noto Sans Devanagari", "Noto Sans Thai", "Noto Emoji",
)  # fmt: skip
"""Fonts that draw what the usual one cannot, where they are installed."""


def looks(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Name -> (colour, marker); both differ, so that colour is never the only cue."""
    return {
        name: (COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)])
        for k, name in enumerate(dict.fromkeys(names))
    }


def looks_of(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Recipe -> (colour, marker), the same in every figure of the same recipes.

    `attrs["recipes"]` names all of a run, where a table holds some of them.
    """
    return looks(sorted(map(str, table.attrs.get("recipes") or table["recipe"].unique())))


def figure(height: float) -> Figure:
    """A figure that no global state knows of; `height` in inches."""
    made = Figure(figsize=(WIDTH, height), dpi=DPI)
    FigureCanvasAgg(made)
    return made


def given_or_new(ax: Axes | None, height: float) -> Axes:
    """The axes of the caller, or new ones that a notebook shows."""
    if ax is not None:
        return ax
    _, made = plt.subplots(figsize=(WIDTH, height), dpi=DPI)
    return made


def save(ax: Axes, *paths: str | Path) -> None:
    """Write the figure of `ax`; the same figure gives the same bytes (no date, fixed ids)."""
    with mpl.rc_context({"svg.hashsalt": "fusion-eval", "svg.fonttype": "path"}):
        for path in map(Path, paths):
            kind = {"Date": None} if path.suffix == ".svg" else {"Software": None}
            drawn = io.BytesIO()
            ax.get_figure(root=True).savefig(  # type: ignore[union-attr]
                drawn, format=path.suffix[1:], metadata=kind, dpi=DPI, facecolor="white"
            )
            files.write_bytes(path, drawn.getvalue(), synced=False)


def plain(ax: Axes) -> None:
    """No frame on the right and on top, a light grid behind everything."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, which="major", color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)


def tasks_phrase(frame: pd.DataFrame) -> str:
    """`40 tasks`, or `94 to 100 tasks` where recipes differ."""
    least, most = int(frame["n"].min()), int(frame["n"].max())
    if least == most:
        return f"{most} task{'s' if most != 1 else ''}"
    return f"{least} to {most} tasks"


def recipes_phrase(frame: pd.DataFrame) -> str:
    """`9 recipes`."""
    return f"{len(frame)} recipe{'s' if len(frame) != 1 else ''}"


def is_simulated(frame: pd.DataFrame) -> bool:
    """Whether the numbers come from a simulator, as the frame's `attrs` say."""
    return bool(frame.attrs.get("simulated"))


def mark_simulated(
    ax: Axes, points: Sequence[tuple[float, float]], taken: Sequence[Bbox], size: float = 1.0
) -> Text:
    """SIMULATED in the corner where it covers least of the points and of `taken` (pixels)."""
    half = 0.06 * ax.figure.dpi
    markers = [
        Bbox.from_bounds(x - half, y - half, 2 * half, 2 * half)
        for x, y in (ax.transData.transform(points) if len(points) else [])
    ]
    hits = []
    for y, x in ((0.03, 0.985), (0.97, 0.015), (0.97, 0.985), (0.03, 0.015)):
        text = _corner(ax, x, y, size)
        box = text.get_window_extent()
        text.remove()
        hits.append((sum(bool(box.overlaps(other)) for other in [*taken, *markers]), x, y))
    _, x, y = min(hits, key=lambda hit: hit[0])
    return _corner(ax, x, y, size)


def _corner(ax: Axes, x: float, y: float, size: float) -> Text:
    return ax.text(
        x, y, "SIMULATED", transform=ax.transAxes, fontsize=13 * size, fontweight="bold",
        color=ALARM,
        ha="left" if x < 0.5 else "right", va="bottom" if y < 0.5 else "top", zorder=6,
    )  # fmt: skip


def font_names() -> list[str]:
    """The fonts for names: those that are set, then installed ones with more scripts."""
    return [*mpl.rcParams["font.family"], *_installed()]


@cache
def _installed() -> list[str]:
    there = {entry.name for entry in font_manager.fontManager.ttflist}
    return [name for name in MORE_SCRIPTS if name in there]


@cache
def _drawable(letter: str, fonts: tuple[str, ...]) -> bool:
    """Whether one of the fonts has a picture of this letter."""
    paths = (font_manager.findfont(font_manager.FontProperties(family=[name])) for name in fonts)
    return any(font_manager.get_font(path).get_char_index(ord(letter)) for path in paths)


def shortened(name: str, most: int) -> str:
    """A name of at most `most` characters."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def plain_text(name: str) -> str:
    """A name that matplotlib draws as it is, without reading `$` or line breaks as commands.

    A letter that no font of `font_names` has becomes a box, as matplotlib would draw it, but
    without a warning for each.
    """
    fonts, text = tuple(font_names()), " ".join(str(name).split()).replace("$", r"\$")
    return "".join(letter if _drawable(letter, fonts) else NO_LETTER for letter in text)
