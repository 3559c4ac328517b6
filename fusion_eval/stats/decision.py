"""Which recipe to take, depending on what one more point of score is worth to you.

Net benefit of a recipe at v dollars per point: v * points - cost per task. It is an ordinary mean
per task, and the recipe with the largest one is the rational choice at that value (Stinnett &
Mullahy 1998; van Hout et al. 1994 for the probability that it is).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, is_simulated, never_answered
from fusion_eval.stats.bootstrap import RESAMPLES, resampled_means, task_weights
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.frontier import Points, points

POINTS = 100.0


def hull(score: ArrayLike, cost: ArrayLike) -> list[int]:
    """Indices on the upper convex hull, from the cheapest to the best-scoring.

    score, cost : shape (n_recipes,), any units, no NaN. These are the recipes that are the choice
    at some value of a point; whatever lies below the hull is beaten by mixing two of them.
    """
    s, c = np.asarray(score, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    chain: list[int] = []
    for k in sorted(range(len(s)), key=lambda k: (c[k], -s[k])):
        if chain and s[k] <= s[chain[-1]]:
            continue
        while len(chain) > 1 and _below(chain[-2], chain[-1], k, s, c):
            chain.pop()
        chain.append(k)
    return chain


def _below(a: int, b: int, k: int, s: Floats, c: Floats) -> bool:
    """Whether b lies on or below the chord from a to k."""
    return bool((s[b] - s[a]) * (c[k] - c[a]) <= (s[k] - s[a]) * (c[b] - c[a]))


def decisions(
    trials: pd.DataFrame,
    seed: int = 0,
    *,
    missing: Missing = "as_deployed",
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """The recipe with the largest net benefit, for every value of a point.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    seed : seed of the resamples of tasks

    Returns
    -------
    DataFrame, one row per range of values, from low to high: `recipe`, `from_usd`, `to_usd` (US$
    per point and task, from 0 to inf: the thresholds at which the choice changes), `at_usd` (a
    value inside the range), `probability` (share of joint resamples in which the recipe has the
    largest net benefit there) and `runner_up`. Recipes of unknown cost cannot be ranked and stand
    in `attrs["left_out"]`, those that never answered in `attrs["never_answered"]`. No rows when
    nobody is left. Probabilities are NaN while a recipe has fewer than five tasks.
    """
    data, left_out = _priced(points(trials, missing))
    columns = ["recipe", "from_usd", "to_usd", "at_usd", "probability", "runner_up"]
    rows = []
    if data.names:
        score, cost = np.nanmean(data.score, axis=0) * POINTS, np.nanmean(data.cost, axis=0)
        chain = hull(score, cost)
        steps = [_slope(i, j, score, cost) for i, j in pairwise(chain)]
        edges = [0.0, *steps, float("inf")]
        draws = _draws(data, seed, resamples)
        sure = float("nan") if data.few else 1.0
        for k, (low, high) in zip(chain, pairwise(edges), strict=True):
            at = _inside(low, high)
            share = _shares(draws, at)
            rivals = sorted((r for r in range(len(data.names)) if r != k), key=lambda r: -share[r])
            rival = data.names[rivals[0]] if rivals and share[rivals[0]] > 0 else ""
            rows.append((data.names[k], low, high, at, sure * float(share[k]), rival))
    table = pd.DataFrame(rows, columns=columns)
    table.attrs = {
        **trials.attrs,
        "simulated": is_simulated(trials),
        "left_out": left_out,
        "never_answered": never_answered(trials),
    }
    return table


def net_benefit(
    trials: pd.DataFrame,
    dollars_per_point: Sequence[float],
    seed: int = 0,
    *,
    missing: Missing = "as_deployed",
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Net benefit of every recipe at each value of a point.

    Returns one row per (value, recipe): `dollars_per_point`, `recipe`, `net_benefit_usd` (per
    task), `probability` (share of joint resamples in which it is the largest). Recipes of unknown
    cost are left out and named in `attrs["left_out"]`; those that never answered are left out.
    Probabilities are NaN while a recipe has fewer than five tasks.
    Raises StatisticsError for values below 0.
    """
    if min(dollars_per_point, default=0.0) < 0:
        raise StatisticsError("a point cannot be worth less than $0")
    data, left_out = _priced(points(trials, missing))
    draws = _draws(data, seed, resamples)
    sure = float("nan") if data.few else 1.0
    rows = []
    for value in dollars_per_point:
        means = value * POINTS * np.nanmean(data.score, axis=0) - np.nanmean(data.cost, axis=0)
        share = _shares(draws, value)
        for k, name in enumerate(data.names):
            rows.append((value, name, float(means[k]), sure * float(share[k])))
    columns = ["dollars_per_point", "recipe", "net_benefit_usd", "probability"]
    table = pd.DataFrame(rows, columns=columns)
    table.attrs = {**trials.attrs, "simulated": is_simulated(trials), "left_out": left_out}
    return table


def _priced(data: Points) -> tuple[Points, list[str]]:
    """The recipes that answered, with scores and wholly known costs; who lacks score or cost."""
    seen = (~np.isnan(data.score)).any(axis=0) & (~np.isnan(data.cost)).any(axis=0)
    keep = data.able & seen
    names = [name for name, kept in zip(data.names, keep, strict=True) if kept]
    silent = np.zeros(len(keep), bool) if data.silent is None else data.silent
    out = [data.names[k] for k in np.flatnonzero(~keep & ~silent)]
    return Points(names, data.score[:, keep], data.cost[:, keep], data.known[keep]), out


def _draws(data: Points, seed: int, resamples: int) -> tuple[Floats, Floats]:
    weights = task_weights(len(data.score), resamples, np.random.default_rng(seed))
    return resampled_means(data.score, weights) * POINTS, resampled_means(data.cost, weights)


def _shares(draws: tuple[Floats, Floats], value: float) -> Floats:
    """Share of resamples in which each recipe has the largest net benefit; ties are shared."""
    benefit = np.nan_to_num(value * draws[0] - draws[1], nan=-np.inf)
    best = benefit >= benefit.max(axis=1, keepdims=True) - 1e-12
    share: Floats = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    return share


def _slope(i: int, j: int, score: Floats, cost: Floats) -> float:
    return float((cost[j] - cost[i]) / (score[j] - score[i]))


def _inside(low: float, high: float) -> float:
    if np.isinf(high):
        return 2 * low if low > 0 else 1.0
    return float(np.sqrt(low * high)) if low > 0 else high / 2
