"""Score against cost: which recipes no other beats on both, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from fusion_eval.frames import Missing, is_simulated, never_answered, per_task, recipes
from fusion_eval.stats.bootstrap import RESAMPLES, resampled_means, task_weights
from fusion_eval.stats.cost import cost_per_task, mean_cost
from fusion_eval.stats.estimates import Floats, mean_score, standard_error

COLUMNS = (
    "recipe", "strategy", "score", "score_low", "score_high", "cost_usd", "cost_low", "cost_high",
    "cost_unknown", "cost_n", "cost_method", "latency_s", "n", "trials", "failed", "on_frontier",
    "p_on_frontier", "status", "dominated_by",
)  # fmt: skip
NEVER = "never answered"
"""Status of a recipe whose every trial failed: its price is that of failing, so it has no place."""
LEAST_TASKS = 5
"""Below it nobody is sure of anything: a lead on all of four tasks is chance once in 2^4 = 16.

Resamples of so few tasks are nearly all alike, so their shares would say 100 % of it.
"""
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Points:
    """Scores and costs of all recipes on the same tasks; arrays of shape (n_tasks, n_recipes).

    `known`: whether every cost of the recipe is known; otherwise its costs are lower bounds.
    `silent`: whether every trial of the recipe failed.
    """

    names: list[str]
    score: Floats
    cost: Floats
    known: Bools
    silent: Bools | None = None

    @property
    def able(self) -> Bools:
        """Which recipes can be chosen and can beat others: they answered, at a known cost."""
        return self.known if self.silent is None else self.known & ~self.silent

    @property
    def few(self) -> bool:
        """Whether some recipe that answered has a score on too few tasks to be sure of a place."""
        counts = (~np.isnan(self.score)).sum(axis=0)
        counts = counts[(counts > 0) & (True if self.silent is None else ~self.silent)]
        return bool(counts.size and counts.min() < LEAST_TASKS)


def points(trials: pd.DataFrame, missing: Missing = "as_deployed") -> Points:
    """Scores (0 to 1) and costs (US$) per task, tasks in the order of their hashes."""
    names = recipes(trials)
    score, costs = per_task(trials, "score", missing), cost_per_task(trials)
    tasks = score.index.union(costs.least.index)
    return Points(
        names=names,
        score=score.reindex(tasks)[names].to_numpy(dtype=np.float64),
        cost=costs.least.reindex(tasks)[names].to_numpy(dtype=np.float64),
        known=(costs.unknown.reindex(names) == 0).to_numpy(),
        silent=np.isin(names, never_answered(trials)),
    )


def pareto(
    trials: pd.DataFrame,
    level: float = 0.95,
    seed: int = 0,
    *,
    missing: Missing = "as_deployed",
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Score, cost and place on the frontier of every recipe.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat), see `frames.trials`
    level : coverage of the intervals; 1 - level is the error rate of `status`
    seed : seed of the resamples
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
    tasks, p_on_frontier is NaN and nobody is `on`.

    References
    ----------
    Intersection-union test: Berger (1982), Technometrics 24:295.
    """
    rng = np.random.default_rng(seed)
    data = points(trials, missing)
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
            | _counts(trials[trials["recipe"].astype(str) == name], data, k)
            | {
                "on_frontier": bool(on[k]) if settled else None,
                "p_on_frontier": float(share[k]) if located and data.known[k] else None,
                "status": NEVER if silent else _status(float(share[k]), beaten[k], settled, level),
                "dominated_by": "" if silent else ", ".join(beaten[k]),
            }
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["on_frontier"] = table["on_frontier"].astype(object)
    table["p_on_frontier"] = table["p_on_frontier"].astype(float)
    table.attrs = {**trials.attrs, "simulated": is_simulated(trials)}
    table.attrs |= {"level": level, "missing": missing, "tasks": len(data.score)}
    return table


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


def _counts(rows: pd.DataFrame, data: Points, k: int) -> dict[str, Any]:
    strategy = rows["strategy"].dropna()
    return {
        "strategy": str(strategy.iloc[0]) if len(strategy) else "",
        "cost_unknown": int(rows["cost_usd"].isna().sum()),
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


def on_frontier(score: ArrayLike, cost: ArrayLike, known: ArrayLike | None = None) -> Bools:
    """Which points no other dominates: as good for less, or better for as much.

    score, cost : shape (..., n_recipes). known : shape (n_recipes,); a point whose cost is only a
    lower bound dominates nobody. Comparisons with NaN are false. Returns shape (..., n_recipes).
    """
    s, c = np.asarray(score, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    able = np.ones(s.shape[-1], bool) if known is None else np.asarray(known, dtype=bool)
    beaten = np.zeros(s.shape, bool)
    for j in np.flatnonzero(able):
        sj, cj = s[..., j, None], c[..., j, None]
        beaten |= ((sj >= s) & (cj < c)) | ((sj > s) & (cj <= c))
    return ~beaten


def membership(data: Points, weights: Floats) -> Floats:
    """Share of joint resamples in which each recipe is on the frontier, shape (n_recipes,)."""
    score, cost = resampled_means(data.score, weights), resampled_means(data.cost, weights)
    share: Floats = on_frontier(score, cost, data.able).mean(axis=0)
    return share


def dominators(data: Points, alpha: float) -> list[list[str]]:
    """For each recipe, who scores more *and* costs less, both tests at alpha / (recipes - 1)."""
    count = len(data.names)
    limit = alpha / max(1, count - 1)
    found: list[list[str]] = []
    for i in range(count):
        found.append([
            data.names[j] for j in range(count)
            if j != i and data.able[j]
            and _greater(data.score[:, j] - data.score[:, i]) <= limit
            and _greater(data.cost[:, i] - data.cost[:, j]) <= limit
        ])  # fmt: skip
    return found


def _greater(differences: Floats) -> float:
    """One-sided p of "the mean is not above 0", paired t; 1 for fewer than five tasks."""
    d = differences[~np.isnan(differences)]
    if len(d) < LEAST_TASKS or d.mean() <= 0:
        return 1.0
    se = standard_error(d)
    return float(stats.t.sf(d.mean() / se, len(d) - 1)) if se > 0 else 0.0
