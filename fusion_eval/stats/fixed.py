"""The mean on exactly these tasks: only answers and their grading vary, so repeats show how much.

The question of a regression gate. Its standard error is about half of the one for new tasks, and
without repeats nothing shows it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusion_eval.errors import TooFewTasksError
from fusion_eval.stats.estimates import Floats, checked
from fusion_eval.stats.means import Mean

Repeats = Sequence[ArrayLike] | Floats
"""The repeats of each task, in the order of the tasks; each shape (k,), without NaN. Where all
tasks have as many, an array of shape (n_tasks, k) is quicker."""


def fixed_mean(repeats: Repeats) -> Mean:
    """Mean over exactly these tasks.

    SE^2 = n^-2 sum_t s_t^2 / k_t with sum (k_t - 1) degrees of freedom; a task with one repeat
    takes the mean s^2 of the others. Without any second repeat the standard error is NaN.
    """
    mean, spread, count = _moments(repeats)
    freedom = int((count - 1).sum())
    spread = np.where(count > 1, spread, _pooled(spread, count))
    return _mean(float(mean.mean()), spread / count, freedom, len(mean))


def fixed_difference(a: Repeats, b: Repeats) -> Mean:
    """Mean difference a - b over exactly these tasks, with repeats that were drawn apart.

    SE^2 = n^-2 sum_t (s_At^2 / k_A + s_Bt^2 / k_B), degrees of freedom the sum of all k - 1. A
    task that one side answered once takes the other side's s^2: so one new run can be held
    against a baseline with repeats, on the assumption that the change did not make answers
    noisier. Raises TooFewTasksError if the sides have different numbers of tasks.
    """
    if len(a) != len(b):
        raise TooFewTasksError(f"{len(a)} tasks against {len(b)}; give the same tasks for both")
    (mean_a, spread_a, k_a), (mean_b, spread_b, k_b) = _moments(a), _moments(b)
    freedom = int((k_a - 1).sum() + (k_b - 1).sum())
    known = np.where(np.isnan(spread_a), spread_b, spread_a)
    known = np.where(np.isnan(known), _pooled(known, 1 + ~np.isnan(known)), known)
    spread_a, spread_b = (np.where(np.isnan(s), known, s) for s in (spread_a, spread_b))
    variance = spread_a / k_a + spread_b / k_b
    return _mean(float((mean_a - mean_b).mean()), variance, freedom, len(mean_a))


def _moments(repeats: Repeats) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean, s^2 (NaN for one repeat) and number of repeats of each task."""
    if isinstance(repeats, np.ndarray) and repeats.ndim == 2 and len(repeats):
        x = checked(repeats, least=1)
        k = x.shape[1]
        spread = x.var(axis=1, ddof=1) if k > 1 else np.full(len(x), math.nan)
        return x.mean(axis=1), spread, np.full(len(x), k)
    each = [checked(values, least=1) for values in repeats]
    if not each:
        raise TooFewTasksError("no task; at least one is needed")
    count = np.array([len(x) for x in each])
    mean = np.array([x.mean() for x in each])
    spread = np.array([x.var(ddof=1) if len(x) > 1 else math.nan for x in each])
    return mean, spread, count


def _pooled(spread: Floats, count: NDArray[np.int64]) -> float:
    return float(spread[count > 1].mean()) if (count > 1).any() else math.nan


def _mean(value: float, variances: Floats, freedom: int, n: int) -> Mean:
    se = math.sqrt(float(variances.sum())) / n
    how = f"t, spread of repeats, {freedom} df" if freedom else "one repeat: its spread is unknown"
    return Mean(value=value, se=se, freedom=freedom, n=n, units=n, how=how)
