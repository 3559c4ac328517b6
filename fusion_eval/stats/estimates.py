"""The interval of one mean score.

A score lives between 0 and 1, so its interval should too. `logit_t` does that, equals Student's
t in the middle of the scale, and holds its coverage near the ends, where t and the bootstrap lose
theirs (docs/methods.md).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import expit, logit

from fusion_eval.core import Estimate
from fusion_eval.errors import MissingScoresError, StatisticsError, TooFewTasksError

Floats = NDArray[np.float64]


def mean_score(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Mean of scores, with the interval that suits them.

    Parameters
    ----------
    values : shape (n_tasks,), one score per task, no NaN; 0 to 1, or below where the score policy
        does not cut each task
    level : float in (0, 1), coverage

    Returns
    -------
    Estimate in 0 to 1. Wilson when every score is 0 or 1 (a proportion), Wilson with the effective
    sample size when all scores are equal, logit-t otherwise. One task alone says nothing about
    others: its interval is the whole scale. Where a score is below 0 the scale has no lower end:
    Student's t, without limits for one task.

    Raises
    ------
    MissingScoresError, TooFewTasksError (no task), StatisticsError (above 1: these are points)
    """
    x = checked(values, least=1)
    if x.max() > 1:
        raise StatisticsError(f"scores from {x.min():g} to {x.max():g}; they must be 0 to 1")
    if x.min() < 0:
        return t_interval(x, level) if len(x) > 1 else _alone(float(x[0]), level)
    if len(x) == 1:
        return Estimate(value=float(x[0]), low=0.0, high=1.0, level=level, n=1, method="one task")
    if np.isin(x, (0.0, 1.0)).all():
        return wilson(float(x.sum()), len(x), level)
    return wilson_effective(x, level) if np.ptp(x) == 0 else logit_t(x, level)


def _alone(value: float, level: float) -> Estimate:
    """One score of a scale without a lower end."""
    return Estimate(value=value, low=-math.inf, high=1.0, level=level, n=1, method="one task")


def t_interval(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Mean with Student's t interval, n - 1 degrees of freedom; any unit.

    values : shape (n_tasks,), no NaN. Raises MissingScoresError, TooFewTasksError (below two).
    """
    x = checked(values, least=2)
    half = t_quantile(level, len(x) - 1) * standard_error(x)
    mean = float(x.mean())
    return Estimate(
        value=mean, low=mean - half, high=mean + half, level=level, n=len(x), method="t"
    )


def logit_t(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Student's t on the logit of the mean, by the delta method; mean strictly between 0 and 1.

    values : shape (n_tasks,), 0 to 1, no NaN. With L = logit(mean) and
    h = t * se / (mean * (1 - mean)), the interval is expit(L - h) to expit(L + h).
    """
    x = checked(values, least=2)
    mean = float(x.mean())
    if not 0 < mean < 1:
        raise StatisticsError(f"the logit of a mean of {mean:g} does not exist; use wilson")
    half = t_quantile(level, len(x) - 1) * standard_error(x) / (mean * (1 - mean))
    low, high = float(expit(logit(mean) - half)), float(expit(logit(mean) + half))
    return Estimate(value=mean, low=low, high=high, level=level, n=len(x), method="logit-t")


def wilson(successes: float, n: int, level: float = 0.95) -> Estimate:
    """Wilson's score interval of a proportion (Wilson 1927; Newcombe 1998, method 3)."""
    low, high = wilson_limits(successes / n, n, float(stats.norm.ppf((1 + level) / 2)))
    return Estimate(value=successes / n, low=low, high=high, level=level, n=n, method="Wilson")


def wilson_effective(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Wilson's formula with t for z and the sample size that the observed spread is worth.

    n_e = n m (1 - m) / max(s^2, m (1 - m) / 100); n where the mean is 0 or 1.
    """
    x = checked(values, least=2)
    mean, n = float(x.mean()), len(x)
    spread = mean * (1 - mean)
    effective = n * spread / max(float(x.var(ddof=1)), spread / 100) if spread > 0 else n
    low, high = wilson_limits(mean, effective, t_quantile(level, n - 1))
    return Estimate(value=mean, low=low, high=high, level=level, n=n, method="Wilson-eff")


def wilson_limits(mean: float, n: float, z: float) -> tuple[float, float]:
    """Limits of Wilson's formula for a proportion `mean` of `n`, with `z` or t."""
    centre = (mean + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))
    return min(mean, max(0.0, centre - half)), max(mean, min(1.0, centre + half))


def standard_error(x: Floats) -> float:
    """Standard error of the mean of independent values, shape (n,)."""
    return float(x.std(ddof=1) / math.sqrt(len(x)))


def t_quantile(level: float, freedom: float) -> float:
    """Two-sided quantile of Student's t."""
    return float(stats.t.ppf((1 + level) / 2, freedom))


def checked(values: ArrayLike, least: int) -> Floats:
    """Values as a float array without NaN and with at least `least` of them."""
    x = np.asarray(values, dtype=np.float64)
    if np.isnan(x).any():
        raise MissingScoresError(
            f"{int(np.isnan(x).sum())} of {x.size} values are missing; "
            "decide first what an ungraded answer counts as"
        )
    if x.size < least:
        raise TooFewTasksError(f"{x.size} task(s); at least {least} are needed")
    return x
