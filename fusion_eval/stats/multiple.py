"""Many comparisons at once: step-down max-T by sign flips, simultaneous intervals, Holm.

One random sign per task is shared by all contrasts, so that what the contrasts have in common
(the same tasks, the same reference) is used and not paid for as with Bonferroni. Where contrasts
miss tasks, each uses the tasks it has: the flips of a task touch every contrast that has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusion_eval.stats.estimates import Floats, t_quantile

Signs = NDArray[np.int8]
_ALMOST_ONE = 1 - 1e-12
_TIES = 1 - 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Simultaneous:
    """Means of several contrasts with joint intervals; arrays of shape (n_contrasts,)."""

    mean: Floats
    se: Floats
    low: Floats
    high: Floats
    n: NDArray[np.int64]
    critical: float


def flip_signs(n: int, flips: int, rng: np.random.Generator) -> Signs:
    """Sign patterns, shape (rows, n): all 2^n where they are no more than `flips` + 1.

    Otherwise the unflipped pattern and `flips` random ones, so that a share of rows is a valid p
    (Phipson & Smyth 2010).
    """
    if n < 30 and 2**n <= flips + 1:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    else:
        bits = rng.integers(0, 2, (flips + 1, n), dtype=np.int8)
        bits[0] = 0
    return (1 - 2 * bits).astype(np.int8)


def max_t_adjusted_p(differences: ArrayLike, signs: Signs) -> Floats:
    """Step-down max-T adjusted two-sided p of "mean 0" for each contrast.

    Parameters
    ----------
    differences : shape (n_tasks, n_contrasts); NaN where a contrast lacks a task
    signs : shape (rows, n_tasks), from `flip_signs`

    Returns
    -------
    shape (n_contrasts,). The family-wise error rate is controlled, exactly under joint symmetry,
    asymptotically otherwise. NaN for contrasts with fewer than two tasks.

    References
    ----------
    Westfall & Young (1993); Romano & Wolf (2005), JASA 100:94.
    """
    d = np.asarray(differences, dtype=np.float64)
    usable = _count(d) >= 2
    flipped = _statistics(d[:, usable], signs)
    observed = _statistics(d[:, usable], np.ones((1, len(d)), np.int8))[0]
    order = np.argsort(-observed, kind="stable")
    largest = np.maximum.accumulate(flipped[:, order[::-1]], axis=1)[:, ::-1]
    reached = (largest >= observed[order] * _TIES).mean(axis=0)
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(reached)
    result = np.full(d.shape[1], np.nan)
    result[usable] = adjusted
    return result


def simultaneous_intervals(
    differences: ArrayLike, signs: Signs, level: float = 0.95
) -> Simultaneous:
    """Mean differences with intervals that hold all at once with probability `level`.

    Parameters
    ----------
    differences : shape (n_tasks, n_contrasts); NaN where a contrast lacks a task
    signs : shape (rows, n_tasks), from `flip_signs`
    level : float in (0, 1), joint coverage

    Returns
    -------
    Simultaneous. The critical value is the `level` quantile of the largest |t| over the contrasts
    when centred rows are flipped, and never below Student's: with one contrast this is the
    paired t interval. Contrasts with fewer than two tasks get NaN.
    """
    d = np.asarray(differences, dtype=np.float64)
    n = _count(d)
    usable = n >= 2
    mean, se, half = (np.full(d.shape[1], np.nan) for _ in range(3))
    mean[n >= 1] = np.nanmean(d[:, n >= 1], axis=0)
    se[usable] = np.nanstd(d[:, usable], axis=0, ddof=1) / np.sqrt(n[usable])
    critical = 0.0
    if usable.sum() > 1:
        flipped = _statistics((d - mean)[:, usable], signs)
        critical = float(np.quantile(flipped.max(axis=1), level, method="higher"))
    least = np.array([t_quantile(level, int(k) - 1) for k in n[usable]])
    half[usable] = np.maximum(critical, least) * se[usable]
    return Simultaneous(mean=mean, se=se, low=mean - half, high=mean + half, n=n, critical=critical)


def _statistics(d: Floats, signs: Signs) -> Floats:
    """|t| of every contrast under every sign pattern, shape (rows, n_contrasts).

    From u = n mean^2 / sum of squares, which no flip of signs can push above 1:
    t^2 = (n - 1) u / (1 - u). A contrast that is 0 on every task has t = 0.
    """
    n = _count(d)
    filled = np.nan_to_num(d)
    squares = (filled**2).sum(axis=0)
    scale = 1 / np.sqrt(np.where(squares > 0, n * squares, np.inf))
    result = np.empty((len(signs), d.shape[1]))
    for start in range(0, len(signs), 2_000):
        root = np.abs(signs[start : start + 2_000].astype(np.float64) @ filled) * scale
        u = np.minimum(root * root, _ALMOST_ONE)
        result[start : start + 2_000] = np.sqrt((n - 1) * u / (1 - u))
    return result


def _count(d: Floats) -> NDArray[np.int64]:
    counted: NDArray[np.int64] = (~np.isnan(d)).sum(axis=0)
    return counted


def holm(p: ArrayLike) -> Floats:
    """Holm's adjusted p-values (Holm 1979), shape (n,); needs nothing but the p-values."""
    raw = np.asarray(p, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    stepped = raw[order] * np.arange(len(raw), 0, -1)
    adjusted = np.empty(len(raw))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return adjusted
