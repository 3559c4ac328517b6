"""The mean over tasks when the domains and their shares are fixed: what differs between domains
is no luck then, and leaves the standard error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fusion_eval.errors import StatisticsError, TooFewTasksError
from fusion_eval.stats.estimates import checked
from fusion_eval.stats.means import Mean


def stratified(values: ArrayLike, strata: ArrayLike) -> Mean:
    """Mean with the standard error within strata.

    SE^2 = sum_g (n_g / N)^2 s_g^2 / n_g with N - G degrees of freedom; a stratum of one task
    takes the pooled s^2 of the others.

    Parameters
    ----------
    values : shape (n_tasks,), no NaN
    strata : shape (n_tasks,), a label for each

    Raises
    ------
    TooFewTasksError : no stratum holds two tasks, so nothing shows the spread within them

    References
    ----------
    Cochran (1977), Sampling Techniques, section 5.4.
    """
    x = checked(values, least=1)
    group, size = grouped(x, strata)
    n, count = len(x), len(size)
    freedom = n - count
    if freedom < 1:
        raise TooFewTasksError(f"{n} task(s) in {count} strata; one of them needs two tasks")
    means = np.bincount(group, x) / size
    squares = np.bincount(group, (x - means[group]) ** 2)
    spread = np.where(size > 1, squares / np.maximum(size - 1, 1), squares.sum() / freedom)
    se = float(np.sqrt((size * spread).sum()) / n)
    how = f"t, {count} strata, {freedom} df"
    return Mean(value=float(x.mean()), se=se, freedom=freedom, n=n, units=n, how=how)


def grouped(
    values: np.ndarray, labels: ArrayLike
) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """(number of its group for each value, size of each group)."""
    names = np.asarray(labels, dtype=object)
    if names.shape != values.shape:
        raise StatisticsError(f"{names.size} labels for {values.size} values; give one for each")
    _, group, size = np.unique(names.astype(str), return_inverse=True, return_counts=True)
    return group, size
