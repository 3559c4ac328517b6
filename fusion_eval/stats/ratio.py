"""Ratios of means: Fieller's set, which may be unbounded and says so, and the delta method on logs.

A ratio is one of means, never a mean of ratios: that is biased by +22 to +370 % on skewed costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, recipes
from fusion_eval.stats.bootstrap import resampled_critical
from fusion_eval.stats.estimates import Floats, checked, t_quantile
from fusion_eval.stats.points import points
from fusion_eval.stats.results import refuse_unknown

Kind = Literal["bounded", "exclusive", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A ratio with its confidence set. `kind` says what `low` and `high` mean.

    `bounded`: from low to high. `exclusive`: everything *outside* low to high. `all`: every number
    (low and high are NaN), because the denominator cannot be told from 0.
    """

    value: float
    low: float
    high: float
    kind: Kind
    level: float
    n: int
    method: str


def fieller_set(
    a: float, b: float, var_a: float, var_b: float, cov: float, quantile: float
) -> tuple[float, float, Kind]:
    """The values r for which a - r b is within `quantile` standard errors of 0.

    a, b : estimates of numerator and denominator; var_a, var_b, cov : of these estimates

    References
    ----------
    Fieller (1954), JRSS B 16:175; Zerbe (1978), American Statistician 32:103.
    """
    square = quantile * quantile
    p, q, r = b * b - square * var_b, a * b - square * cov, a * a - square * var_a
    inner = q * q - p * r
    if p == 0 or inner <= 0:
        # p = 0: a half-line, as good as never; p > 0 has inner >= 0 but for rounding
        return (q / p, q / p, "bounded") if p > 0 else (float("nan"), float("nan"), "all")
    root = math.sqrt(inner)
    low, high = sorted(((q - root) / p, (q + root) / p))
    return low, high, "bounded" if p > 0 else "exclusive"


def ratio_of_means(
    numerator: ArrayLike,
    denominator: ArrayLike,
    level: float = 0.95,
    *,
    rng: np.random.Generator | None = None,
) -> Ratio:
    """Mean over mean of paired values with Fieller's set; signs are free.

    numerator, denominator : shape (n_tasks,), paired by task, no NaN
    rng : with it, the quantile is Student's or that of |t| over resampled tasks, whichever is
        larger; for values that may be skewed
    Raises MissingScoresError, TooFewTasksError (below two), StatisticsError (lengths differ).
    """
    a, b = _pair(numerator, denominator)
    cov = np.cov(a, b) / len(a)
    quantile = t_quantile(level, len(a) - 1)
    if rng is not None:
        # a - r b at the ratio r of the means, times a number that keeps it finite where b is 0
        at_ratio = b.mean() * a - a.mean() * b
        quantile = max(quantile, resampled_critical(at_ratio[:, None], level, rng))
    low, high, kind = fieller_set(
        float(a.mean()), float(b.mean()), float(cov[0, 0]), float(cov[1, 1]), float(cov[0, 1]),
        quantile,
    )  # fmt: skip
    value = float(a.mean() / b.mean()) if b.mean() else float("nan")
    method = "Fieller" if rng is None else "Fieller, Student's t or resampled"
    return Ratio(value=value, low=low, high=high, kind=kind, level=level, n=len(a), method=method)


def positive_ratio(numerator: ArrayLike, denominator: ArrayLike, level: float = 0.95) -> Ratio:
    """Mean over mean of paired values that cannot be negative, by the delta method on the log.

    With u = a / mean(a) - b / mean(b), the interval is ratio * exp(-+ t sd(u) / sqrt(n)). Both
    means must be above 0. It covers more than Fieller's where costs are skewed. Raises as
    `ratio_of_means`, and StatisticsError for a mean that is not above 0.
    """
    a, b = _pair(numerator, denominator)
    if not (a.mean() > 0 and b.mean() > 0):
        raise StatisticsError("the ratio of means needs both above 0; use ratio_of_means")
    value = float(a.mean() / b.mean())
    u = a / a.mean() - b / b.mean()
    half = t_quantile(level, len(a) - 1) * float(u.std(ddof=1)) / math.sqrt(len(a))
    low, high = value * math.exp(-half), value * math.exp(half)
    return Ratio(
        value=value, low=low, high=high, kind="bounded", level=level, n=len(a), method="log-delta"
    )


def dollars_per_point(
    trials: pd.DataFrame,
    a: str,
    b: str,
    level: float = 0.95,
    seed: int = 0,
    *,
    missing: Missing = "as_deployed",
) -> Ratio:
    """Extra dollars per extra point of recipe `a` over `b` (the ICER), with Fieller's set.

    Over tasks with score and cost of both; `seed` is that of the resamples, see `ratio_of_means`.
    It is only a price where `a` scores more beyond chance: otherwise the set is not bounded, and
    `stats.acceptability` is the thing to read. Unknown costs lie between bounds (`stats.cost`): the
    value then is NaN, and the set reaches from that of the least extra cost to that of the most
    (`all` where one of them is not bounded). Raises StatisticsError for unknown recipes, and for a
    cost without bounds.
    """
    refuse_unknown([a, b], recipes(trials))
    data = points(trials[trials["recipe"].astype(str).isin((a, b))], missing)
    i, j = data.names.index(a), data.names.index(b)
    for name, k in ((a, i), (b, j)):
        if not np.isfinite(data.upper[:, k]).all():
            raise StatisticsError(
                f"the cost of {name!r} has no upper bound; reprice the run, or leave it out"
            )
    gain = 100 * (data.score[:, i] - data.score[:, j])
    least, most = (
        ratio_of_means(extra, gain, level, rng=np.random.default_rng(seed))
        for extra in (data.cost[:, i] - data.upper[:, j], data.upper[:, i] - data.cost[:, j])
    )
    if data.known[[i, j]].all():
        return least
    nothing = float("nan")
    method = f"{least.method}; unknown costs at their bounds"
    if least.kind == most.kind == "bounded":
        ends = (least.low, most.low, least.high, most.high)
        return replace(least, value=nothing, low=min(ends), high=max(ends), method=method)
    return replace(least, value=nothing, low=nothing, high=nothing, kind="all", method=method)


def _pair(numerator: ArrayLike, denominator: ArrayLike) -> tuple[Floats, Floats]:
    a, b = checked(numerator, least=2), checked(denominator, least=2)
    if a.shape != b.shape:
        raise StatisticsError(f"{a.size} numerators and {b.size} denominators; pair them by task")
    return a, b
