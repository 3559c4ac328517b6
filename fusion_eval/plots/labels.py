"""Labels beside points that cover neither each other nor a point nor an interval bar.

Greedy: the most crowded point first, each label at the best free place around its point: near,
nearer to its own point than to another, and with a leader that can be seen.
Everything is in hundredths of an inch, from the renderer's own text extents.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from fusion_eval.plots.style import INK, QUIET, font_names

_RADII = (9, 14, 20, 28, 36, 44, 52, 60, 70, 80, 100, 125, 150, 180)
NEAR, FARTHER, FAR = 80.0, 125.0, 180.0
"""How far (hundredths of an inch) a name may stand from its point, where a number reads better; a
name in small axes, where a key of numbers would take all the room; and a number."""
_ANGLES = 24
_GAP = 2.0
_LEADER_FROM = 12.0
_CLEARLY, _STRAY, _HIDDEN = 12.0, 1.5, 30.0
"""By how much a label should be nearer to its own point than to any other; what each hundredth of
an inch short of that is worth in distance; and a leader that is hidden by bars all along."""
MARKER = 11.0
"""Side of the square that a marker takes."""


class Box(NamedTuple):
    """A rectangle, in hundredths of an inch; plain numbers, as thousands of them are compared."""

    x0: float
    y0: float
    x1: float
    y1: float


class Placed(NamedTuple):
    """A label's box, and how far it stands from its point, to its nearest edge."""

    box: Box
    distance: float


def place(
    ax: Axes,
    at: Sequence[tuple[float, float]],
    texts: Sequence[str],
    obstacles: Sequence[Bbox],
    reach: float = FAR,
    size: float = 9.0,
) -> bool:
    """Write `texts` at data points `at`; False, with nothing written, when there is no room.

    obstacles : boxes in pixels that labels may not cover, besides the points and each other
    reach : how far a label may stand from its point, in hundredths of an inch
    """
    dots = ax.figure.dpi / 100
    centres = [(float(x), float(y)) for x, y in ax.transData.transform(at) / dots]
    sizes = [_extent(ax, text, size, dots) for text in texts]
    avoid = [_in_hundredths(box, dots) for box in obstacles]
    found = solve(centres, sizes, avoid, _in_hundredths(ax.get_window_extent(), dots), reach)
    if found is None:
        return False
    scale = 72 / 100
    for point, centre, text, label in zip(at, centres, texts, found, strict=True):
        offset = ((label.box.x0 - centre[0]) * scale, (label.box.y0 - centre[1]) * scale)
        ax.annotate(
            text, point, offset, textcoords="offset points", fontsize=size, color=INK,
            fontfamily=font_names(), ha="left", va="bottom", zorder=6, annotation_clip=False,
        )  # fmt: skip
        if label.distance > _LEADER_FROM:
            _leader(ax, point, centre, label.box, scale)
    return True


def solve(
    centres: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    obstacles: Sequence[Box | Bbox],
    inside: Box | Bbox,
    reach: float = FAR,
) -> list[Placed] | None:
    """Free boxes for labels of these sizes around these centres, or None; all in one unit."""
    markers = [_square(x, y, MARKER) for x, y in centres]
    bars = [_plain(box) for box in obstacles]
    taken = [*markers, *bars]
    leaders: list[Box] = []
    crowd = sorted(range(len(centres)), key=lambda k: -_neighbours(centres, k))
    found: dict[int, Placed] = {}
    for k in crowd:
        others = [m for j, m in enumerate(markers) if j != k]
        spot = _best(
            centres[k], sizes[k], taken, others, leaders, found, _plain(inside), reach, bars
        )
        if spot is None:
            return None
        found[k] = spot
        taken.append(spot.box)
        if spot.distance > _LEADER_FROM:
            leaders += _steps(centres[k], spot.box)
    return [found[k] for k in range(len(centres))]


def _best(
    centre: tuple[float, float], size: tuple[float, float], taken: Sequence[Box],
    others: Sequence[Box], leaders: Sequence[Box], found: dict[int, Placed], inside: Box,
    reach: float, bars: Sequence[Box],
) -> Placed | None:  # fmt: skip
    best, least = None, math.inf
    for radius in (r for r in _RADII if r <= reach):
        if radius >= least:
            break
        for turn in range(_ANGLES):
            angle = 2 * math.pi * turn / _ANGLES
            box = _beside(centre, size, radius, angle)
            if not _within(box, inside) or _touch(box, taken) or _touch(box, leaders):
                continue
            path = _steps(centre, box) if radius > _LEADER_FROM else []
            if path:
                blocks = [*others, *(label.box for label in found.values()), *leaders]
                if any(_touch(step, blocks, 0) for step in path):
                    continue
            worth = radius + _stray(box, radius, others) + _hidden(path, bars)
            if worth < least:
                best, least = Placed(box, radius), worth
    return best


