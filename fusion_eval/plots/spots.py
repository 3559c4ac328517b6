"""The rows of `stats.pareto` as they are drawn: in points (0 to 100) and dollars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from fusion_eval.plots.style import plain_text
from fusion_eval.stats.frontier import NEVER


class Spot(NamedTuple):
    """One recipe; `name` is how it is drawn, `left` and `right` end its cost bar.

    With `bound` the cost is a lower bound.
    """

    recipe: str
    name: str
    cost: float
    left: float
    right: float
    score: float
    low: float
    high: float
    front: bool
    dominated: bool
    bound: bool


def spots(table: pd.DataFrame) -> list[Spot]:
    """Recipes that answered, with a score and a cost, best score first."""
    drawn = table[table["cost_usd"].notna() & table["score"].notna() & (table["status"] != NEVER)]
    drawn = drawn.sort_values("score", ascending=False, kind="stable")
    return [_spot(row) for row in drawn.to_dict("records")]


def _spot(row: dict[Any, Any]) -> Spot:
    cost, bound = float(row["cost_usd"]), bool(row["cost_unknown"])
    low, high = (cost if math.isnan(row[n]) else float(row[n]) for n in ("cost_low", "cost_high"))
    return Spot(
        recipe=str(row["recipe"]),
        name=plain_text(row["recipe"]),
        cost=cost,
        left=max(low, cost / 50),
        right=1.5 * cost if bound else high,
        score=100 * row["score"],
        low=100 * row["score_low"],
        high=100 * row["score_high"],
        front=row["on_frontier"] is True,
        dominated=row["status"] == "dominated",
        bound=bound,
    )


def bars(ax: Axes, drawn: Sequence[Spot]) -> list[Bbox]:
    """Every interval bar as a thin box in pixels."""
    boxes = []
    for s in drawn:
        across, along = [(s.left, s.score), (s.right, s.score)], [(s.cost, s.low), (s.cost, s.high)]
        for ends in (across, along):
            (x0, y0), (x1, y1) = ax.transData.transform(ends)
            boxes.append(Bbox.from_extents(x0 - 1, y0 - 1, x1 + 1, y1 + 1))
    return boxes


def staircase(drawn: Sequence[Spot]) -> list[tuple[float, float]]:
    """Corners of what can be had for a given price, by the means: (cost, points), by cost."""
    return sorted((s.cost, s.score) for s in drawn if s.front)


def staircase_boxes(ax: Axes, drawn: Sequence[Spot]) -> list[Bbox]:
    """The staircase as thin boxes in pixels."""
    corners = np.asarray(ax.transData.transform(np.reshape(staircase(drawn), (-1, 2))))
    boxes = []
    for (x0, y0), (x1, y1) in zip(corners[:-1], corners[1:], strict=True):  # noqa: RUF007
        boxes.append(Bbox.from_extents(x0, y0 - 1, x1, y0 + 1))
        boxes.append(Bbox.from_extents(x1 - 1, y0, x1 + 1, y1))
    return boxes
