"""Ranks with their uncertainty, and which recipes are not excluded from being the best.

A rank is a statement about all pairs. So it comes as a set of ranks, and "the best" as a set of
recipes; nobody is best because its mean came out highest.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, recipes
from fusion_eval.stats.bootstrap import RESAMPLES
from fusion_eval.stats.caveats import failures, few, missing_tasks, sides
from fusion_eval.stats.clusters import totals
from fusion_eval.stats.estimand import named
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.family import check_level
from fusion_eval.stats.multiple import Signs, flip_signs, max_t_adjusted_p, simultaneous_intervals
from fusion_eval.stats.points import Points, points
from fusion_eval.stats.results import FEW_TASKS, FLIPS, result
from fusion_eval.stats.shrinkage import best_shares
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "recipe", "score", "rank_low", "rank_high", "maybe_best", "p_best", "n",
    "estimand", "method", "caveat",
)  # fmt: skip


def ranks(
    trials: pd.DataFrame,
    level: float = 0.95,
    seed: int = 0,
    *,
    missing: Missing = "as_deployed",
    flips: int = FLIPS,
) -> pd.DataFrame:
    """The ranks each recipe could have, one row per recipe, the highest mean first.

    Parameters
    ----------
    trials : see `compare`
    level : probability that all rank sets hold at once; and that the best is among `maybe_best`
    seed : of the random flips and of the draws behind `p_best`

    Returns
    -------
    DataFrame, columns `COLUMNS`. `rank_low` to `rank_high`: the ranks (1 is best) that the
    simultaneous intervals of all pairs leave open. `maybe_best`: rank 1 is open to it.
    `p_best`: probability of the highest true mean, differences drawn together by what is credibly
    noise; a description, not a test. Recipes are compared on the tasks that all have (by cluster
    where tasks share one); who lacks too many has no row and stands in `attrs["not_compared"]`.

    Raises
    ------
    StatisticsError : fewer than two recipes

    References
    ----------
    Mogstad, Romano, Shaikh & Wilhelm (2024), REStud 91:476.
    """
    check_level(level)
    trials = tidied(trials)
    if len(recipes(trials)) < 2:
        raise StatisticsError("ranks need two or more recipes")
    data = points(trials, missing)
    every = sides(trials, missing)
    low, high = open_ranks(data, flips, seed, level)
    best = dict(zip(data.names, p_best(data, seed), strict=True))
    rows = []
    for k, name in enumerate(data.names):
        side, n = every[name], len(data.score)
        notes = ["SIMULATED"] if side.simulated else []
        notes += [few(n)] if n < FEW_TASKS else []
        notes += [missing_tasks(side, side.names), failures(side, missing), *data.notes]
        notes += [f"{other} is left out: {why}" for other, why in data.left_out.items()]
        rows.append(
            {
                "recipe": name, "score": float(data.score[:, k].mean()) if n else np.nan,
                "rank_low": int(low[k]), "rank_high": int(high[k]), "maybe_best": low[k] == 1,
                "p_best": float(best[name]), "n": n,
                "estimand": named("rank of the mean score", "new tasks", missing),
                "method": f"simultaneous max-T intervals of all pairs, {level:.0%}; flips of signs",
                "caveat": "; ".join(note for note in notes if note),
            }
        )  # fmt: skip
    table = result(rows, COLUMNS, trials, level=level, not_compared=dict(data.left_out))
    return table.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def open_ranks(
    data: Points, flips: int, seed: int, level: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`rank_sets` of the recipes on the tasks that all have, by cluster where tasks share one."""
    x = totals(data.score, data.groups)
    if len(x) < 2 or len(data.names) < 2:
        count = len(data.names)
        return np.ones(count, dtype=np.int64), np.full(count, count, dtype=np.int64)
    return rank_sets(x, flip_signs(len(x), flips, np.random.default_rng(seed)), level)


def rank_sets(
    scores: Floats, signs: Signs, level: float = 0.95
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lowest and highest possible rank of each recipe, jointly at `level`.

    scores : shape (n_tasks, n_recipes), NaN for a missing task; signs : see `flip_signs`. As in
    `compare`, a pair is told apart when its interval and its adjusted p both say so.
    """
    count = scores.shape[1]
    pairs = list(combinations(range(count), 2))
    d = np.column_stack([scores[:, i] - scores[:, j] for i, j in pairs])
    joint = simultaneous_intervals(d, signs, level)
    seen = max_t_adjusted_p(d, signs) < 1 - level - 1e-12
    above, below = (np.zeros(count, dtype=np.int64) for _ in range(2))
    lows, highs = np.where(seen, joint.low, -1.0), np.where(seen, joint.high, 1.0)
    for (i, j), low, high in zip(pairs, lows, highs, strict=True):
        above[j] += low > 0
        below[i] += low > 0
        above[i] += high < 0
        below[j] += high < 0
    return 1 + above, count - below


def p_best(data: Points, seed: int = 0) -> Floats:
    """Probability that each recipe has the highest true mean (`stats.shrinkage`).

    As `decisions` have it where money is no matter; NaN below `LEAST_TASKS` tasks.
    """
    if data.few:
        return np.full(len(data.names), np.nan)
    return best_shares(data.score, data.groups, RESAMPLES, np.random.default_rng(seed))
