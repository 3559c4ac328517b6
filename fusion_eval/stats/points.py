"""Scores and prices of recipes on the same tasks, as arrays: what frontier and decision start from.

The price of an answer is in US dollars or in seconds; everything after this file is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, never_answered, per_task, recipes
from fusion_eval.stats.cost import cost_per_task
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.tables import tidied

Price = Literal["cost_usd", "latency_s"]
"""What an answer takes: US dollars, or seconds on the longest path through its calls."""
PRICES = get_args(Price)
LEAST_TASKS = 5
"""Below it nobody is sure of anything: a lead on all of four tasks is chance once in 2^4 = 16.

Resamples of so few tasks are nearly all alike, so their shares would say 100 % of it.
"""
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Points:
    """Scores and prices of all recipes on the same tasks; arrays of shape (n_tasks, n_recipes).

    `cost` is in US dollars, or in seconds where `points` was asked for those.
    `known`: whether every cost of the recipe is known; otherwise its costs are lower bounds.
    `silent`: whether every trial of the recipe failed.
    """

    names: list[str]
    score: Floats
    cost: Floats
    known: Bools
    silent: Bools | None = None

    @property
    def able(self) -> Bools:
        """Which recipes can be chosen and can beat others: they answered, at a known cost."""
        return self.known if self.silent is None else self.known & ~self.silent

    @property
    def few(self) -> bool:
        """Whether some recipe that answered has a score on too few tasks to be sure of a place."""
        counts = (~np.isnan(self.score)).sum(axis=0)
        counts = counts[(counts > 0) & (True if self.silent is None else ~self.silent)]
        return bool(counts.size and counts.min() < LEAST_TASKS)


def points(
    trials: pd.DataFrame, missing: Missing = "as_deployed", by: Price = "cost_usd"
) -> Points:
    """Scores (0 to 1) and prices (US$, or seconds) per task, tasks in the order of their hashes."""
    if by not in PRICES:
        raise StatisticsError(f"by={by!r}; use 'cost_usd' or 'latency_s'")
    trials = tidied(trials)
    names = recipes(trials)
    score, costs = per_task(trials, "score", missing), cost_per_task(trials, by)
    tasks = score.index.union(costs.least.index)
    return Points(
        names=names,
        score=score.reindex(tasks)[names].to_numpy(dtype=np.float64),
        cost=costs.least.reindex(tasks)[names].to_numpy(dtype=np.float64),
        known=(costs.unknown.reindex(names) == 0).to_numpy(),
        silent=np.isin(names, never_answered(trials)),
    )
