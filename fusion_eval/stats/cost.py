"""The mean cost of an answer. Costs are skewed, so the interval is a studentised bootstrap.

Unknown is a state: the cost of such a trial lies between bounds, and so does the mean. This is the
only place that turns unknown prices into bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fusion_eval.core import Estimate
from fusion_eval.frames import task_key
from fusion_eval.stats.bootstrap import (
    RESAMPLES,
    Counts,
    task_weights,
    weighted,
)
from fusion_eval.stats.estimates import Floats, checked, standard_error, t_interval
from fusion_eval.stats.results import LEAST_TASKS


@dataclass(frozen=True)
class Costs:
    """Cost per task (US$, or seconds), tidy.

    `least`, `most`: index task hash, one column per recipe; each trial of unknown cost at its lower
    and its upper bound. NaN: no trial for this task, or the recipe has no upper bound.
    `unknown`: number of trials of unknown cost, per recipe.
    """

    least: pd.DataFrame
    unknown: pd.Series
    most: pd.DataFrame


def cost_per_task(trials: pd.DataFrame, column: str = "cost_usd") -> Costs:
    """Average a price over repeats within each task; failed answers cost what they cost.

    column : `cost_usd` (US dollars) or `latency_s` (seconds)

    An unknown cost lies between `cost_min_usd` and `cost_max_usd` where the table has them, else
    between 0 and the largest that the recipe was seen to take. A recipe of which no cost is known
    has no upper bound, unless the table has one.
    """
    key = task_key(trials)
    recipe = trials["recipe"].astype(str)
    cost = trials[column].astype(float)
    unknown = cost.isna().groupby(recipe, sort=False).sum().astype(int)
    low, high = bounds(trials, column)
    open_ended = high.isna().groupby(recipe, sort=False).any()
    least, most = (
        values.groupby([key, recipe]).mean().unstack().sort_index().reindex(columns=unknown.index)
        for values in (low, high)
    )
    for table in (least, most):
        table.loc[:, open_ended[open_ended].index] = np.nan
    return Costs(least, unknown, most)


def bounds(trials: pd.DataFrame, column: str = "cost_usd") -> tuple[pd.Series, pd.Series]:
    """The least and the most that each trial can have cost; NaN: no upper bound.

    Both are the cost itself where that is known; otherwise see `cost_per_task`.
    """
    cost = trials[column].astype(float)
    largest = cost.groupby(trials["recipe"].astype(str)).transform("max")
    low = cost.fillna(_told(trials, column, "min")).fillna(0.0)
    high = cost.fillna(_told(trials, column, "max")).fillna(largest)
    return low, high.where(high.isna(), np.maximum(low, high))


def _told(trials: pd.DataFrame, column: str, end: str) -> pd.Series:
    """The bound that the table itself has: `cost_min_usd` of `cost_usd`."""
    name = column.replace("cost_", f"cost_{end}_")
    told = trials[name] if name in trials and name != column else np.nan
    return pd.Series(told, trials.index, dtype=float)


def mean_cost(
    costs: ArrayLike,
    level: float = 0.95,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Mean cost per task with the bootstrap-t interval, by task.

    Parameters
    ----------
    costs : shape (n_tasks,), US dollars, not negative, no NaN
    level : float in (0, 1), coverage
    rng : draws the resamples
    resamples : number of bootstrap samples

    Returns
    -------
    Estimate in US dollars, cut at 0. Student's t below eight tasks; a point when all costs are
    equal; no limits (NaN) for a single task.

    Raises
    ------
    MissingScoresError, TooFewTasksError (no task)

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 12.
    """
    return mean_costs([checked(costs, least=1)], level, rng, resamples)[0]


def mean_costs(
    columns: Sequence[Floats], level: float, rng: np.random.Generator, resamples: int = RESAMPLES
) -> list[Estimate]:
    """`mean_cost` of several recipes; those with equally many tasks share their resamples."""
    found = {k: _plain(x, level) for k, x in enumerate(columns)}
    for n in {len(columns[k]) for k, one in found.items() if one is None}:
        some = [k for k, one in found.items() if one is None and len(columns[k]) == n]
        together = np.stack([columns[k] for k in some], axis=1)
        lows, highs = _bootstrap_t(together, level, task_weights(n, resamples, rng))
        for k, mean, low, high in zip(some, together.mean(axis=0), lows, highs, strict=True):
            found[k] = Estimate(
                value=float(mean), low=max(0.0, float(low)), high=float(high), level=level, n=n,
                method="bootstrap-t",
            )  # fmt: skip
    return [one for one in found.values() if one is not None]


def _plain(x: Floats, level: float) -> Estimate | None:
    """What needs no resamples; None for what does."""
    mean, n = float(x.mean()), len(x)
    if n == 1 or np.ptp(x) == 0:
        end = float("nan") if n == 1 else mean
        method = "one task" if n == 1 else "equal costs"
        return Estimate(value=mean, low=end, high=end, level=level, n=n, method=method)
    if n < LEAST_TASKS:
        t = t_interval(x, level)
        return Estimate(value=mean, low=max(0.0, t.low), high=t.high, level=level, n=n, method="t")
    return None


def _bootstrap_t(x: Floats, level: float, weights: Counts) -> tuple[list[float], list[float]]:
    """Limits mean - t* se of each column, with t* the quantiles of (mean* - mean) / se*."""
    n, centred = len(x), x - x.mean(axis=0)
    means = weighted(weights, centred) / n
    variances = (weighted(weights, centred**2) / n - means**2) / (n - 1)
    lows, highs = [], []
    for k, column in enumerate(centred.T):
        usable = variances[:, k] > 1e-12 * column.var() / n
        t = means[usable, k] / np.sqrt(variances[usable, k])
        below, above = np.quantile(t, [(1 - level) / 2, (1 + level) / 2])
        mean, se = float(x[:, k].mean()), standard_error(x[:, k])
        lows.append(mean - above * se)
        highs.append(mean - below * se)
    return lows, highs
