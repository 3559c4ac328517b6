"""The recipe with the highest mean, and what it is worth once its luck is taken off.

The winner of eight equal recipes looks 1 to 3 points better than it is: it was chosen for its
noise. Chosen on half of the tasks and scored on the other half, it does not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from fusion_eval.errors import StatisticsError, TooFewTasksError
from fusion_eval.frames import Missing
from fusion_eval.stats.bootstrap import RESAMPLES
from fusion_eval.stats.caveats import failures, few, missing_tasks, sides
from fusion_eval.stats.clusters import totals
from fusion_eval.stats.design import Labels
from fusion_eval.stats.estimand import named
from fusion_eval.stats.estimates import Floats, t_quantile, wilson_limits
from fusion_eval.stats.family import check_level
from fusion_eval.stats.multiple import Signs, flip_signs, simultaneous_intervals
from fusion_eval.stats.points import Points, points
from fusion_eval.stats.ranks import open_ranks
from fusion_eval.stats.results import FEW_TASKS, FLIPS, result
from fusion_eval.stats.shrinkage import credible
from fusion_eval.stats.strata import grouped
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "recipe", "score", "worth", "corrected", "optimism", "low", "high", "n", "maybe_best",
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
    trials : see `compare`; only the tasks that all recipes have are used, without recipes that lack
        too many of them
    level : joint coverage of the intervals of all recipes, so also of the chosen one's
    seed : of splits and flips

    Returns
    -------
    DataFrame, columns `COLUMNS`; scores 0 to 1. `score` is the plain mean of the recipe that came
    out highest. `corrected` is the worth of *choosing* so, not of that recipe: the mean score, on
    tasks that did not choose, of whatever recipe half of the tasks choose (cross-fitted over 200
    random halves; where recipes differ it is below the winner's worth, as half of the tasks choose
    worse than all). `optimism`: the difference. `worth`: the expected true mean of the recipe
    itself, drawn together with the others (`stats.shrinkage`).
    `low` to `high`: the winner's interval out of simultaneous ones for all recipes, which chance
    in choosing cannot break. `maybe_best`: names to whom rank 1 is open, as in `ranks`. Tasks of
    one cluster stay together throughout.

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
    data = points(trials, missing)
    every = sides(trials, missing)
    if len(every) < 2:
        raise StatisticsError("the best of fewer than two recipes is no choice")
    names, x = data.names, data.score
    if len(x) < 4:
        raise TooFewTasksError(f"{len(x)} task(s) that all recipes have; four are needed")
    corrected = cross_fitted(x, np.random.default_rng(seed), clusters=data.groups)
    units = totals(x, data.groups)
    signs = flip_signs(len(units), flips, np.random.default_rng(seed))
    k, low, high = winner(units, signs, level)
    score = float(x[:, k].mean())
    ranks_low, _ = open_ranks(data, flips, seed, level)
    maybe = [names[i] for i in np.flatnonzero(ranks_low == 1)]
    side = every[names[k]]
    notes = ["SIMULATED"] if side.simulated else []
    notes += [few(len(x))] if len(x) < FEW_TASKS else []
    notes += [f"{name} is left out: {why}" for name, why in data.left_out.items()]
    notes += [*data.notes, missing_tasks(side, side.names), failures(side, missing)]
    row = {
        "recipe": names[k], "score": score, "worth": _worth(data, k, seed), "corrected": corrected,
        "optimism": score - corrected, "low": low, "high": high,
        "n": len(x), "maybe_best": ", ".join(maybe),
        "estimand": named("mean score of the recipe chosen as best", "new tasks", missing),
        "method": f"cross-fit over {SPLITS} halves; simultaneous max-T logit interval, {level:.0%}",
        "caveat": "; ".join(note for note in notes if note),
    }  # fmt: skip
    return result([row], COLUMNS, trials, level=level)


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


def _worth(data: Points, k: int, seed: int) -> float:
    nothing = np.full_like(data.score, np.nan)
    drawn = credible(data.score, nothing, data.groups, RESAMPLES, np.random.default_rng(seed))
    return float(drawn.score[k])


def cross_fitted(
    scores: Floats, rng: np.random.Generator, splits: int = SPLITS, clusters: Labels | None = None
) -> float:
    """Mean score, on one half of the tasks, of the recipe that is best on the other half.

    scores : shape (n_tasks, n_recipes), no NaN, two tasks or more; clusters : the label of each
    task, where tasks of one stay in one half. Both halves choose in turn, and
    all is averaged over random splits. Unbiased for what choosing on half of the tasks is worth.
    """
    n = len(scores)
    group, size = grouped(np.zeros(n), np.arange(n) if clusters is None else clusters)
    order = rng.random((splits, len(size))).argsort(axis=1)
    chosen = np.zeros((splits, len(size)))
    np.put_along_axis(chosen, order[:, : len(size) // 2], 1.0, axis=1)
    first = chosen[:, group]
    counts = first.sum(axis=1, keepdims=True)
    one, two = first @ scores / counts, (1 - first) @ scores / (n - counts)
    rows = np.arange(splits)
    return float((two[rows, one.argmax(axis=1)] + one[rows, two.argmax(axis=1)]).mean() / 2)
