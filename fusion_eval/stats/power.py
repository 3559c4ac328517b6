"""What a paired comparison can detect: power, smallest detectable difference, tasks needed.

Exact for normal differences (noncentral t), also with a handful of tasks, where the usual formula
with normal quantiles promises too much. Differences and SDs share any one unit.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from fusion_eval.errors import StatisticsError
from fusion_eval.stats.estimates import Floats

Sides = Literal[1, 2]
POWER, ALPHA = 0.80, 0.05
MOST_TASKS = 10_000_000


def power_of(
    difference: ArrayLike, sd: ArrayLike, n: ArrayLike, alpha: float = ALPHA, sides: Sides = 2
) -> Floats:
    """Chance that a paired t test of n tasks rejects "no difference" when `difference` is true.

    Parameters
    ----------
    difference : true mean difference; for non-inferiority (sides 1) the true one plus the margin
    sd : standard deviation of the differences over tasks
    n : tasks, 2 or more; all three may be arrays of one shape
    alpha : error rate, both sides together

    References
    ----------
    Cohen (1988), Statistical Power Analysis, ch. 2; Owen (1965), Biometrika 52:437.
    """
    d, s, size = (np.asarray(x, dtype=np.float64) for x in (difference, sd, n))
    if np.any(size < 2) or np.any(s < 0) or not 0 < alpha < 1:
        raise StatisticsError("power needs two tasks or more, an SD of 0 or more, 0 < alpha < 1")
    freedom = size - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.minimum(np.where(s > 0, d / s, np.sign(d) * np.inf) * np.sqrt(size), 1e6)
    critical = stats.t.isf(alpha / sides, freedom)
    reached = _upper(critical, freedom, np.maximum(shift, -1e6))
    if sides == 2:
        reached = reached + _upper(critical, freedom, np.maximum(-shift, -1e6))
    result: Floats = np.clip(np.where((s == 0) & (d == 0), alpha, reached), 0.0, 1.0)
    return result


def _upper(critical: Floats, freedom: Floats, shift: Floats) -> Floats:
    """Upper tail of the noncentral t; what underflows is 0, what is far beyond is 1."""
    far = np.abs(shift) > 35
    tail = stats.nct.sf(critical, freedom, np.where(far, 0.0, shift))
    found: Floats = np.where(far, (shift > 0).astype(float), np.nan_to_num(tail))
    return found


def tasks_needed(
    difference: float, sd: float, power: float = POWER, alpha: float = ALPHA, sides: Sides = 2
) -> int:
    """The smallest number of tasks with at least this power.

    Two at least. Raises StatisticsError for a difference of 0, which no number of tasks detects,
    and where more than ten million would be needed.
    """
    if not abs(difference) > 0:
        raise StatisticsError("a difference of 0 cannot be detected; give one above 0")
    needed = float(least_tasks(difference, np.array([sd]), power, alpha, sides)[0])
    if not needed <= MOST_TASKS:
        raise StatisticsError(
            f"a difference of {difference:g} against an SD of {sd:g} needs more than "
            f"{MOST_TASKS:,} tasks; give a larger one"
        )
    return int(needed)


def least_tasks(
    difference: float, sd: Floats, power: float = POWER, alpha: float = ALPHA, sides: Sides = 2
) -> Floats:
    """`tasks_needed` for many SDs at once; inf where more than ten million would be needed."""
    sd = np.asarray(sd, dtype=np.float64)

    def enough(n: Floats, some: Floats) -> NDArray[np.bool_]:
        reached: Floats = power_of(abs(difference), some, np.maximum(n, 2), alpha, sides)
        return np.asarray((n >= 2) & (reached >= power))

    # the normal distribution is near; from there up to the first that is enough, then by halves
    z = special.ndtri(1 - alpha / sides) + special.ndtri(power)
    high = np.minimum(np.maximum(2.0, np.ceil((z * sd / difference) ** 2)), 2.0 * MOST_TASKS)
    low, step = np.ones_like(high), np.ones_like(high)
    left = np.flatnonzero(sd > 0)
    while len(left):
        left = left[~enough(high[left], sd[left]) & (high[left] <= MOST_TASKS)]
        low[left] = high[left]
        high[left] += step[left]
        step[left] *= 2
    far = high > MOST_TASKS
    near = np.flatnonzero((sd > 0) & ~far & (low == 1) & (high > 2))
    back = np.maximum(1.0, high[near] - 8)
    low[near] = np.where(enough(back, sd[near]), 1.0, back)
    while len(left := np.flatnonzero((high - low > 1) & (sd > 0) & ~far)):
        middle = (low[left] + high[left]) // 2
        good = enough(middle, sd[left])
        high[left], low[left] = (
            np.where(good, middle, high[left]),
            np.where(good, low[left], middle),
        )
    result: Floats = np.where(far, np.inf, np.where(sd > 0, high, 2.0))
    return result


def detectable(
    sd: float, n: int, power: float = POWER, alpha: float = ALPHA, sides: Sides = 2
) -> float:
    """The smallest difference that n tasks detect with this power, in the unit of `sd`."""
    if n < 2:
        return float("nan")
    if sd == 0:
        return 0.0
    return sd * _noncentrality(n, power, alpha, sides) / math.sqrt(n)


@lru_cache(maxsize=10_000)
def _noncentrality(n: int, power: float, alpha: float, sides: Sides) -> float:
    """How many standard errors n tasks detect with this power."""
    rough = float(stats.t.isf(alpha / sides, n - 1) + stats.t.isf(1 - power, n - 1))
    top = max(4 * rough, 1.0)

    def short(effect: float) -> float:
        return float(power_of(effect / math.sqrt(n), 1.0, n, alpha, sides)) - power

    while short(top) < 0:
        top *= 2
    return float(optimize.brentq(short, 0.0, top))


def cautious_sd(sd: float, n: int, level: float = 0.80, kurtosis: float = 0.0) -> float:
    """Upper one-sided limit of an SD that a pilot of n tasks has estimated.

    A study planned with the pilot's SD as it is misses its power about every second time; with
    this limit it reaches it in `level` of them (Browne 1995, Statistics in Medicine 14:1933).

    kurtosis : excess kurtosis of the differences. An SD of differences with long tails is known as
        badly as one from fewer tasks: 2 / (2 / (n - 1) + kurtosis / n) degrees of freedom (Box
        1953, Biometrika 40:318)
    """
    if n < 2:
        return float("nan")
    freedom = 2 / (2 / (n - 1) + max(0.0, kurtosis) / n)
    return float(sd * math.sqrt(freedom / (2 * special.gammaincinv(freedom / 2, 1 - level))))
