"""A mean with its standard error and degrees of freedom, from whatever design; and its interval.

`strata`, `clusters` and `fixed` each make a `Mean`; what is done with it afterwards is the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike
from scipy.special import expit, logit, stdtr, stdtrit

from fusion_eval.core import Estimate
from fusion_eval.stats.estimates import checked, standard_error, wilson_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean of `n` tasks; `freedom` and `se` belong together; `units` were sampled (or repeated).

    `se` is NaN where the data do not show how much the mean varies.
    """

    value: float
    se: float
    freedom: float
    n: int
    units: int
    how: str

    def t_quantile(self, level: float) -> float:
        """Two-sided quantile of Student's t with the mean's degrees of freedom."""
        return float(stdtrit(self.freedom, (1 + level) / 2)) if self.freedom > 0 else math.nan

    def p(self, null: float = 0.0) -> float:
        """Two-sided p of "the mean is `null`", by Student's t; NaN without standard error.

        Without any spread it is the chance to see none although the mean is `null`, see
        `flat_limits`.
        """
        if math.isnan(self.se):
            return math.nan
        if self.se == 0:
            away = abs(self.value - null)
            return float((1 - min(1.0, away / (1 + abs(self.value)))) ** self.units)
        return float(2 * stdtr(self.freedom, -abs(self.value - null) / self.se))


def unseen_share(units: float, level: float = 0.95) -> float:
    """The largest share of all units that may differ from those seen, which are all alike.

    1 - (1 - level)^(1 / units), about 3 / units at 95 %: the rule of three (Hanley & Lippman-Hand
    1983, JAMA 249:1743).
    """
    return float(1 - (1 - level) ** (1 / max(units, 1)))


def flat_limits(value: float, units: float, level: float = 0.95) -> tuple[float, float]:
    """Limits of a mean difference of scores that was the same in every unit.

    No spread seen is not no spread: the share of units that may differ unseen (`unseen_share`)
    could lie anywhere from -1 to 1.
    """
    share = unseen_share(units, level)
    return value - share * max(0.0, 1 + value), value + share * max(0.0, 1 - value)


def limits(mean: Mean, level: float = 0.95) -> tuple[float, float]:
    """Limits of a mean difference of scores: Student's t, or `flat_limits` without spread."""
    if mean.se == 0:
        return flat_limits(mean.value, mean.units, level)
    half = mean.t_quantile(level) * mean.se
    return mean.value - half, mean.value + half


def plain(values: ArrayLike) -> Mean:
    """Mean of independent tasks, shape (n_tasks,), no NaN; one task has no standard error."""
    x = checked(values, least=1)
    n = len(x)
    se = standard_error(x) if n > 1 else math.nan
    return Mean(value=float(x.mean()), se=se, freedom=n - 1, n=n, units=n, how="t")


def t_limits(mean: Mean, level: float = 0.95) -> Estimate:
    """Student's t interval of a mean, any unit; NaN limits without standard error."""
    half = mean.t_quantile(level) * mean.se
    return _estimate(mean, mean.value - half, mean.value + half, level, mean.how)


def score_limits(mean: Mean, level: float = 0.95) -> Estimate:
    """Interval of a mean score, inside 0 to 1: t on the logit, see `estimates.logit_t`.

    A mean below 0, under a score policy that does not cut each task, has Student's t interval.
    Where every score is equal (no standard error to speak of), Wilson's formula with as many
    observations as there are units; NaN limits where the standard error is unknown.
    """
    m, q = mean.value, mean.t_quantile(level)
    if math.isnan(mean.se):
        return _estimate(mean, math.nan, math.nan, level, mean.how)
    if m < 0:
        return t_limits(mean, level)
    if mean.se == 0 or not 0 < m < 1:
        low, high = wilson_limits(m, mean.units, q)
        return _estimate(mean, low, high, level, f"Wilson, {mean.how}")
    half = q * mean.se / (m * (1 - m))
    low, high = float(expit(logit(m) - half)), float(expit(logit(m) + half))
    return _estimate(mean, low, high, level, f"logit-{mean.how}")


def _estimate(mean: Mean, low: float, high: float, level: float, method: str) -> Estimate:
    return Estimate(value=mean.value, low=low, high=high, level=level, n=mean.n, method=method)
