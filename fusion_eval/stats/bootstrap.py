"""Resampling tasks: one set of resamples for all recipes and for score and cost alike.

A resample is kept as how often each task was drawn, so that means over it are matrix products
and tasks that a recipe lacks simply weigh nothing.
"""

from __future__ import annotations

import numpy as np

from fusion_eval.stats.estimates import Floats

RESAMPLES = 4_000


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
