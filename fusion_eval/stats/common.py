"""The part of a run that every recipe has, so that a ranking compares like with like."""

from __future__ import annotations

import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import is_simulated, recipes, task_key
from fusion_eval.stats.tables import tidied


def common_tasks(trials: pd.DataFrame, least: int = 0) -> pd.DataFrame:
    """The trials on tasks that every recipe was graded on.

    Means over different tasks are no ranking. A published table that lets a system skip the tasks
    on which its grader broke compares it on easier or harder ones.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    least : recipes with fewer graded tasks are left out first, so that one of them does not cost
        all others their tasks; an answer that failed has no grading and counts as none

    Returns
    -------
    DataFrame, rows of `trials`, failed answers left out. `attrs["left_out"]`: {"recipes": names,
    "tasks": ids}.

    Raises
    ------
    StatisticsError : no recipe has `least` graded tasks, or they share no task
    """
    known = tidied(trials)
    key, recipe = task_key(known), known["recipe"].astype(str)
    graded = known["score"].notna() & known["failure"].isna()
    counts = key[graded].groupby(recipe[graded]).nunique().reindex(recipes(known), fill_value=0)
    kept = counts.index[counts >= max(1, least)]
    if not len(kept):
        raise StatisticsError(f"no recipe has {least} graded tasks; the most is {counts.max()}")
    usable = graded & recipe.isin(kept)
    shared = recipe[usable].groupby(key[usable]).nunique() == len(kept)
    tasks = shared.index[shared]
    if not len(tasks):
        raise StatisticsError(
            f"{', '.join(kept)} have no graded task in common; give a higher least"
        )
    rows = usable & key.isin(tasks)
    found = known[rows]
    lost = sorted(set(known.loc[~key.isin(tasks), "task"].astype(str)))
    gone = [name for name in recipes(known) if name not in set(kept)]
    found.attrs = {
        **trials.attrs, "simulated": is_simulated(trials),
        "left_out": {"recipes": gone, "tasks": lost},
    }  # fmt: skip
    return found
