"""The figures of a page, each twice: for a wide screen, and narrow for a phone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusion_eval.plots import costs, forest, pareto, scores, style
from fusion_eval.plots.costs import draw as draw_costs
from fusion_eval.plots.costs import height as costs_height
from fusion_eval.plots.forest import draw as draw_forest
from fusion_eval.plots.forest import height as forest_height
from fusion_eval.plots.pareto import draw as draw_pareto
from fusion_eval.plots.pareto import has_costs
from fusion_eval.plots.pareto import height as pareto_height
from fusion_eval.plots.scores import draw as draw_scores
from fusion_eval.plots.scores import height as scores_height
from fusion_eval.plots.spots import spots
from fusion_eval.report.html.drawing import inline
from fusion_eval.report.words import cost_range, points_range

_NARROW, _LEFT = 3.6, 0.36
"""Inches, at which text on a phone is about as large as around it; share for the names."""


class Kind(NamedTuple):
    """A figure of `plots`: into its own figure, its height in inches, into axes that are there."""

    alone: Callable[[Figure, pd.DataFrame], Axes]
    height: Callable[[pd.DataFrame], float]
    into: Callable[[pd.DataFrame, Axes], Axes]
    left: float = _LEFT


PARETO = Kind(draw_pareto, pareto_height, pareto, 0.17)
SCORES = Kind(draw_scores, scores_height, scores)
FOREST = Kind(draw_forest, forest_height, forest)
COSTS = Kind(draw_costs, costs_height, costs)


def figures(table: pd.DataFrame, summary: Mapping[str, Any]) -> dict[str, Markup | None]:
    """`pareto`, `forest` and `costs` as inline SVG; None where there is nothing to draw."""
    return {
        "pareto": _pareto(table, summary) if table["score"].notna().any() else None,
        "forest": _forest(summary) if summary["comparisons"] else None,
        "costs": _costs(summary),
    }


def _pareto(table: pd.DataFrame, summary: Mapping[str, Any]) -> Markup:
    kind = PARETO if has_costs(table) else SCORES
    said = {k: _said(spot.recipe, summary) for k, spot in enumerate(spots(table))}
    label = f"Score against cost of {len(table)} recipes; the table below has the numbers"
    return _twice("pareto", kind, table, label, said)


def _said(recipe: str, summary: Mapping[str, Any]) -> str:
    row = summary["recipes"][recipe]
    by = f" by {', '.join(row['dominated_by'])}" if row["dominated_by"] else ""
    start = "SIMULATED: " if summary["simulated"] else ""
    return (
        f"{start}{recipe}: {points_range(row['score'])} points, {cost_range(row['cost_usd'])} "
        f"per task; {row['frontier']}{by}"
    )


def _forest(summary: Mapping[str, Any]) -> Markup:
    frame = pd.DataFrame(summary["comparisons"])
    frame.attrs["simulated"] = summary["simulated"]
    lines = [
        f"{row['a']} against {row['b']}: "
        f"{points_range({**row, 'value': row['difference']}, signed=True)} points, "
        f"{row['conclusion']}"
        for row in summary["comparisons"]
    ]
    return _twice("forest", FOREST, frame, "; ".join(lines), {})


def _costs(summary: Mapping[str, Any]) -> Markup | None:
    found = {name: row["roles"] for name, row in summary["money"]["by_recipe"].items()}
    frame = pd.DataFrame.from_dict(found, orient="index").astype(float)
    if not frame.size or not frame.sum().sum() > 0:
        return None
    frame.attrs["simulated"] = summary["simulated"]
    label = "Cost of an answer by role; the table below has the numbers"
    return _twice("costs", COSTS, frame, label, {})


def _twice(
    name: str, kind: Kind, frame: pd.DataFrame, label: str, points: Mapping[int, str]
) -> Markup:
    tall = kind.height(frame)
    wide, narrow = style.figure(tall), style.figure(max(tall, 3.0))
    kind.alone(wide, frame)
    narrow.set_size_inches(_NARROW, max(tall, 3.0))
    below, above = 1.0 / narrow.get_figheight(), 0.7 / narrow.get_figheight()
    kind.into(frame, narrow.add_axes((kind.left, below, 0.96 - kind.left, 1 - below - above)))
    return inline(wide, f"{name}-wide", "wide", label, points) + inline(
        narrow, f"{name}-narrow", "narrow", label, points
    )
