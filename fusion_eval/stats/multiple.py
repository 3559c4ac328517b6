"""Many comparisons at once: step-down max-T by sign flips, simultaneous intervals, Holm.

One random sign per task is shared by all contrasts, so that what the contrasts have in common
(the same tasks, the same reference) is used and not paid for as with Bonferroni. Where contrasts
miss tasks, each uses the tasks it has: the flips of a task touch every contrast that has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from fusion_eval.stats.estimates import Floats

Signs = NDArray[np.int8]
_ALMOST_ONE = 1 - 1e-12
_BLOCK = 32


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
    """The adjusted p of `max_t_p` alone, shape (n_contrasts,)."""
    return max_t_p(differences, signs)[1]


def max_t_p(differences: ArrayLike, signs: Signs) -> tuple[Floats, Floats]:
    """Two-sided p of "mean 0" for each contrast: alone, and adjusted by step-down max-T.

    Parameters
    ----------
    differences : shape (n_tasks, n_contrasts); NaN where a contrast lacks a task
    signs : shape (rows, n_tasks), from `flip_signs`

    Returns
    -------
    (p, adjusted p), each of shape (n_contrasts,). With the adjusted ones the family-wise error
    rate is controlled, exactly under joint symmetry, asymptotically otherwise. NaN for contrasts
    with fewer than two tasks.

    References
    ----------
    Westfall & Young (1993); Romano & Wolf (2005), JASA 100:94.
    """
    d = np.asarray(differences, dtype=np.float64)
    alone, adjusted = (np.full(d.shape[1], np.nan) for _ in range(2))
    usable = np.flatnonzero(_count(d) >= 2)
    observed = _observed(d[:, usable])
    steps = usable[np.argsort(-observed, kind="stable")]
    flips = _Flips(signs)
    least = flips.thresholds(np.sort(observed)[::-1] - flips.tie)
    largest = np.zeros(len(signs), flips.kind)
    for r, row in flips.from_last(d[:, steps]):
        np.maximum(largest, row, out=largest)
        alone[steps[r]] = np.count_nonzero(row >= least[r]) / len(signs)
        adjusted[steps[r]] = np.count_nonzero(largest >= least[r]) / len(signs)
    adjusted[steps] = np.maximum.accumulate(adjusted[steps])
    return alone, adjusted


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
    se[se < 1e-14] = 0.0  # equal but for rounding
    critical = 0.0
    if usable.sum() > 1:
        critical = _critical((d - mean)[:, usable], signs, level)
    least = stats.t.ppf((1 + level) / 2, n[usable] - 1)
    half[usable] = np.maximum(critical, least) * se[usable]
    return Simultaneous(mean=mean, se=se, low=mean - half, high=mean + half, n=n, critical=critical)


def _critical(centred: Floats, signs: Signs, level: float) -> float:
    """The `level` quantile of the largest |t| over contrasts when centred rows are flipped."""
    flips = _Flips(signs)
    largest = np.zeros(len(signs), flips.kind)
    for _, row in flips.from_last(centred):
        np.maximum(largest, row, out=largest)
    v = min(float(np.quantile(largest, level, method="higher")), _ALMOST_ONE)
    most = int(_count(centred).max())
    return float(np.sqrt((most - 1) * v / (1 - v)))


def _observed(d: Floats) -> Floats:
    """v of every contrast as it is; see `_Flips`."""
    return np.array([row[0] for _, row in _Flips(np.ones((1, len(d)), np.int8)).from_last(d)])[::-1]


class _Flips:
    """|t| of contrasts under many sign patterns, on a scale that holds in single precision.

    With u = (sum of flipped d)^2 / (n * sum of d^2), which no flip can push above 1, t^2 is
    (n - 1) u / (1 - u). Contrasts with different n are brought to the largest: v is the u that
    gives the same t there. v grows with |t|, lies in 0 to 1 and needs no care near its ends.
    """

    def __init__(self, signs: Signs) -> None:
        every = len(signs) in (1, 2 ** min(signs.shape[1], 30))
        self.kind: type[np.floating[Any]] = np.float64 if every else np.float32
        self.tie = 1e-9 if every else 4e-6
        self._signs = np.ascontiguousarray(signs.T, dtype=self.kind)

    def thresholds(self, least: Floats) -> NDArray[Any]:
        """The lowest numbers of our precision that are not below `least`."""
        rounded = least.astype(self.kind)
        return np.where(rounded < least, np.nextafter(rounded, self.kind(np.inf)), rounded)

    def from_last(self, d: Floats) -> Iterator[tuple[int, NDArray[Any]]]:
        """(contrast, v under each pattern), the last contrast first; d : (n_tasks, n_contrasts).

        What is yielded is overwritten later: use it before asking for the next.
        """
        n, filled = _count(d), np.nan_to_num(d)
        squares = (filled**2).sum(axis=0)
        scale = 1 / np.sqrt(np.where(squares > 0, n * squares, np.inf))
        rows = (filled * scale).T.astype(self.kind)
        weight = (n - 1) / max(1, n.max(initial=2) - 1)
        room = np.empty((min(_BLOCK, len(rows)), self._signs.shape[1]), self.kind)
        for stop in range(len(rows), 0, -_BLOCK):
            some = rows[max(0, stop - _BLOCK) : stop]
            block = np.matmul(some, self._signs, out=room[: len(some)])
            for r in range(len(block) - 1, -1, -1):
                k = stop - len(block) + r
                u = np.square(block[r], out=block[r])
                if weight[k] != 1:
                    u *= weight[k] / (1 + (weight[k] - 1) * u)
                yield k, u


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
