"""The recipe with the highest mean, and what it is worth once its luck is taken off.

The winner of eight equal recipes looks 1 to 3 points better than it is: it was chosen for its
noise. Chosen on half of the tasks and scored on the other half, it does not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from fusion_eval.errors import StatisticsError, TooFewTasksError
from fusion_eval.frames import Missing, is_simulated
from fusion_eval.stats.caveats import failures, few, missing_tasks, sides
from fusion_eval.stats.estimand import named
from fusion_eval.stats.estimates import Floats, t_quantile, wilson_limits
from fusion_eval.stats.family import FEW_TASKS, check_level
from fusion_eval.stats.multiple import Signs, flip_signs, simultaneous_intervals
from fusion_eval.stats.paired import FLIPS
from fusion_eval.stats.ranks import maybe_best
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "recipe", "score", "corrected", "optimism", "low", "high", "n", "maybe_best",
    "estimand", "method", "caveat",
)  # fmt: skip
SPLITS = 200


def best(
    trials: pd.DataFrame,
    level: float = 0.95,
    seed: int = 0,
    *,
    missing: Missing = "as_deployed",
    flips: int = FLIPS,
) -> pd.DataFrame:
    """The recipe with the highest mean score, corrected for having been chosen; one row.

    Parameters
    ----------
    trials : see `compare`; only the tasks that all recipes have are used
    level : joint coverage of the intervals of all recipes, so also of the chosen one's
    seed : of splits and flips

    Returns
    -------
    DataFrame, columns `COLUMNS`; scores 0 to 1. `score` is the plain mean of the recipe that came
    out highest, `corrected` the mean score, on tasks that did not choose, of whatever recipe half
    of the tasks choose (cross-fitted over 200 random halves), and `optimism` the difference.
    `low` to `high`: the winner's interval out of simultaneous ones for all recipes, which chance
    in choosing cannot break. `maybe_best`: names not excluded from being the best.

    Raises
    ------
    StatisticsError : fewer than two recipes
    TooFewTasksError : fewer than four tasks that all recipes have

    References
    ----------
    Andrews, Kitagawa & McCloskey (2024), QJE 139:305 (the problem); cross-fitting: Rinaldo et al.
    (2019), Annals 47:3438.
    """
    check_level(level)
    trials = tidied(trials)
    every = sides(trials, missing)
    if len(every) < 2:
        raise StatisticsError("the best of fewer than two recipes is no choice")
    names = list(every)
    x = np.column_stack([side.scores for side in every.values()])
    x = x[~np.isnan(x).any(axis=1)]
    if len(x) < 4:
        raise TooFewTasksError(f"{len(x)} task(s) that all recipes have; four are needed")
    rng = np.random.default_rng(seed)
    corrected = cross_fitted(x, rng)
    signs = flip_signs(len(x), flips, rng)
    k, low, high = winner(x, signs, level)
    score = float(x[:, k].mean())
    maybe = [names[i] for i in np.flatnonzero(maybe_best(x, signs, level))]
    side = every[names[k]]
    notes = ["SIMULATED"] if side.simulated else []
    notes += [few(len(x))] if len(x) < FEW_TASKS else []
    dropped = len(side.index) - len(x)
    notes += [f"{dropped} tasks that not all recipes have are left out"] if dropped else []
    notes += [missing_tasks(side, side.names), failures(side, missing)]
    row = {
        "recipe": names[k], "score": score, "corrected": corrected,
        "optimism": score - corrected, "low": low, "high": high,
        "n": len(x), "maybe_best": ", ".join(maybe),
        "estimand": named("mean score of the recipe chosen as best", "new tasks", missing),
        "method": f"cross-fit over {SPLITS} halves; simultaneous max-T logit interval, {level:.0%}",
        "caveat": "; ".join(note for note in notes if note),
    }  # fmt: skip
    table = pd.DataFrame([row], columns=list(COLUMNS))
    table.attrs = {**trials.attrs, "simulated": is_simulated(trials), "level": level}
    return table


def winner(scores: Floats, signs: Signs, level: float = 0.95) -> tuple[int, float, float]:
    """(column with the highest mean, low, high): an interval that holds whichever column it is.

    scores : shape (n_tasks, n_recipes), 0 to 1, no NaN; signs : see `flip_signs`. Half-widths are
    max-T over all columns, laid on the logit of the mean, as the interval of one mean is.
    """
    joint = simultaneous_intervals(scores, signs, level)
    k = int(joint.mean.argmax())
    m, half = float(joint.mean[k]), float(joint.high[k] - joint.mean[k])
    if not 0 < m < 1:
        return k, *wilson_limits(m, len(scores), t_quantile(level, len(scores) - 1))
    h = half / (m * (1 - m))
    return k, float(expit(logit(m) - h)), float(expit(logit(m) + h))


def cross_fitted(scores: Floats, rng: np.random.Generator, splits: int = SPLITS) -> float:
    """Mean score, on one half of the tasks, of the recipe that is best on the other half.

    scores : shape (n_tasks, n_recipes), no NaN, two tasks or more. Both halves choose in turn, and
    all is averaged over random splits. Unbiased for what choosing on half of the tasks is worth.
    """
    n = len(scores)
    order = rng.random((splits, n)).argsort(axis=1)
    first = np.zeros((splits, n))
    np.put_along_axis(first, order[:, : n // 2], 1.0, axis=1)
    one, two = first @ scores / (n // 2), (1 - first) @ scores / (n - n // 2)
    rows = np.arange(splits)
    return float((two[rows, one.argmax(axis=1)] + one[rows, two.argmax(axis=1)]).mean() / 2)
