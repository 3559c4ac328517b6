"""The median latency, with the interval that order statistics give."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from fusion_eval.core import Estimate
from fusion_eval.stats.estimates import checked


def median(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Median with the distribution-free interval between two order statistics.

    Parameters
    ----------
    values : shape (n_tasks,), one value per task, any unit, no NaN
    level : float in (0, 1); the interval covers at least so often, for every distribution

    Returns
    -------
    Estimate, in the unit of `values`. For few tasks (below six at 95 %) no such interval exists:
    its limits are then NaN. Raises MissingScoresError, TooFewTasksError (no task).

    References
    ----------
    David & Nagaraja (2003), Order Statistics, section 7.1.
    """
    x = np.sort(checked(values, least=1))
    n = len(x)
    rank = int(stats.binom.ppf((1 - level) / 2, n, 0.5))
    low = high = float("nan")
    if rank >= 1 and 2 * stats.binom.cdf(rank - 1, n, 0.5) <= 1 - level:
        low, high = float(x[rank - 1]), float(x[n - rank])
    return Estimate(
        value=float(np.median(x)), low=low, high=high, level=level, n=n, method="order statistics"
    )


def of_one_source(trials: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """The recipes whose latencies come from one source, and why the others are left out.

    Seconds that were measured, simulated or imported are different quantities. Where there are
    several sources, the recipes of the one that most of them have stay; of equals the measured.
    """
    if "latency_source" not in trials:
        return trials, {}
    recipe = trials["recipe"].astype(str)
    source = trials["latency_source"].astype("string").fillna("")
    of = {str(name): "/".join(sorted(set(s) - {""})) for name, s in source.groupby(recipe)}
    named = [word for word in of.values() if word]
    if len(set(named)) < 2:
        return trials, {}
    kept = max(sorted(set(named)), key=lambda word: (named.count(word), word == "measured"))
    left_out = {
        name: f"its seconds are {word}, those of the others {kept}"
        for name, word in of.items()
        if word not in ("", kept)
    }
    rows = trials[~recipe.isin(left_out)]
    rows.attrs = dict(trials.attrs)
    return rows, left_out
