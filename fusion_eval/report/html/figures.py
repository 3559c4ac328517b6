"""The figures of a page, each twice: for a wide screen, and narrow for a phone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusion_eval.core.readable import percent
from fusion_eval.plots import acceptability, costs, forest, pareto, ranks, scores, shares, style
from fusion_eval.plots.acceptability import curves
from fusion_eval.plots.acceptability import draw as draw_curves
from fusion_eval.plots.acceptability import height as curves_height
from fusion_eval.plots.costs import draw as draw_costs
from fusion_eval.plots.costs import height as costs_height
from fusion_eval.plots.forest import draw as draw_forest
from fusion_eval.plots.forest import height as forest_height
from fusion_eval.plots.pareto import draw as draw_pareto
from fusion_eval.plots.pareto import has_costs
from fusion_eval.plots.pareto import height as pareto_height
from fusion_eval.plots.ranks import draw as draw_ranks
from fusion_eval.plots.ranks import height as ranks_height
from fusion_eval.plots.scales import as_prices
from fusion_eval.plots.scores import draw as draw_scores
from fusion_eval.plots.scores import height as scores_height
from fusion_eval.plots.shares import draw as draw_shares
from fusion_eval.plots.shares import height as shares_height
from fusion_eval.plots.spots import spots
from fusion_eval.report.curves import acceptability_rows, seconds_rows
from fusion_eval.report.html.drawing import inline
from fusion_eval.report.money import by_role
from fusion_eval.report.readings import differences_of, shares_of
from fusion_eval.report.words import cost_range, dollars, points_range

_NARROW, _LEFT = 3.6, 0.36
"""Inches, at which text on a phone is about as large as around it; share for the names."""


_COSTS = (
    "Score against what an answer costs a user who runs that recipe alone, with 95 % intervals on "
    "both axes."
)
_SCORES = "Scores with their 95 % intervals; no cost is known."


class Kind(NamedTuple):
    """A figure of `plots`: into its own figure, its height in inches, into axes that are there."""

    alone: Callable[[Figure, pd.DataFrame], Axes]
    height: Callable[[pd.DataFrame], float]
    into: Callable[[pd.DataFrame, Axes], Axes]
    left: float = _LEFT


PARETO = Kind(draw_pareto, pareto_height, pareto, 0.17)
SCORES = Kind(draw_scores, scores_height, scores)
FOREST = Kind(draw_forest, forest_height, forest)
RANKS = Kind(draw_ranks, ranks_height, ranks)
COSTS = Kind(draw_costs, costs_height, costs)
SHARES = Kind(draw_shares, shares_height, shares)
ACCEPTABILITY = Kind(draw_curves, curves_height, acceptability, 0.17)


def figures(table: pd.DataFrame, summary: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Each figure as inline SVG, and as files in `folder`; None where there is nothing to draw."""
    table.attrs["recipes"] = list(summary["recipes"])
    grader = summary["grader"]
    read, graders = shares_of(grader), differences_of(grader)
    return {
        "acceptability": _acceptability(summary, folder),
        "pareto": _pareto(table, summary) if table["score"].notna().any() else None,
        "pareto_caption": _COSTS if has_costs(table) else _SCORES,
        "seconds": _seconds(summary, folder),
        "ranks": _ranks(summary, folder) if summary["ranks"] else None,
        "forest": _forest(summary, folder) if summary["comparisons"] else None,
        "costs": _costs(summary, folder),
        "grader": _grader(read, folder) if len(read) else None,
        "graders": _graders(graders, folder) if len(graders) else None,
    }


def _acceptability(summary: Mapping[str, Any], folder: Path) -> Markup | None:
    table = acceptability_rows(summary)
    drawn = curves(table)
    if len(drawn) < 2:
        return None
    said = {
        k: f"{_start(summary)}{curve.recipe}: most likely the right choice, {curve.top[1]:.0f}%, "
        f"where a point is worth {dollars(curve.top[0])}"
        for k, curve in enumerate(drawn)
    }
    lines = [
        f"{row['recipe']} {percent(row['probability'], 0)} at {dollars(row['at_usd'])} a point"
        for row in summary["decisions"]
        if row["probability"] is not None
    ]
    label = f"Probability of being the right choice: {'; '.join(lines)}"
    return _twice("acceptability", ACCEPTABILITY, table, label, said, folder)


def _seconds(summary: Mapping[str, Any], folder: Path) -> Markup | None:
    table = seconds_rows(summary)
    if not has_costs(table):
        return None
    rows = {row["recipe"]: row for row in summary["frontier_seconds"]}
    said = {k: _at(rows[s.recipe], summary) for k, s in enumerate(spots(as_prices(table)))}
    label = f"Score against seconds: {'; '.join(said.values())}"
    return _twice("seconds", PARETO, table, label, said, folder)


