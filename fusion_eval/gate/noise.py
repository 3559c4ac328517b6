"""What a design can see at all, and what would decide a question that is open."""

from __future__ import annotations

import math

from scipy.special import stdtrit

from fusion_eval.stats.means import Mean

POWER = 0.80
_MOST = 10_000


def floor(mean: Mean, alpha: float) -> float | None:
    """The smallest margin that an unchanged recipe passes with 80 % power; None if unknown.

    (t_{1-alpha} + t_{.80}) SE: below it, a gate that fails says more about noise than about the
    change.
    """
    if not (mean.se >= 0 and mean.freedom > 0):
        return None
    return float((stdtrit(mean.freedom, 1 - alpha) + stdtrit(mean.freedom, POWER)) * mean.se)


def needed(mean: Mean, margin: float, alpha: float, *, repeats: int, estimand: str) -> str:
    """How many repeats, or tasks, would decide if the difference stays what it is.

    The new run's share of the variance shrinks with its repeats, the baseline's does not; where
    both have equal noise, SE^2 is proportional to 1/k_new + 1/k_old. Planning figures.
    """
    distance = abs(mean.value + margin)
    if not (mean.se > 0 and mean.freedom > 0):
        return "repeats: without a second one nothing shows how much answers vary"
    if distance < 1e-6:
        return "nothing: the difference is the margin itself"
    want = (distance / float(stdtrit(mean.freedom, 1 - alpha))) ** 2
    tasks = math.ceil(mean.n * mean.se**2 / want) + 1
    about = (
        f"about {tasks:,} tasks like these (now {mean.n:,})"
        if tasks <= _MOST
        else "over 10,000 tasks"
    )
    if estimand != "these tasks":
        return about
    more = math.ceil(repeats * mean.se**2 / want)
    return f"about {more:,} repeats (now {repeats:,}) of run and baseline each, or {about}"
