"""Which recipe to take, depending on what one more point of score is worth to you.

Net benefit of a recipe at v dollars per point: v * points - cost per task. It is an ordinary mean
per task, and the recipe with the largest one is the rational choice at that value (Stinnett &
Mullahy 1998; van Hout et al. 1994 for the probability that it is). Seconds may stand for dollars.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, is_simulated, never_answered
from fusion_eval.stats.bootstrap import RESAMPLES, resampled_means, task_weights
from fusion_eval.stats.dominance import hull
from fusion_eval.stats.estimates import Floats, t_interval
from fusion_eval.stats.points import Points, Price, points
from fusion_eval.stats.tables import tidied

POINTS = 100.0
_UNITS: dict[str, str] = {"cost_usd": "usd", "latency_s": "s"}


@dataclass(frozen=True)
class Stakes:
    """Recipes that can be chosen, their means, and joint resamples of these.

    `score` (points, 0 to 100) and `cost`: shape (n_recipes,); `scores`, `costs`: shape
    (resamples, n_recipes).
    """

    data: Points
    left_out: list[str]
    score: Floats
    cost: Floats
    scores: Floats
    costs: Floats

    def probability(self, value: float) -> Floats:
        """Share of resamples in which each recipe has the largest net benefit; ties are shared."""
        benefit = np.nan_to_num(value * self.scores - self.costs, nan=-np.inf)
        best = benefit >= benefit.max(axis=1, keepdims=True) - 1e-12
        share: Floats = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
        return np.full_like(share, np.nan) if self.data.few else share

    def perfect_information(self, value: float) -> float:
        """Expected gain per task of choosing after, not before, the truth is known (EVPI)."""
        if self.data.few:
            return float("nan")
        benefit = value * self.scores - self.costs
        benefit = benefit[~np.isnan(benefit).any(axis=1)]
        return max(0.0, float(benefit.max(axis=1).mean() - benefit.mean(axis=0).max()))


def stakes(trials: pd.DataFrame, seed: int, missing: Missing, resamples: int, by: Price) -> Stakes:
    """The recipes that answered at wholly known prices, with joint resamples of tasks."""
    data, left_out = _priced(points(trials, missing, by))
    weights = task_weights(len(data.score), resamples, np.random.default_rng(seed))
    with np.errstate(invalid="ignore"):
        score = np.nanmean(data.score, axis=0) * POINTS if data.names else np.empty(0)
        cost = np.nanmean(data.cost, axis=0) if data.names else np.empty(0)
    scores = resampled_means(data.score, weights) * POINTS
    return Stakes(data, left_out, score, cost, scores, resampled_means(data.cost, weights))


def decisions(
    trials: pd.DataFrame,
    seed: int = 0,
    *,
    by: Price = "cost_usd",
    missing: Missing = "as_deployed",
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """The recipe with the largest net benefit, for every value of a point.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    seed : seed of the resamples of tasks
    by : what a point is paid in: `cost_usd`, or `latency_s` (seconds of waiting)

    Returns
    -------
    DataFrame, one row per range of values, from low to high: `recipe`, `from_usd`, `to_usd` (US$
    per point and task, from 0 to inf: the thresholds at which the choice changes), `at_usd` (a
    value inside the range), `probability` (share of joint resamples in which the recipe has the
    largest net benefit there), `runner_up` and `evpi_usd` (per task: what knowing the truth before
    choosing would be worth at most). By seconds: `from_s`, `to_s`, `at_s`, `evpi_s`. Recipes of
    unknown cost cannot be ranked and stand in `attrs["left_out"]`, those that never answered in
    `attrs["never_answered"]`. No rows when nobody is left. Probabilities are NaN while a recipe
    has fewer than five tasks.
    """
    trials = tidied(trials)
    known = stakes(trials, seed, missing, resamples, by)
    rows = []
    if known.data.names:
        chain = hull(known.score, known.cost)
        steps = [_slope(i, j, known) for i, j in pairwise(chain)]
        for k, (low, high) in zip(chain, pairwise([0.0, *steps, float("inf")]), strict=True):
            rows.append(_choice(known, k, low, high))
    unit = _UNITS[by]
    columns = ["recipe", f"from_{unit}", f"to_{unit}", f"at_{unit}"]
    table = pd.DataFrame(rows, columns=[*columns, "probability", "runner_up", f"evpi_{unit}"])
    table.attrs = _attrs(trials, known) | {"never_answered": never_answered(trials)}
    return table


def acceptability(
    trials: pd.DataFrame,
    values: Sequence[float] | None = None,
    level: float = 0.95,
    seed: int = 0,
    *,
    by: Price = "cost_usd",
    missing: Missing = "as_deployed",
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Acceptability curves: for each value of a point, how likely each recipe is the best choice.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    values : US$ (or seconds) that one point of score is worth per task; by default 61 values, in
        equal steps of their logarithm, around the thresholds at which the choice changes
    level : coverage of the interval of the net benefit

    Returns
    -------
    DataFrame, one row per (value, recipe): `value`, `recipe`, `net_benefit` (value * points - cost,
    mean per task) with `low`, `high` (t interval over tasks that have both), `n`, `probability`
    (share of joint resamples in which it is the largest), `chosen` (largest expected net benefit:
    these rows are the acceptability frontier), `evpi` (of the value, same for all its rows: what
    perfect information would be worth per task; more tasks are not worth more than evpi times the
    tasks that will be answered). Recipes of unknown cost are left out and named in
    `attrs["left_out"]`; those that never answered are left out. Probabilities and evpi are NaN
    while a recipe has fewer than five tasks. Raises StatisticsError for values below 0.

    References
    ----------
    van Hout et al. (1994), Health Economics 3:309; Stinnett & Mullahy (1998), Medical Decision
    Making 18:S68; Fenwick, Claxton & Sculpher (2001), Health Economics 10:779.
    """
    if min(values or [], default=0.0) < 0:
        raise StatisticsError("a point cannot be worth less than $0")
    trials = tidied(trials)
    known = stakes(trials, seed, missing, resamples, by)
    rows = []
    wanted = _values(known) if values is None else values
    for value in wanted if known.data.names else ():
        benefit = value * known.score - known.cost
        share, perfect = known.probability(value), known.perfect_information(value)
        for k, name in enumerate(known.data.names):
            row = {"value": float(value), "recipe": name, "net_benefit": float(benefit[k])}
            row |= _interval(value * POINTS * known.data.score[:, k] - known.data.cost[:, k], level)
            row |= {"probability": float(share[k]), "chosen": k == int(benefit.argmax())}
            rows.append(row | {"evpi": perfect})
    columns = ["value", "recipe", "net_benefit", "low", "high", "n", "probability", "chosen"]
    table = pd.DataFrame(rows, columns=[*columns, "evpi"])
    table.attrs = _attrs(trials, known) | {"level": level, "by": by}
    return table