def _at(row: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    score = {"value": row["score"], "low": row["score_low"], "high": row["score_high"]}
    by = f" by {row['dominated_by']}" if row["dominated_by"] else ""
    return (
        f"{_start(summary)}{row['recipe']}: {points_range(score)} points, {row['seconds']:.3g} s "
        f"on average; {row['status']}{by}"
    )


def _start(summary: Mapping[str, Any]) -> str:
    return "SIMULATED: " if summary["simulated"] else ""


def _grader(table: pd.DataFrame, folder: Path) -> Markup:
    lines = [
        f"{row['of']} ({row['sign']} criteria): {percent(row['value'])} "
        f"({percent(row['low'])} to {percent(row['high'])})"
        for row in table.to_dict("records")
    ]
    return _twice("grader", SHARES, table, "; ".join(lines), {}, folder)


def _graders(table: pd.DataFrame, folder: Path) -> Markup:
    lines = [_difference(dict(row)) for row in table.to_dict("records")]
    return _twice("graders", FOREST, table, "; ".join(lines), {}, folder)


def _difference(row: Mapping[Any, Any]) -> str:
    size = points_range({**row, "value": row["difference"]}, signed=True)
    return f"{row['a']} less {row['b']}: {size} points"


def _pareto(table: pd.DataFrame, summary: Mapping[str, Any]) -> Markup:
    kind = PARETO if has_costs(table) else SCORES
    said = {k: _said(spot.recipe, summary) for k, spot in enumerate(spots(table))}
    label = f"Score against cost of {len(table)} recipes; the table below has the numbers"
    return _twice("pareto", kind, table, label, said)


def _said(recipe: str, summary: Mapping[str, Any]) -> str:
    row = summary["recipes"][recipe]
    by = f" by {', '.join(row['dominated_by'])}" if row["dominated_by"] else ""
    return (
        f"{_start(summary)}{recipe}: {points_range(row['score'])} points, "
        f"{cost_range(row['cost_usd'])} per task; {row['frontier']}{by}"
    )


def _ranks(summary: Mapping[str, Any], folder: Path) -> Markup:
    frame = pd.DataFrame(summary["ranks"])
    frame.attrs["simulated"] = summary["simulated"]
    lines = [f"{r['recipe']}: {r['rank_low']} to {r['rank_high']}" for r in summary["ranks"]]
    return _twice("ranks", RANKS, frame, f"Open ranks: {'; '.join(lines)}", {}, folder)


def _forest(summary: Mapping[str, Any], folder: Path) -> Markup:
    frame = pd.DataFrame(summary["comparisons"])
    frame.attrs["simulated"] = summary["simulated"]
    lines = [
        f"{row['a']} against {row['b']}: "
        f"{points_range({**row, 'value': row['difference']}, signed=True)} points, "
        f"{row['conclusion']}"
        for row in summary["comparisons"]
    ]
    return _twice("forest", FOREST, frame, "; ".join(lines), {}, folder)


def _costs(summary: Mapping[str, Any], folder: Path) -> Markup | None:
    found = {name: row["roles"] for name, row in summary["money"]["by_recipe"].items()}
    frame = by_role(found)
    if not frame.size or not frame.sum().sum() > 0:
        return None
    frame.attrs["simulated"] = summary["simulated"]
    label = "Cost of an answer by role; the table below has the numbers"
    return _twice("costs", COSTS, frame, label, {}, folder)


def _twice(
    name: str, kind: Kind, frame: pd.DataFrame, label: str, points: Mapping[int, str],
    folder: Path | None = None,
) -> Markup:  # fmt: skip
    """The figure for wide windows and for phones; the wide one also as PNG and SVG in `folder`."""
    tall = kind.height(frame)
    wide, narrow = style.figure(tall), style.figure(max(tall, 3.0))
    drawn = kind.alone(wide, frame)
    if folder is not None:
        folder.mkdir(exist_ok=True)
        style.save(drawn, folder / f"{name}.png", folder / f"{name}.svg")
    narrow.set_size_inches(_NARROW, max(tall, 3.0))
    below, above = 1.0 / narrow.get_figheight(), 0.7 / narrow.get_figheight()
    kind.into(frame, narrow.add_axes((kind.left, below, 0.96 - kind.left, 1 - below - above)))
    return inline(wide, f"{name}-wide", "wide", label, points) + inline(
        narrow, f"{name}-narrow", "narrow", label, points
    )
