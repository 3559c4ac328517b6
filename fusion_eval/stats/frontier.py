"""Score against price: which recipes no other beats on both, and how sure that is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.core import Estimate
from fusion_eval.frames import Missing, per_task, recipes
from fusion_eval.stats.bootstrap import RESAMPLES
from fusion_eval.stats.bounds import SETTLED, Place, places, range_of
from fusion_eval.stats.clusters import sampled, score_of
from fusion_eval.stats.common import LACKING
from fusion_eval.stats.cost import cost_per_task, mean_costs
from fusion_eval.stats.design import Labels, groups_of
from fusion_eval.stats.dominance import dominators
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.latency import of_one_source
from fusion_eval.stats.means import t_limits
from fusion_eval.stats.points import Points, Price, points
from fusion_eval.stats.results import known_or_none, result
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "recipe", "strategy", "score", "score_low", "score_high", "cost_usd", "cost_low", "cost_high",
    "cost_unknown", "cost_n", "cost_method", "latency_s", "n", "trials", "failed", "on_frontier",
    "p_on_frontier", "status", "dominated_by", "caveat",
)  # fmt: skip
NEVER = "never answered"
"""Status of a recipe whose every trial failed: its price is that of failing, so it has no place."""
NOT_COMPARED = "not compared"
"""Status of a recipe that is left out, because it has too few of the tasks of the others."""
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
    lacking: float = LACKING,
) -> pd.DataFrame:
    """Score, cost and place on the frontier of every recipe.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat), see `frames.trials`
    level : coverage of the intervals; 1 - level is the error rate of `status`
    seed : seed of the resamples
    by : the price on the other axis: `cost_usd`, or `latency_s` for the same frontier in seconds
    missing : what a failed answer counts as, see `frames.per_task`
    lacking : who lacks more than this share of the tasks is left out; 1 keeps everybody, on the
        tasks that are left

    Returns
    -------
    DataFrame, one row per recipe, columns `COLUMNS`. Scores 0 to 1, costs US$ per task of that
    recipe run alone (`cost_n` tasks, interval by `cost_method`), `latency_s` the median in
    seconds (NaN where it is of another clock than that of most recipes), `n` tasks with a score,
    `cost_unknown` trials of unknown cost (with any, the cost is a lower bound, and without an upper
    one NaN).
    All are means over the tasks that all recipes have. A recipe that is left out has the status
    `not compared`, with its own tasks and the reason as caveat.
    `on_frontier`: by the means, nobody scores as well for less or better for as much.
    `p_on_frontier`: the probability of that, of the credible true means (`stats.shrinkage`); tasks
    of one cluster are drawn together. Unknown costs lie between bounds (`stats.cost`): what holds
    at both is settled, else `on_frontier` is None and `p_on_frontier` NaN, and the caveat names the
    bounds (of two probabilities that differ by 0.05 at most it is the smaller). A recipe without an
    upper bound has no place and takes none from others.
    `status`: `never answered` when every trial failed (such a recipe is neither placed nor beats
    others), `dominated` when for some other recipe both one-sided paired t tests (scores more,
    costs less) reject at (1 - level) / (k (k - 1)), k recipes (those are named in `dominated_by`),
    `on` when p_on_frontier >= level, else `undecided`. While the recipes share fewer than
    `LEAST_TASKS` tasks (or clusters), p_on_frontier is NaN and nobody is `on` or `dominated`. By
    seconds, the columns of the price are called `seconds`, `seconds_low`, `seconds_high`,
    `seconds_unknown`, `seconds_n`, `seconds_method`.

    References
    ----------
    Intersection-union test: Berger (1982), Technometrics 24:295.
    """
    trials = tidied(trials)
    data = points(trials, missing, by, lacking)
    placed = _places(data, level, seed, resamples)
    alone = _alone(trials, data, missing, by)
    paid = {one: _costs(one, level, seed) for one in (data, alone)}
    of_other_clocks = of_one_source(trials)[1]
    rows = []
    for name in recipes(trials):
        one = data if name in data.names else alone
        k = one.names.index(name)
        rows.append(
            _estimates(one, k, level, paid[one].get(k))
            | _counts(trials[trials["recipe"].astype(str) == name], one, k, by)
            | (place := placed.get(name, {"status": NOT_COMPARED, "dominated_by": ""}))
            | {"caveat": _caveat(data, name, place.get("caveat", ""))}
        )
        if (why := of_other_clocks.get(name)) and by == "cost_usd":
            rows[-1] |= {"latency_s": float("nan")}
            rows[-1]["caveat"] = "; ".join(filter(None, [rows[-1]["caveat"], why]))
    table = result(rows, COLUMNS, trials, level=level, missing=missing, tasks=len(data.score))
    table["on_frontier"] = known_or_none(table["on_frontier"])
    table["p_on_frontier"] = table["p_on_frontier"].astype(float)
    table.attrs |= {"by": by, "not_compared": dict(data.left_out), "lacking": data.lacking}
    return table if by == "cost_usd" else table.rename(columns=IN_SECONDS)


def _places(data: Points, level: float, seed: int, resamples: int) -> dict[str, dict[str, Any]]:
    """The place of every recipe that is compared."""
    place, able = places(data.score, data, resamples, seed), data.able
    silent = np.zeros(len(able), bool) if data.silent is None else data.silent
    beaten = dominators(data, 1 - level)
    rows: dict[str, dict[str, Any]] = {}
    for k, name in enumerate(data.names):
        on = place.on(k) if able[k] and len(data.score) else None
        rows[name] = {
            "on_frontier": on,
            "p_on_frontier": place.probability(k) if able[k] else None,
            "status": NEVER if silent[k] else _status(float(place.least[k]), beaten[k], on, level),
            "dominated_by": "" if silent[k] else ", ".join(beaten[k]),
            "caveat": _open(data, place, k) if able[k] else "",
        }
    return rows


def _open(data: Points, place: Place, k: int) -> str:
    """What unknown costs leave open of the place of a recipe; empty where nothing is."""
    least, most = place.least[k], place.most[k]
    if place.on(k) is not None and not most - least > SETTLED:
        return ""
    unknown = [name for j, name in enumerate(data.names) if data.able[j] and not data.known[j]]
    own = f"between {range_of(data, k)} per task" if not data.known[k] else (
        f"those of {', '.join(unknown[:3])}" + (" and others" if len(unknown) > 3 else "")
    )  # fmt: skip
    share = "" if data.few else f": p_on_frontier is {least:.2f} to {most:.2f}"
    return f"unknown costs ({own}) leave its place open{share}"


def _alone(trials: pd.DataFrame, data: Points, missing: Missing, by: Price) -> Points:
    """Scores and prices of the recipes that are left out, each on the tasks it has."""
    names = [name for name in recipes(trials) if name not in data.names]
    score, costs = per_task(trials, "score", missing), cost_per_task(trials, by)
    return Points(
        names, score[names].to_numpy(dtype=np.float64),
        costs.least.reindex(score.index)[names].to_numpy(dtype=np.float64),
        (costs.unknown.reindex(names) == 0).to_numpy(),
        groups=groups_of(trials, score.index, "new tasks") if names else None,
    )  # fmt: skip


def _caveat(data: Points, name: str, own: str) -> str:
    if name in data.left_out:
        return f"not compared: {data.left_out[name]}"
    return "; ".join(note for note in (data.lacking, own, *data.notes) if note)


def _estimates(data: Points, k: int, level: float, cost: Estimate | None) -> dict[str, Any]:
    row: dict[str, Any] = {"recipe": data.names[k]}
    there = ~np.isnan(data.score[:, k])
    if there.any():
        groups = None if data.groups is None else data.groups[there]
        s = score_of(data.score[there, k], groups, level)
        row |= {"score": s.value, "score_low": s.low, "score_high": s.high}
    if cost is not None:
        high = cost.high if data.known[k] else float("nan")
        row |= {"cost_usd": cost.value, "cost_low": cost.low, "cost_high": high}
        row |= {"cost_n": cost.n, "cost_method": cost.method}
    return row


def _costs(data: Points, level: float, seed: int) -> dict[int, Estimate]:
    """The mean cost of each recipe of which there is one; all from one set of resamples."""
    there = ~np.isnan(data.cost)
    some = [int(k) for k in np.flatnonzero(there.any(axis=0))]
    if data.groups is None:
        columns = [np.sort(data.cost[there[:, k], k]) for k in some]
        found = mean_costs(columns, level, np.random.default_rng(seed))
        return dict(zip(some, found, strict=True))
    return {
        k: _by_cluster(data.cost[there[:, k], k], data.groups[there[:, k]], level) for k in some
    }


def _by_cluster(x: Floats, groups: Labels, level: float) -> Estimate:
    found = t_limits(sampled(x, groups), level)
    return replace(found, low=max(0.0, found.low))


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


def _status(least: float, beaten: list[str], on: bool | None, level: float) -> str:
    if beaten:
        return "dominated"
    return "on" if on and least >= level else "undecided"
