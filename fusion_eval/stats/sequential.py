"""Looking before the end: bounds that keep the error rate of four looks at that of one.

Whoever tests after every few tasks and stops at the first p < .05 is wrong in a fifth of all null
cases. A group-sequential design spends the error over a few looks that were fixed beforehand. Looks
are counted in tasks in a random order fixed before the run; cheap ones first is never fine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from fusion_eval.errors import StatisticsError
from fusion_eval.stats.estimates import Floats, checked, standard_error
from fusion_eval.stats.spending import Spending, bounds

Word = Literal["yes", "no", "futile", "go on", "undecided"]
LOOKS = 4
FUTILE = 0.10
"""Conditional power under the current trend, below which going on is not worth it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Looks after `tasks` tasks each, with the z that each must exceed.

    `sides` 1: is the mean difference above -margin? 2: is it different from 0? `alpha` is the
    error over all looks and sides.
    """

    tasks: tuple[int, ...]
    bounds: tuple[float, ...]
    alpha: float
    sides: Literal[1, 2]
    spending: Spending


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look shows. `low`, `high`: repeated confidence interval, valid at every look.

    `word`: `yes` the bound is crossed (`no`: on the other side, two-sided only), `futile` going on
    would hardly help (may be ignored without harm to the error rate), `go on`, or `undecided` at
    the last look. `conditional_power`: chance to cross at the end if the trend stays.
    """

    look: int
    n: int
    mean: float
    z: float
    bound: float
    low: float
    high: float
    conditional_power: float
    word: Word


def design(
    tasks: int,
    looks: int = LOOKS,
    alpha: float = 0.05,
    *,
    sides: Literal[1, 2] = 1,
    spending: Spending = "obrien-fleming",
) -> Design:
    """Equally spaced looks at `tasks` tasks.

    Raises StatisticsError for fewer than five tasks a look: no variance is known there.
    """
    if looks < 1 or tasks < 5 * looks:
        raise StatisticsError(f"{tasks} tasks are too few for {looks} looks; 5 each are needed")
    at = tuple(math.ceil(tasks * k / looks) for k in range(1, looks + 1))
    found = bounds([n / tasks for n in at], alpha, sides=sides, spending=spending)
    return Design(
        tasks=at, bounds=tuple(found.tolist()), alpha=alpha, sides=sides, spending=spending
    )


def look(
    plan: Design, differences: ArrayLike, *, margin: float = 0.0, futile: float = FUTILE
) -> Look:
    """Judge the differences at a look of the plan.

    Parameters
    ----------
    plan : from `design`, made before the first look
    differences : shape (n_tasks,), new less old, of the first tasks in the random order; their
        number must be that of a look
    margin : one-sided plans ask whether the mean is above -margin (0: superiority)
    futile : conditional power below which the word is `futile` (0: never)

    Raises
    ------
    StatisticsError : so many tasks are no look of this plan
    """
    d = checked(differences, least=2)
    if len(d) not in plan.tasks:
        steps = ", ".join(map(str, plan.tasks))
        raise StatisticsError(f"{len(d)} tasks are no look of this plan; its looks: {steps}")
    k = plan.tasks.index(len(d))
    se, mean = standard_error(d), float(d.mean())
    z = float(z_scores(mean + margin, se, len(d)))
    chance = conditional_power(z, len(d) / plan.tasks[-1], plan.bounds[-1], plan.sides)
    half = float(stats.t.isf(stats.norm.sf(plan.bounds[k]), len(d) - 1)) * se
    return Look(
        look=k + 1, n=len(d), mean=mean, z=z, bound=plan.bounds[k], low=mean - half,
        high=mean + half, conditional_power=chance, word=_word(plan, k, z, chance, futile),
    )  # fmt: skip


def z_scores(mean: ArrayLike, se: ArrayLike, n: ArrayLike) -> Floats:
    """Normal scores of Student's t: the z with the same one-sided p; arrays of any one shape."""
    m, s = np.asarray(mean, dtype=np.float64), np.asarray(se, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(s > 0, m / np.where(s > 0, s, 1.0), np.sign(m) * np.inf)
    size = np.nan_to_num(np.abs(t), nan=0.0)
    tail = stats.t.sf(size, np.asarray(n) - 1)
    z: Floats = np.sign(m) * np.where(np.isinf(size), np.inf, stats.norm.isf(tail))
    return z


def conditional_power(z: float, fraction: float, final: float, sides: int = 1) -> float:
    """Chance that the last z exceeds `final` if the trend so far is the truth."""
    if fraction >= 1:
        return float(abs(z) > final if sides == 2 else z > final)
    trend = abs(z) if sides == 2 else z
    return float(stats.norm.cdf((trend / math.sqrt(fraction) - final) / math.sqrt(1 - fraction)))


def _word(plan: Design, k: int, z: float, chance: float, futile: float) -> Word:
    if z > plan.bounds[k]:
        return "yes"
    if plan.sides == 2 and z < -plan.bounds[k]:
        return "no"
    if k == len(plan.tasks) - 1:
        return "undecided"
    return "futile" if chance < futile else "go on"
