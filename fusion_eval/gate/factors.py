"""How many times the baseline's cost or latency: a ratio of means, by permutation.

Costs and latencies have heavy tails, where the delta method lets twice to four times as much
through as it says. Here answers of one task change sides: if the run's answers cost `f` times what
the baseline's do, then within a task which answer stands on which side is arbitrary, and how
extreme the true sides are can be counted, whatever the distribution (Pitman 1937).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from fusion_eval.gate.difference import BETWEEN_DAYS, Samples
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.means import Mean

_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A ratio of means with the confidence distribution that the permutations give it.

    `at` : shape (draws,), for each the ratio at which the true sides would be as extreme; NaN for a
        draw that leaves every answer on its side
    `between` : where the baseline has several days, the logarithm of the ratio with their noise
    """

    value: float
    at: Floats
    between: Mean | None = None
    how: str = ""

    def p_above(self, limit: float) -> float:
        """p of "the ratio is `limit` or more": small where it is clearly below."""
        return max(self._share(~(self.at < limit)), self._of_days(limit, above=True))

    def p_below(self, limit: float) -> float:
        """p of "the ratio is `limit` or less": small where it is clearly above."""
        return max(self._share(~(self.at > limit)), self._of_days(limit, above=False))

    def ends(self, alpha: float) -> tuple[float, float]:
        """The interval at 1 - 2 alpha: each end is a one-sided bound."""
        low = float(np.quantile(np.nan_to_num(self.at, nan=0.0), alpha, method="lower"))
        high = float(np.quantile(np.nan_to_num(self.at, nan=np.inf), 1 - alpha, method="higher"))
        if self.between is None:
            return low, high
        half = self.between.t_quantile(1 - 2 * alpha) * self.between.se
        return min(low, self.value * math.exp(-half)), max(high, self.value * math.exp(half))

    def _share(self, extreme: NDArray[np.bool_]) -> float:
        return float((1 + extreme.sum()) / (1 + len(extreme)))

    def _of_days(self, limit: float, *, above: bool) -> float:
        if self.between is None or not self.between.se > 0:
            return 0.0
        distance = (math.log(limit) - self.between.value) / self.between.se
        return float(stdtr(self.between.freedom, -distance if above else distance))


def ratio_to(
    new: Samples,
    old: Samples,
    tasks: Sequence[str],
    days: Sequence[Samples] = (),
    *,
    draws: int = 4_999,
    seed: int = 0,
) -> Factor:
    """Mean over mean on the same tasks, each with equal weight; no NaN, both means above 0.

    Exact for whatever is a multiple of the baseline, up to the number of draws. With
    T(f) = mean(new) - f mean(old) and its value in a draw linear in f, each draw is as extreme as
    the true sides at one f, so p values and interval come from the same numbers.
    """
    rng = np.random.default_rng(seed)
    alike: dict[tuple[int, int], list[str]] = defaultdict(list)
    for task in tasks:
        alike[len(new[task]), len(old[task])].append(task)
    drawn = [
        _drawn(np.array([new[t] for t in group]), np.array([old[t] for t in group]), draws, rng)
        for _, group in sorted(alike.items())
    ]
    a, b = (np.sum([part[side] for part in drawn], axis=0) for side in (0, 1))
    mine, theirs = (sum(float(side[t].mean()) for t in tasks) for side in (new, old))
    with np.errstate(divide="ignore", invalid="ignore"):
        at = np.where(theirs + b > 1e-9 * theirs, (mine - a) / (theirs + b), math.nan)
    between = _between(math.log(mine / theirs), days)
    how = BETWEEN_DAYS if between is not None else ""
    return Factor(value=mine / theirs, at=at, between=between, how=how)


def _between(value: float, days: Sequence[Samples]) -> Mean | None:
    """The logarithm of the ratio with the noise of days: SE^2 = S^2 (1 + 1/D), D - 1 df."""
    shared = sorted(set.intersection(*(set(day) for day in days))) if len(days) > 1 else []
    sums = [sum(float(day[t].mean()) for t in shared) for day in days]
    if not shared or min(sums) <= 0:
        return None
    count, spread = len(days), float(np.log(sums).std(ddof=1))
    se = spread * math.sqrt(1 + 1 / count)
    return Mean(value=value, se=se, freedom=count - 1, n=len(shared), units=count, how=BETWEEN_DAYS)


def _drawn(new: Floats, old: Floats, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """For each draw the difference of sides that new answers make, and that old ones make.

    new, old : shape (tasks, k) and (tasks, r), of tasks with as many repeats
    """
    (count, k), r = new.shape, old.shape[1]
    values = np.zeros((2, count, k + r))
    values[0, :, :k], values[1, :, k:] = new, old
    found = np.empty((2, draws))
    for start in range(0, draws, _CHUNK):
        size = min(_CHUNK, draws - start)
        places = np.argpartition(rng.random((size, count, k + r)), k - 1, axis=2)[:, :, :k]
        for side in (0, 1):
            chosen = np.take_along_axis(values[side][None], places, axis=2).sum(axis=2)
            rest = values[side].sum(axis=1)[None] - chosen
            found[side, start : start + size] = (chosen / k - rest / r).sum(axis=1)
    return found[0], found[1]