def _interval(benefit: Floats, level: float) -> dict[str, float]:
    known = benefit[~np.isnan(benefit)]
    if len(known) < 2:
        return {"low": float("nan"), "high": float("nan"), "n": len(known)}
    found = t_interval(known, level)
    return {"low": found.low, "high": found.high, "n": found.n}


def _values(known: Stakes, count: int = 61) -> Floats:
    """Values of a point from a tenth of the first threshold to ten times the last."""
    chain = hull(known.score, known.cost) if known.data.names else []
    steps = [s for i, j in pairwise(chain) if (s := _slope(i, j, known)) > 0]
    if not steps:
        middle = float(known.cost.max()) if known.data.names else 1.0
        steps = [middle or 1.0]
    values: Floats = np.geomspace(min(steps) / 10, max(steps) * 10, count)
    return values


def _attrs(trials: pd.DataFrame, known: Stakes) -> dict[Hashable | None, Any]:
    return {**trials.attrs, "simulated": is_simulated(trials), "left_out": known.left_out}


def _priced(data: Points) -> tuple[Points, list[str]]:
    """The recipes that answered, with scores and wholly known costs; who lacks score or cost."""
    seen = (~np.isnan(data.score)).any(axis=0) & (~np.isnan(data.cost)).any(axis=0)
    keep = data.able & seen
    names = [name for name, kept in zip(data.names, keep, strict=True) if kept]
    silent = np.zeros(len(keep), bool) if data.silent is None else data.silent
    out = [data.names[k] for k in np.flatnonzero(~keep & ~silent)]
    return Points(names, data.score[:, keep], data.cost[:, keep], data.known[keep]), out


def _choice(known: Stakes, k: int, low: float, high: float) -> tuple[object, ...]:
    """A row of `decisions`: recipe k between two thresholds."""
    names, at = known.data.names, _inside(low, high)
    share = known.probability(at)
    rivals = sorted((r for r in range(len(names)) if r != k), key=lambda r: -share[r])
    rival = names[rivals[0]] if rivals and share[rivals[0]] > 0 else ""
    return names[k], low, high, at, float(share[k]), rival, known.perfect_information(at)


def _slope(i: int, j: int, known: Stakes) -> float:
    return float((known.cost[j] - known.cost[i]) / (known.score[j] - known.score[i]))


def _inside(low: float, high: float) -> float:
    if np.isinf(high):
        return 2 * low if low > 0 else 1.0
    return float(np.sqrt(low * high)) if low > 0 else high / 2
