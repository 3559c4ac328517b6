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


def noninferiority_p(mean: Mean, margin: float) -> float:
    """One-sided p of "a - b is -margin or less"; margin in the unit of the mean, above 0.

    Student's t. Small: a is not worse than b by the margin. NaN without standard error.
    """
    return _above(mean.value + margin, 1 + mean.value, mean)


def equivalence_p(mean: Mean, margin: float) -> float:
    """p of "|a - b| is the margin or more" by two one-sided t tests (TOST; Schuirmann 1987).

    At 5 % it asks for the 90 % interval inside -margin to margin. NaN without standard error.
    """
    low, high = margin + mean.value, margin - mean.value
    return float(np.maximum(_above(low, 1 + mean.value, mean), _above(high, 1 - mean.value, mean)))


def _above(distance: float, room: float, mean: Mean) -> float:
    """p of "the limit lies no further than the mean"; `room`: how far a unit could pull it.

    Without any spread: the chance that no unit of those shows one which together would pull the
    mean over the limit (the rule of three, see `means.flat_limits`).
    """
    if math.isnan(mean.se):
        return math.nan
    if mean.se == 0:
        return float((1 - min(1.0, max(0.0, distance) / max(room, 1e-9))) ** mean.units)
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
