"""Equal enough: equivalence and non-inferiority by t tests, wins and ties, and how many more tasks.

Not to be different is not to be equal: ten tasks are different from nothing. Equality is shown
within a margin that was named before.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.means import Mean

Counts = NDArray[np.int64]
_MOST = 10**9


def noninferiority_p(mean: Mean, margin: float) -> float:
    """One-sided p of "a - b is -margin or less"; margin in the unit of the mean, above 0.

    Student's t. Small: a is not worse than b by the margin. NaN without standard error.
    """
    return _above(mean.value + margin, mean)


def equivalence_p(mean: Mean, margin: float) -> float:
    """p of "|a - b| is the margin or more" by two one-sided t tests (TOST; Schuirmann 1987).

    At 5 % it asks for the 90 % interval inside -margin to margin. NaN without standard error.
    """
    return float(np.maximum(_above(mean.value + margin, mean), _above(margin - mean.value, mean)))


def _above(distance: float, mean: Mean) -> float:
    if math.isnan(mean.se):
        return math.nan
    if mean.se == 0:
        return 0.0 if distance > 0 else 1.0
    return float(stdtr(mean.freedom, -distance / mean.se))


def win_tie_loss(differences: ArrayLike, band: float = 0.0) -> tuple[int, int, int]:
    """(wins, ties, losses) over tasks; a difference of `band` or less is a tie.

    differences : shape (n_tasks,), NaN where a task is missing; it counts nowhere.
    band : in the unit of the differences; what a repeat of the same recipe could differ by.
    """
    wins, ties, losses = wins_ties_losses(np.asarray(differences, dtype=np.float64)[None], band)
    return int(wins[0]), int(ties[0]), int(losses[0])


def wins_ties_losses(differences: Floats, band: ArrayLike) -> tuple[Counts, Counts, Counts]:
    """The same for many pairs: differences of shape (n_pairs, n_tasks), a band for each."""
    close = np.reshape(band, (-1, 1)) + 1e-9
    wins, losses = (differences > close).sum(axis=1), (differences < -close).sum(axis=1)
    return wins, (np.abs(differences) <= close).sum(axis=1), losses


def tasks_to_decide(difference: float, half: float, n: int) -> int:
    """Tasks at which an interval of half-width `half` on `n` tasks would just exclude 0.

    n (half / difference)^2 + 1, if difference and spread stay what they are: a planning figure
    with the difference's own uncertainty in it. Capped at 10^9.
    """
    if not abs(difference) > half * 1e-6:
        return _MOST
    return min(_MOST, math.ceil(n * (half / difference) ** 2) + 1)
