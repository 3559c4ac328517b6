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

    SE^2 = n^-2 sum_t s_t^2 / k_t; a task with one repeat takes the mean s^2 of the others.
    Degrees of freedom by Satterthwaite over the tasks, see `_freedom`: a task whose repeats never
    differ brings none. Without any second repeat the standard error is NaN.
    """
    mean, spread, count = _moments(repeats)
    several = count > 1
    weight = np.where(several, 1 / count, 0.0)
    if several.any():
        weight += np.where(several, (1 / count[~several]).sum() / several.sum(), 0.0)
    parts = weight * np.where(several, spread, 0.0)
    return _mean(float(mean.mean()), parts, count - 1, len(mean), int(count.sum()))


def fixed_difference(a: Repeats, b: Repeats) -> Mean:
    """Mean difference a - b over exactly these tasks, with repeats that were drawn apart.

    SE^2 = n^-2 sum_t (s_At^2 / k_A + s_Bt^2 / k_B), degrees of freedom by Satterthwaite. A
    task that one side answered once takes the other side's s^2: so one new run can be held
    against a baseline with repeats, on the assumption that the change did not make answers
    noisier. Raises TooFewTasksError if the sides have different numbers of tasks.
    """
    if len(a) != len(b):
        raise TooFewTasksError(f"{len(a)} tasks against {len(b)}; give the same tasks for both")
    (mean_a, spread_a, k_a), (mean_b, spread_b, k_b) = _moments(a), _moments(b)
    own = 1 / k_a, 1 / k_b
    has = ~np.isnan(spread_a), ~np.isnan(spread_b)
    lent = np.where(has[0] | has[1], 0.0, own[0] + own[1]).sum() / max(1, (has[0] | has[1]).sum())
    # what each estimated s^2 counts for: its own mean, the other side's where that has no s^2 of
    # its own, and its part of the tasks where neither side has
    weight_a = np.where(has[0], own[0] + np.where(has[1], 0.0, own[1]) + lent, 0.0)
    weight_b = np.where(has[1], own[1] + np.where(has[0], 0.0, own[0] + lent), 0.0)
    parts = np.concatenate([weight_a * np.nan_to_num(spread_a), weight_b * np.nan_to_num(spread_b)])
    freedom, answers = np.concatenate([k_a - 1, k_b - 1]), int(k_a.sum() + k_b.sum())
    return _mean(float((mean_a - mean_b).mean()), parts, freedom, len(mean_a), answers)


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


def _mean(value: float, parts: Floats, freedom: NDArray[np.int64], n: int, answers: int) -> Mean:
    """From what each estimated variance adds to n^2 SE^2, and its degrees of freedom."""
    if not (freedom > 0).any():
        how = "one repeat: its spread is unknown"
        return Mean(value=value, se=math.nan, freedom=0, n=n, units=answers, how=how)
    se, df = math.sqrt(float(parts.sum())) / n, _freedom(parts, freedom)
    how = f"t, spread of repeats, {df:.0f} df"
    return Mean(value=value, se=se, freedom=df, n=n, units=answers, how=how)


def _freedom(parts: Floats, freedom: NDArray[np.int64]) -> float:
    """Satterthwaite's degrees of freedom of a sum of variances, each with its own.

    (sum p)^2 / sum(p^2 / (f + 2)) - 2, with p^2 f / (f + 2) in the place of p^2, as the square of
    an estimated variance is too large by (f + 2) / f: for equal variances this is the sum of all f,
    where most repeats never differ it is what the others have. At least 1, at most the sum.
    """
    squares = float((parts**2 / (freedom + 2)).sum())
    if squares == 0:
        return float(freedom.sum())
    found = float(parts.sum()) ** 2 / squares - 2
    return float(min(max(1.0, found), freedom.sum()))
