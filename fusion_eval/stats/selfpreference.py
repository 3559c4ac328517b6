"""Does a grader like its own family? Three questions, from what a run holds.

Without labels only *differences* of favour can be seen: two graders may both be fond of one recipe,
and no table of their scores would show it. With labels the favour itself can be estimated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from fusion_eval.core import Estimate
from fusion_eval.errors import TooFewTasksError
from fusion_eval.stats.difference import Anchored, anchored
from fusion_eval.stats.estimates import t_interval
from fusion_eval.stats.readings import TASK

Families = Mapping[str, Collection[str]]
"""Recipe -> families (makers) of the models in its seats."""


def related(recipes: Families, graders: Mapping[str, str]) -> dict[str, list[str]]:
    """Grader -> recipes in which a model of its own family has a seat."""
    return {
        grader: [name for name, families in recipes.items() if family in families]
        for grader, family in graders.items()
    }


def double_differences(
    scores: pd.DataFrame, recipes: Families, graders: Mapping[str, str], level: float = 0.95
) -> pd.DataFrame:
    """How much two graders of different families prefer their own kin, taken together.

    (S of A's recipes by a - by b) - (S of B's recipes by a - by b), where A and B are the families
    of graders a and b, per task, with the paired t interval. Difficulty, quality and general
    strictness cancel out; what is left is the favour of a for A plus that of b for B.

    Parameters
    ----------
    scores : see `effects.scores_by_rater`; columns are graders, or graders with their protocol
    recipes, graders : families; recipes with both families in their seats tell nothing

    Returns
    -------
    DataFrame: `a`, `b`, `family_a`, `family_b`, `difference`, `low`, `high` (0 to 1), `n` tasks;
    empty without two families of graders that both have recipes of their own.
    """
    rows = []
    for a, b in combinations([name for name in scores.columns if name in graders], 2):
        own = [graders[a], graders[b]]
        if own[0] == own[1]:
            continue
        sides = [
            {name for name, held in recipes.items() if mine in held and other not in held}
            for mine, other in (own, own[::-1])
        ]
        gap = (scores[a] - scores[b]).dropna()
        names = gap.index.get_level_values("recipe")
        parts = [gap[names.isin(list(side))].groupby(TASK).mean() for side in sides]
        tasks = (parts[0] - parts[1]).dropna()
        if len(tasks) > 1:
            found = t_interval(tasks, level)
            rows.append((a, b, *own, found.value, found.low, found.high, found.n))
    columns = ["a", "b", "family_a", "family_b", "difference", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)


def without_family(scores: pd.DataFrame, graders: Mapping[str, str]) -> pd.DataFrame:
    """Rank of each recipe by all graders, and by those that are left without one family.

    Returns a DataFrame, index recipe, columns `all` and the families, 1 is best; graders count
    equally, and only answers that all of them graded. Empty with graders of one family only.
    """
    known = scores[[name for name in scores.columns if name in graders]].dropna()
    families = list(dict.fromkeys(graders[name] for name in known.columns))
    if len(families) < 2 or known.empty:
        return pd.DataFrame()
    ranks = {"all": _ranks(known)}
    for family in families:
        left = [name for name in known.columns if graders[name] != family]
        ranks[family] = _ranks(known[left])
    return pd.DataFrame(ranks).sort_values("all", kind="stable")


def _ranks(scores: pd.DataFrame) -> pd.Series:
    each = scores.mean(axis=1).groupby([TASK, "recipe"]).mean()
    return each.groupby("recipe").mean().rank(ascending=False, method="min").astype(int)


def favour(both: Anchored, kin: Collection[str], level: float = 0.95) -> Estimate | None:
    """How many points (0 to 1) the grader gives its kin beyond what it gives others, by labels.

    Per task, the mean correction of the other labelled recipes minus that of the kin: 0 for a
    grader that is equally strict with all. None where either side has no labels.
    """
    mine = [name for name in both.correction.columns if name in kin]
    others = [name for name in both.correction.columns if name not in kin]
    if not mine or not others:
        return None
    sides = [both.correction[side].mean(axis=1, skipna=False) for side in (others, mine)]
    gap = sides[0] - sides[1]
    try:
        return anchored(np.zeros(len(gap)), gap.to_numpy(dtype=float), level)
    except TooFewTasksError:
        return None
