"""Two recipes on the same tasks: the mean difference, its interval, and the sign-flip test."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fusion_eval.core import Estimate
from fusion_eval.errors import UnpairedTasksError
from fusion_eval.frames import Missing, per_task
from fusion_eval.stats.estimates import Floats, checked, t_interval
from fusion_eval.stats.results import FLIPS
from fusion_eval.stats.tables import tidied

EXACT_UP_TO = 40


def paired_difference(
    trials: pd.DataFrame,
    a: str,
    b: str,
    *,
    value: str = "score",
    level: float = 0.95,
    missing: Missing = "as_deployed",
) -> Estimate:
    """Mean difference, recipe `a` minus recipe `b`, with the paired t interval.

    Repeats are averaged within a task first, so `n` counts tasks, not rows.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    a, b : str, recipe names
    value : str, `score` (0 to 1), `cost_usd` (US dollars) or `latency_s` (seconds)
    level : float in (0, 1), coverage
    missing : what a failed answer counts as, see `frames.per_task`

    Returns
    -------
    Estimate, in the unit of `value`; Student t, n - 1 degrees of freedom

    Raises
    ------
    UnpairedTasksError : a task has a value under only one of the two
    TooFewTasksError : fewer than two tasks, so no interval exists

    References
    ----------
    E. Miller (2024), Adding Error Bars to Evals, arXiv:2411.00640.
    """
    trials = tidied(trials)
    wide = per_task(trials, value, missing).reindex(columns=[a, b]).dropna(how="all")
    lonely = wide.index[wide.isna().any(axis=1)]
    if len(lonely):
        names = per_task(trials, value, missing).attrs["tasks"]
        count = "1 task has" if len(lonely) == 1 else f"{len(lonely)} tasks have"
        raise UnpairedTasksError(
            f"{count} {value} under only one of {a!r} and {b!r}: "
            f"{', '.join(names[t] for t in lonely[:5])}; `compare` uses their common tasks"
        )
    return t_interval((wide[a] - wide[b]).to_numpy(), level)


def sign_flip_p(
    differences: ArrayLike,
    *,
    rng: np.random.Generator,
    flips: int = FLIPS,
    exact_up_to: int = EXACT_UP_TO,
) -> float:
    """Two-sided p of "the mean difference is 0", by flipping signs (Fisher 1935).

    Parameters
    ----------
    differences : shape (n_tasks,), any unit, no NaN
    rng : used only when there are more than `exact_up_to` tasks with a difference
    flips : random flips; p is then (1 + at least as extreme) / (1 + flips)
    exact_up_to : up to so many non-zero differences all 2^n sign patterns are counted

    Returns
    -------
    float in (0, 1]. Exact when differences are symmetric around 0 under the null hypothesis,
    asymptotically right for "mean 0" otherwise.
    """
    d = checked(differences, least=1)
    d = d[d != 0]  # a zero stays zero under every flip
    observed = abs(float(d.sum())) - 1e-12 * float(np.abs(d).sum())
    if observed <= 0:
        return 1.0
    if len(d) <= exact_up_to:
        return _exact_tail(d, observed)
    return (1 + _random_tail(d, observed, flips, rng)) / (1 + flips)


def _exact_tail(d: Floats, observed: float) -> float:
    """Share of sign patterns with |sum| >= observed, meeting in the middle (2^(n/2) steps)."""
    left, right = _all_sums(d[: len(d) // 2]), _all_sums(d[len(d) // 2 :])
    at_least = len(left) - np.searchsorted(left, observed - right, side="left")
    return 2.0 * float(at_least.sum()) / (len(left) * len(right))


def _all_sums(d: Floats) -> Floats:
    """Sorted sums of d under every sign pattern, shape (2^n,), by merging sorted halves."""
    sums = np.zeros(1)
    for value in np.abs(d):
        sums = np.concatenate([sums - value, sums + value])
        sums.sort(kind="stable")  # two sorted runs: the stable sort merges them in linear time
    return sums


def _random_tail(d: Floats, observed: float, flips: int, rng: np.random.Generator) -> int:
    count = 0
    for start in range(0, flips, 2_000):
        signs = rng.integers(0, 2, (min(2_000, flips - start), len(d)), dtype=np.int8) * 2.0 - 1.0
        count += int((np.abs(signs @ d) >= observed).sum())
    return count
