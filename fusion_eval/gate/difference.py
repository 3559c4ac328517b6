"""How far a run is from its baseline on the same tasks, with a noise that is never taken for zero.

Three things make the spread of repeats too small for the noise of a difference: repeats that
happened not to differ, a run that is noisier than its baseline, and days. Each has its cure here,
and what is left stands in docs/gate.md with its measured rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import fdtri

from fusion_eval.stats.estimates import Floats, t_quantile
from fusion_eval.stats.means import Mean, plain

Samples = dict[str, Floats]
"""task hash -> the values of its repeats, shape (k,)"""

NOISIER = "the run varies more than the baseline's repeats; noise is taken from tasks"
BETWEEN_DAYS = "noise is taken from how the baseline's days differ"
_UNSEEN = 3.0
"""Rule of three: what happened in none of N answers may still happen in 3 / N of them (95 %)."""
_NOISY_AT = 0.90
_TINY = 1e-12
_MANY = 10_000.0


def difference(
    new: Samples,
    old: Samples,
    tasks: Sequence[str],
    estimand: str,
    *,
    margin: float = 0.0,
    days: Sequence[Samples] = (),
) -> Mean:
    """Mean difference, new less old, over these tasks; scores 0 to 1.

    estimand : `these tasks` (noise of repeats) or `new tasks` (paired t over task means)
    margin : when the question is whether so much was lost, tasks at full marks may have lost it
        by single failures, and their noise in the run is that of such failures
    days : the baseline's answers, apart for each of its days; from two on, the difference must
        also stand out from that between days

    `se` is NaN where one answer on either side is all there is and the question is about these
    tasks.
    """
    by_tasks = plain(np.array([new[t].mean() - old[t].mean() for t in tasks]))
    within = _within(new, old, tasks, by_tasks.value, margin)
    if estimand != "these tasks":
        made = _wider(by_tasks, replace(_unseen(new, old, tasks, by_tasks), how=by_tasks.how))
    elif all(len(new[t]) == 1 for t in tasks) and _noisier(by_tasks, within):
        made = replace(_wider(by_tasks, within), how=NOISIER)
    else:
        made = within
    between = _between(new, days, tasks, made) if len(days) > 1 else None
    return _wider(made, between) if between is not None else made


def _within(new: Samples, old: Samples, tasks: Sequence[str], value: float, margin: float) -> Mean:
    """Noise of repeats: SE^2 = n^-2 sum_t (s_new^2 / k_new + s_old^2 / k_old).

    A task answered once on one side takes the other side's s^2. Where no repeat of a task differs,
    its variance is 3 / N and not 0, N being all answers of both sides. Degrees of freedom by
    Satterthwaite over tasks: a few noisy tasks among steady ones are few, however many repeats.
    """
    k_a, s_a = _moments(new, tasks)
    k_b, s_b = _moments(old, tasks)
    steady = np.array([np.ptp(np.concatenate([new[t], old[t]])) < _TINY for t in tasks])
    full = np.array([min(new[t].min(), old[t].min()) >= 1 - _TINY for t in tasks])
    s_a, s_b = np.where(np.isnan(s_a), s_b, s_a), np.where(np.isnan(s_b), s_a, s_b)
    known = ~np.isnan(s_a)
    n = len(tasks)
    if not known.any():
        how = "one repeat: its spread is unknown"
        return Mean(value=value, se=math.nan, freedom=0, n=n, units=n, how=how)
    s_a, s_b = (np.where(known, s, s[known].mean()) for s in (s_a, s_b))
    least = min(0.25, _UNSEEN / float((k_a + k_b).sum()))
    lost = max(least, margin * (1 - margin)) if margin else least
    one = np.where(steady, np.where(full, lost, least), s_a) / k_a
    two = np.where(steady, least, s_b) / k_b
    parts = np.where(steady, 0.0, one**2 / (k_a + 1) + two**2 / (k_b + 1))
    alone = (k_a == 1) | (k_b == 1)  # one spread for both sides
    df = np.maximum(k_a, k_b) + 1
    parts = np.where(~steady & alone, (one + two) ** 2 / df, parts)
    total = float((one + two).sum())
    freedom = min(_MANY, total**2 / float(parts.sum())) if parts.sum() > 0 else _MANY
    how = f"t, spread of repeats, {freedom:.0f} df"
    return Mean(value=value, se=math.sqrt(total) / n, freedom=freedom, n=n, units=n, how=how)


def _moments(side: Samples, tasks: Sequence[str]) -> tuple[Floats, Floats]:
    """Number of repeats, and s^2 (NaN for one), of each task."""
    count = np.array([len(side[t]) for t in tasks], dtype=np.float64)
    spread = [side[t].var(ddof=1) if len(side[t]) > 1 else math.nan for t in tasks]
    return count, np.array(spread, dtype=np.float64)


def _unseen(new: Samples, old: Samples, tasks: Sequence[str], by_tasks: Mean) -> Mean:
    """The noise that tasks without any difference may still have, by the rule of three."""
    both = [np.concatenate([new[t], old[t]]) for t in tasks]
    least = min(0.25, _UNSEEN / sum(len(x) for x in both))
    variances = [
        least * (1 / len(new[t]) + 1 / len(old[t])) if np.ptp(x) < _TINY else 0.0
        for t, x in zip(tasks, both, strict=True)
    ]
    return replace(by_tasks, se=math.sqrt(sum(variances)) / len(tasks))


def _between(
    new: Samples, days: Sequence[Samples], tasks: Sequence[str], made: Mean
) -> Mean | None:
    """Noise of whole days: SE^2 = S^2 (1 + 1/D), S^2 the variance of D daily means, D - 1 df.

    What one run has more noise than a day of the baseline, for fewer repeats, is added.
    """
    shared = [t for t in tasks if all(t in day for day in days)]
    if not shared:
        return None
    means = np.array([np.mean([day[t].mean() for t in shared]) for day in days])
    count = len(days)
    repeats = [float(np.mean([len(side[t]) for t in shared])) for side in (new, *days)]
    share = 1 / repeats[0] / (1 / repeats[0] + 1 / sum(repeats[1:]))
    fewer = max(0.0, 1 - repeats[0] / float(np.mean(repeats[1:])))
    extra = made.se**2 * share * fewer if made.se > 0 else 0.0
    variance = float(means.var(ddof=1)) * (1 + 1 / count)
    if variance + extra <= 0:
        return None
    freedom = (variance + extra) ** 2 / (variance**2 / (count - 1)) if variance > 0 else _MANY
    return replace(
        made, se=math.sqrt(variance + extra), freedom=min(freedom, _MANY), how=BETWEEN_DAYS
    )


def _wider(one: Mean, other: Mean) -> Mean:
    """The one whose one-sided 95 % bound is farther away."""
    if not other.freedom > 0 or math.isnan(other.se):
        return one
    if not one.freedom > 0 or math.isnan(one.se):
        return other
    halves = [t_quantile(0.90, mean.freedom) * mean.se for mean in (one, other)]
    return one if halves[0] >= halves[1] else other


def _noisier(by_tasks: Mean, within: Mean) -> bool:
    """Whether one new answer per task departs from the baseline by more than its repeats explain.

    An F test at 10 %: then the run is noisier than the baseline, or tasks changed in different
    ways, and the baseline's repeats say too little about the noise of the difference.
    """
    if not (within.se > 0 and by_tasks.freedom > 0):
        return False
    ratio = (by_tasks.se / within.se) ** 2
    return bool(ratio > fdtri(by_tasks.freedom, within.freedom, _NOISY_AT))
