"""Tasks that every recipe fails, and how much any choice among these recipes could still gain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fusion_eval.core import Estimate
from fusion_eval.frames import per_task, scored, task_key, task_names
from fusion_eval.stats.failing import clopper_pearson
from fusion_eval.stats.tables import tidied


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """What is out of reach for a router, vote or cascade over these recipes.

    `failed` : ids of the tasks on which no answer of any recipe scored above 0
    `of` : number of tasks that every recipe has
    `best` : the recipe that the gain is over
    `beaten` : share of tasks on which any other answer scored more than `best`, with the exact
        upper limit; whoever picks among the answers gains at most that in mean score (0 to 1)
    `gain` : what picking the best answer of every task would have gained on these tasks
    """

    failed: tuple[str, ...]
    of: int
    best: str
    beaten: Estimate
    gain: float


def ceiling(trials: pd.DataFrame, level: float = 0.95) -> Ceiling | None:
    """The tasks that all fail, and the Clopper-Pearson limit of the largest gain by choosing.

    Whoever answers with one of these answers (a router, a vote, a cascade) scores on a task at
    most what the best of them does. Against recipe r it gains at most 1 there, and only where some
    answer scores more than r's mean; so its mean gain over r is at most the probability of such a
    task, and its gain over the truly best recipe is smaller still. The limit holds for every r at
    once (Bonferroni), and the smallest is taken.

    Parameters
    ----------
    trials : see `compare`; a failed answer counts 0
    level : of the one-sided limit

    Returns
    -------
    Ceiling over the tasks that every recipe has; None with fewer than two recipes or no such task.

    References
    ----------
    Clopper & Pearson (1934), Biometrika 26:404. Tasks that all models fail are mostly errors of the
    grader or the target: arXiv:2606.27288 withdrew 44 of 58.
    """
    table = tidied(trials)
    means = per_task(table).dropna()
    if means.shape[1] < 2 or not len(means):
        return None
    top = scored(table).groupby([task_key(table), table["recipe"].astype(str)]).max().unstack()
    top = top.reindex(index=means.index, columns=means.columns)
    ahead = np.array([(top.drop(columns=r).max(axis=1) > means[r]).sum() for r in means.columns])
    k = int(np.argmin(ahead))
    side = 1 - 2 * (1 - level) / means.shape[1]  # two-sided level with that one-sided error
    beaten = clopper_pearson(int(ahead[k]), len(means), max(side, 0.0))
    names = task_names(table)
    failed = tuple(names[task] for task in top.index[(top <= 0).all(axis=1)])
    best = str(means.columns[k])
    gain = float((top.max(axis=1) - means[best]).clip(lower=0).mean())
    return Ceiling(failed=failed, of=len(means), best=best, beaten=beaten, gain=gain)