def _stray(box: Box, own: float, others: Sequence[Box]) -> float:
    """What it costs that a label lies hardly nearer to its point, or less near, than to another."""
    middles = [((o.x0 + o.x1) / 2, (o.y0 + o.y1) / 2) for o in others]
    nearest = min((math.dist(m, _foot(m, box)) for m in middles), default=math.inf)
    return _STRAY * max(0.0, own + _CLEARLY - nearest)


def _hidden(path: Sequence[Box], bars: Sequence[Box]) -> float:
    """What it costs that a leader runs along a bar, where it cannot be seen."""
    covered = sum(_touch(step, bars, 0) for step in path)
    return _HIDDEN * covered / len(path) if path else 0.0


def _beside(
    centre: tuple[float, float], size: tuple[float, float], radius: float, angle: float
) -> Box:
    """A box of `size` that lies in direction `angle`, its nearest edge `radius` away."""
    dx, dy = math.cos(angle), math.sin(angle)
    x = centre[0] + radius * dx + size[0] / 2 * max(-1.0, min(1.0, 2 * dx)) - size[0] / 2
    y = centre[1] + radius * dy + size[1] / 2 * max(-1.0, min(1.0, 2 * dy)) - size[1] / 2
    return Box(x, y, x + size[0], y + size[1])


def _steps(centre: tuple[float, float], box: Box) -> list[Box]:
    """The leader from the point to its label, as a chain of small squares."""
    end = _foot(centre, box)
    count = max(2, int(math.dist(centre, end) / 4))
    return [
        _square(
            centre[0] + (end[0] - centre[0]) * k / count,
            centre[1] + (end[1] - centre[1]) * k / count,
            1.0,
        )
        for k in range(count + 1)
    ]


def _foot(centre: tuple[float, float], box: Box) -> tuple[float, float]:
    """The point of the box that is nearest to the centre."""
    return (
        min(max(centre[0], box.x0), box.x1),
        min(max(centre[1], box.y0), box.y1),
    )


def _leader(
    ax: Axes, point: tuple[float, float], centre: tuple[float, float], box: Box, scale: float
) -> None:
    end = _foot(centre, box)
    offset = ((end[0] - centre[0]) * scale, (end[1] - centre[1]) * scale)
    line = {"arrowstyle": "-", "color": QUIET, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 4}
    ax.annotate(
        "", point, offset, textcoords="offset points", arrowprops=line, zorder=2,
        annotation_clip=False,
    )  # fmt: skip


def _extent(ax: Axes, text: str, size: float, dots: float) -> tuple[float, float]:
    probe = ax.text(0, 0, text, fontsize=size, fontfamily=font_names())
    box = probe.get_window_extent()
    probe.remove()
    return box.width / dots, box.height / dots


def _in_hundredths(box: Bbox, dots: float) -> Box:
    """A box in pixels in hundredths of an inch."""
    return Box(*(float(edge) / dots for edge in (box.x0, box.y0, box.x1, box.y1)))


def _plain(box: Box | Bbox) -> Box:
    return Box(float(box.x0), float(box.y0), float(box.x1), float(box.y1))


def _square(x: float, y: float, side: float) -> Box:
    return Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def _touch(box: Box, others: Iterable[Box], gap: float = _GAP) -> bool:
    """Whether any other box is nearer than `gap`."""
    left, below, right, above = box.x0 - gap, box.y0 - gap, box.x1 + gap, box.y1 + gap
    return any(left < x1 and x0 < right and below < y1 and y0 < above for x0, y0, x1, y1 in others)


def _within(box: Box, outer: Box) -> bool:
    return (
        box.x0 > outer.x0 + 1 and box.x1 < outer.x1 and box.y0 > outer.y0 + 1 and box.y1 < outer.y1
    )


def _neighbours(centres: Sequence[tuple[float, float]], k: int) -> int:
    return sum(math.dist(centres[k], other) < 70 for other in centres)
