"""Score against price: which recipes no other beats on both, and how sure that is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.frames import Missing, is_simulated
from fusion_eval.stats.bootstrap import RESAMPLES, task_weights
from fusion_eval.stats.cost import mean_cost
from fusion_eval.stats.design import unclustered
from fusion_eval.stats.dominance import dominators, membership, on_frontier
from fusion_eval.stats.estimates import Floats, mean_score
from fusion_eval.stats.points import Points, Price, points
from fusion_eval.stats.protocols import with_caveat
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "recipe", "strategy", "score", "score_low", "score_high", "cost_usd", "cost_low", "cost_high",
    "cost_unknown", "cost_n", "cost_method", "latency_s", "n", "trials", "failed", "on_frontier",
    "p_on_frontier", "status", "dominated_by", "caveat",
)  # fmt: skip
NEVER = "never answered"
"""Status of a recipe whose every trial failed: its price is that of failing, so it has no place."""
IN_SECONDS = {
    "cost_usd": "seconds", "cost_low": "seconds_low", "cost_high": "seconds_high",
    "cost_unknown": "seconds_unknown", "cost_n": "seconds_n", "cost_method": "seconds_method",
}  # fmt: skip
"""Names of the columns of the price where the price is in seconds."""


def pareto(
    trials: pd.DataFrame,
    level: float = 0.95,
    seed: int = 0,
    *,
    by: Price = "cost_usd",
    missing: Missing = "as_deployed",
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Score, cost and place on the frontier of every recipe.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat), see `frames.trials`
    level : coverage of the intervals; 1 - level is the error rate of `status`
    seed : seed of the resamples
    by : the price on the other axis: `cost_usd`, or `latency_s` for the same frontier in seconds
    missing : what a failed answer counts as, see `frames.per_task`

    Returns
    -------
    DataFrame, one row per recipe, columns `COLUMNS`. Scores 0 to 1, costs US$ per task of that
    recipe run alone (`cost_n` tasks, interval by `cost_method`), `latency_s` the median in
    seconds, `n` tasks with a score, `cost_unknown` trials of unknown cost (with any, the cost is
    a lower bound, and without a known one NaN).
    `on_frontier`: by the means, nobody scores as well for less or better for as much; None when
    the cost is not known. `p_on_frontier`: share of joint resamples of tasks in which that holds.
    `status`: `never answered` when every trial failed (such a recipe is neither placed nor beats
    others), `dominated` when for some other recipe both one-sided paired t tests (scores more,
    costs less) reject at (1 - level) / (recipes - 1) (those are named in `dominated_by`), `on`
    when p_on_frontier >= level, else `undecided`. While some recipe has fewer than `LEAST_TASKS`
    tasks, p_on_frontier is NaN and nobody is `on`. The `caveat` says where tasks share clusters:
    they count as independent here. By seconds, the columns of the price are called
    `seconds`, `seconds_low`, `seconds_high`, `seconds_unknown`, `seconds_n`, `seconds_method`.

    References
    ----------
    Intersection-union test: Berger (1982), Technometrics 24:295.
    """
    trials = tidied(trials)
    rng = np.random.default_rng(seed)
    data = points(trials, missing, by)
    weights = task_weights(len(data.score), resamples, rng)
    on = on_frontier(_means(data.score), _means(data.cost), data.able)
    share = np.full(len(data.names), np.nan) if data.few else membership(data, weights)
    beaten = dominators(data, 1 - level)
    rows = []
    for k, name in enumerate(data.names):
        silent = data.silent is not None and bool(data.silent[k])
        known = np.isfinite(data.cost[:, k]).any() and np.isfinite(data.score[:, k]).any()
        located = bool(known) and not silent
        settled = bool(located and (data.known[k] or not on[k]))
        rows.append(
            _estimates(data, k, level, rng)
            | _counts(trials[trials["recipe"].astype(str) == name], data, k, by)
            | {
                "on_frontier": bool(on[k]) if settled else None,
                "p_on_frontier": float(share[k]) if located and data.known[k] else None,
                "status": NEVER if silent else _status(float(share[k]), beaten[k], settled, level),
                "dominated_by": "" if silent else ", ".join(beaten[k]),
                "caveat": "",
            }
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = with_caveat(table, unclustered(trials))
    table["on_frontier"] = table["on_frontier"].astype(object)
    table["p_on_frontier"] = table["p_on_frontier"].astype(float)
    table.attrs = {**trials.attrs, "simulated": is_simulated(trials)}
    table.attrs |= {"level": level, "missing": missing, "tasks": len(data.score), "by": by}
    return table if by == "cost_usd" else table.rename(columns=IN_SECONDS)


def _means(values: Floats) -> Floats:
    counted = (~np.isnan(values)).sum(axis=0)
    sums = np.where(counted > 0, np.nansum(values, axis=0), np.nan)
    means: Floats = sums / np.maximum(counted, 1)
    return means


def _estimates(data: Points, k: int, level: float, rng: np.random.Generator) -> dict[str, Any]:
    row: dict[str, Any] = {"recipe": data.names[k]}
    score = data.score[:, k][~np.isnan(data.score[:, k])]
    cost = data.cost[:, k][~np.isnan(data.cost[:, k])]
    if len(score):
        s = mean_score(score, level)
        row |= {"score": s.value, "score_low": s.low, "score_high": s.high}
    if len(cost):
        c = mean_cost(cost, level, rng=rng)
        high = c.high if data.known[k] else float("nan")
        row |= {"cost_usd": c.value, "cost_low": c.low, "cost_high": high}
        row |= {"cost_n": c.n, "cost_method": c.method}
    return row


def _counts(rows: pd.DataFrame, data: Points, k: int, by: Price) -> dict[str, Any]:
    strategy = rows["strategy"].dropna() if "strategy" in rows else rows["recipe"].iloc[:0]
    return {
        "strategy": str(strategy.iloc[0]) if len(strategy) else "",
        "cost_unknown": int(rows[by].isna().sum()),
        "latency_s": _median(rows["latency_s"].astype(float).dropna()),
        "n": int((~np.isnan(data.score[:, k])).sum()),
        "trials": len(rows),
        "failed": int(rows["failure"].notna().sum()),
    }


def _median(values: pd.Series) -> float:
    return float(values.median()) if len(values) else float("nan")


def _status(share: float, beaten: list[str], settled: bool, level: float) -> str:
    if beaten:
        return "dominated"
    return "on" if settled and share >= level else "undecided"
