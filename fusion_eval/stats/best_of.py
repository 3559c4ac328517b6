"""Against the best of several: an interval that pays for not knowing which one is the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from fusion_eval.core import Estimate
from fusion_eval.errors import TooFewTasksError
from fusion_eval.stats.bootstrap import resampled_critical
from fusion_eval.stats.estimates import Floats, t_quantile
from fusion_eval.stats.multiple import flip_signs, simultaneous_intervals

FLIPS = 1_999
SPLITS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstBest:
    """The difference to the best rival: by the means, cross-fitted, and its interval.

    `naive` is the smallest of the differences, which looks too small because the best rival was
    found on the same tasks. `p_beats_all`: of "does not beat every rival" (the largest one-sided
    p; no correction is needed, as all must reject). `best`: index of the best-looking rival.
    """

    naive: float
    estimate: Estimate
    best: int
    p_beats_all: float


def against_best(
    differences: ArrayLike, level: float = 0.95, *, rng: np.random.Generator
) -> AgainstBest:
    """A recipe less the best of its rivals: the smallest of the mean differences.

    Parameters
    ----------
    differences : shape (n_tasks, n_rivals), the recipe less each rival, no NaN
    level : float in (0, 1), coverage
    rng : for the sign flips, the halves of the cross-fit and the resamples

    Returns
    -------
    AgainstBest. The interval goes from the smallest unadjusted lower limit (the true best rival's
    own limit is one of them) to the smallest simultaneous upper limit (sign flips or resampled
    tasks, whichever is wider), each one-sided at (1 - level) / 2; it covers at least so often.
    The value is cross-fitted: the best rival is chosen on one half of the tasks and the
    difference taken on the other, both ways, over 100 random halves. Raises TooFewTasksError
    (fewer than two tasks).

    References
    ----------
    Berger (1982), Technometrics 24:295; Romano & Wolf (2005), JASA 100:94.
    """
    d = np.asarray(differences, dtype=np.float64)
    if len(d) < 2 or d.shape[1] < 1:
        raise TooFewTasksError(f"{len(d)} task(s) and {d.shape[1]} rival(s); 2 and 1 are needed")
    joint = simultaneous_intervals(d, flip_signs(len(d), FLIPS, rng), level)
    low = joint.mean - t_quantile(level, len(d) - 1) * joint.se
    value = cross_fitted(d, rng) if d.shape[1] > 1 else float(joint.mean[0])
    high = np.fmax(joint.high, joint.mean + resampled_critical(d, level, rng, FLIPS) * joint.se)
    return AgainstBest(
        naive=float(joint.mean.min()),
        estimate=Estimate(
            value=value, low=float(low.min()), high=float(high.min()), level=level,
            n=len(d), method="smallest lower to smallest simultaneous upper limit; cross-fitted",
        ),
        best=int(joint.mean.argmin()),
        p_beats_all=_p_beats_all(joint.mean, joint.se, len(d)),
    )  # fmt: skip


def cross_fitted(d: Floats, rng: np.random.Generator, splits: int = SPLITS) -> float:
    """Mean difference to the rival that is the best on *other* tasks; shape (n_tasks, n_rivals)."""
    n = len(d)
    halves = rng.permuted(np.tile(np.arange(n) < n // 2, (splits, 1)), axis=1).astype(np.float64)
    first = halves @ d / halves.sum(axis=1, keepdims=True)
    second = (1 - halves) @ d / (1 - halves).sum(axis=1, keepdims=True)
    rows = np.arange(splits)
    chosen = second[rows, first.argmin(axis=1)] * (n - n // 2)
    swapped = first[rows, second.argmin(axis=1)] * (n // 2)
    return float((chosen + swapped).mean() / n)


def _p_beats_all(mean: Floats, se: Floats, n: int) -> float:
    """Largest one-sided paired t p over the rivals."""
    flat = se == 0
    t = mean / np.where(flat, 1.0, se)
    p = np.where(flat, np.where(mean > 0, 0.0, 1.0), stats.t.sf(t, n - 1))
    return float(p.max())
