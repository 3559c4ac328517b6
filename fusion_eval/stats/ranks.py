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
from fusion_eval.frames import Missing, is_simulated
from fusion_eval.stats.bootstrap import RESAMPLES, resampled_means, task_weights
from fusion_eval.stats.caveats import failures, few, missing_tasks, sides
from fusion_eval.stats.estimand import named
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.family import FEW_TASKS, check_level
from fusion_eval.stats.multiple import Signs, flip_signs, simultaneous_intervals
from fusion_eval.stats.paired import FLIPS
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
    seed : of the random flips and of the resamples behind `p_best`

    Returns
    -------
    DataFrame, columns `COLUMNS`. `rank_low` to `rank_high`: the ranks (1 is best) that the
    simultaneous intervals of all pairs leave open. `maybe_best`: not excluded from being the best.
    `p_best`: share of resamples of tasks in which the recipe has the highest mean; a description,
    not a test (in a tie it exceeds .95 for somebody in 6 to 9 % of tables). Recipes are compared
    on the tasks that each pair has in common; a pair with fewer than two excludes nothing.

    Raises
    ------
    StatisticsError : fewer than two recipes

    References
    ----------
    Mogstad, Romano, Shaikh & Wilhelm (2024), REStud 91:476; Hsu (1984), Annals 12:1136.
    """
    check_level(level)
    trials = tidied(trials)
    every = sides(trials, missing)
    if len(every) < 2:
        raise StatisticsError("ranks need two or more recipes")
    x = np.column_stack([side.scores for side in every.values()])
    rng = np.random.default_rng(seed)
    signs = flip_signs(len(x), flips, rng)
    low, high = rank_sets(x, signs, level)
    maybe = maybe_best(x, signs, level)
    best = p_best(x, task_weights(len(x), RESAMPLES, rng))
    rows = []
    for k, (name, side) in enumerate(every.items()):
        n = int((~np.isnan(side.scores)).sum())
        notes = ["SIMULATED"] if side.simulated else []
        notes += [few(n)] if n < FEW_TASKS else []
        notes += [missing_tasks(side, side.names), failures(side, missing)]
        rows.append(
            {
                "recipe": name, "score": float(np.nanmean(side.scores)) if n else np.nan,
                "rank_low": int(low[k]), "rank_high": int(high[k]), "maybe_best": bool(maybe[k]),
                "p_best": float(best[k]), "n": n,
                "estimand": named("rank of the mean score", "new tasks", missing),
                "method": f"simultaneous max-T intervals of all pairs, {level:.0%}; flips of signs",
                "caveat": "; ".join(note for note in notes if note),
            }
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    table.attrs = {**trials.attrs, "simulated": is_simulated(trials), "level": level}
    return table


def rank_sets(
    scores: Floats, signs: Signs, level: float = 0.95
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lowest and highest possible rank of each recipe, jointly at `level`.

    scores : shape (n_tasks, n_recipes), NaN for a missing task; signs : see `flip_signs`
    """
    count = scores.shape[1]
    pairs = list(combinations(range(count), 2))
    d = np.column_stack([scores[:, i] - scores[:, j] for i, j in pairs])
    joint = simultaneous_intervals(d, signs, level)
    above, below = (np.zeros(count, dtype=np.int64) for _ in range(2))
    for (i, j), low, high in zip(pairs, joint.low, joint.high, strict=True):
        above[j] += low > 0
        below[i] += low > 0
        above[i] += high < 0
        below[j] += high < 0
    return 1 + above, count - below


def maybe_best(scores: Floats, signs: Signs, level: float = 0.95) -> NDArray[np.bool_]:
    """Whether each recipe is not excluded from having the highest expected score.

    Recipe i is excluded if max_j t(j - i) exceeds the `level` quantile of the same maximum when
    the centred rows are flipped: one-sided, one test per recipe, so that the best one stands among
    those that are left with probability `level`. Shapes as in `rank_sets`.
    """
    count = scores.shape[1]
    kept = np.ones(count, dtype=bool)
    flips = signs.astype(np.float32)
    for i in range(count):
        rivals = scores - scores[:, [i]]
        rivals = rivals[:, [j for j in range(count) if j != i and _shared(rivals[:, j]) > 1]]
        if rivals.shape[1]:
            kept[i] = _keeps(rivals, flips, level)
    return kept


def _shared(column: Floats) -> int:
    return int((~np.isnan(column)).sum())


def _keeps(rivals: Floats, signs: NDArray[np.float32], level: float) -> bool:
    n = (~np.isnan(rivals)).sum(axis=0)
    mean = np.nanmean(rivals, axis=0)
    centred = np.nan_to_num(rivals - mean)
    squares = (centred**2).sum(axis=0)
    if (squares <= 1e-20 * n).any():  # no spread: a constant lead decides, and few tasks do not
        flat = squares <= 1e-20 * n
        if (mean[flat] > 1e-12).any():
            return bool(n[flat].max() < FEW_TASKS)
        if flat.all():
            return True
        rivals, n, mean = rivals[:, ~flat], n[~flat], mean[~flat]
        centred, squares = centred[:, ~flat], squares[~flat]
    observed = float((mean / np.sqrt(squares / (n - 1) / n)).max())
    sums = (signs @ centred.astype(np.float32)) / np.sqrt(n * squares).astype(np.float32)
    u = np.minimum(sums**2, 1 - 1e-6)
    t = np.copysign(np.sqrt((n - 1) * u / (1 - u)), sums)
    return bool(observed <= np.quantile(t.max(axis=1), level, method="higher"))


def p_best(scores: Floats, weights: Floats) -> Floats:
    """Share of resamples of tasks in which each recipe has the highest mean; ties are shared."""
    means = np.nan_to_num(resampled_means(scores, weights), nan=-1.0)
    top = means >= means.max(axis=1, keepdims=True) - 1e-12
    share: Floats = (top / top.sum(axis=1, keepdims=True)).mean(axis=0)
    return share
