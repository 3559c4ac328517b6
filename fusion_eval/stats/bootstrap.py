"""Resampling tasks: one set of resamples for all recipes and for score and cost alike.

A resample is kept as how often each task was drawn, so that means over it are matrix products
and tasks that a recipe lacks simply weigh nothing.
"""

from __future__ import annotations

import numpy as np

from fusion_eval.stats.estimates import Floats

RESAMPLES = 4_000
FEW_TASKS = 8
"""Below it so many resamples repeat one task that what is studentised by them is erratic."""


def task_weights(n: int, resamples: int, rng: np.random.Generator) -> Floats:
    """How often each of n tasks was drawn, shape (resamples, n); each row sums to n."""
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)


def resampled_means(values: Floats, weights: Floats) -> Floats:
    """Mean of every column in every resample, shape (resamples, n_columns).

    values : shape (n_tasks, n_columns), NaN where a column lacks a task
    weights : shape (resamples, n_tasks), from `task_weights`

    NaN where a resample has none of a column's tasks.
    """
    present = (~np.isnan(values)).astype(np.float64)
    drawn = weights @ present
    with np.errstate(invalid="ignore"):
        means: Floats = np.where(drawn > 0, weights @ np.nan_to_num(values), np.nan) / drawn
    return means


def resampled_critical(
    values: Floats, level: float, rng: np.random.Generator, resamples: int = RESAMPLES
) -> float:
    """The `level` quantile of the largest |t| over columns when tasks are resampled.

    values : shape (n_tasks, n_columns), no NaN. Sign flips and Student's t are too sure of skewed
    values, as differences are where scores crowd at an end; resamples keep the skew. To be used as
    "not below this": 0 for fewer than eight tasks, and for columns without spread.

    References
    ----------
    Symmetric bootstrap-t: Hall (1988), JRSS B 50:35; joint: Romano & Wolf (2005), JASA 100:94.
    """
    n = len(values)
    centred = values - values.mean(axis=0)
    spread = (centred**2).mean(axis=0)
    centred, spread = centred[:, spread > 0], spread[spread > 0]
    if n < FEW_TASKS or not len(spread):
        return 0.0
    weights = task_weights(n, resamples, rng)
    means = weights @ centred / n
    variances = np.maximum(weights @ centred**2 / n - means**2, 1e-12 * spread) / (n - 1)
    return float(np.quantile(np.abs(means / np.sqrt(variances)).max(axis=1), level))
