"""Scores and prices of recipes on the same tasks, as arrays: what frontier and decision start from.

The price of an answer is in US dollars or in seconds; everything after this file is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, never_answered, per_task, recipes
from fusion_eval.stats.common import LACKING, common
from fusion_eval.stats.cost import cost_per_task
from fusion_eval.stats.design import Labels, groups_of
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.latency import of_one_source
from fusion_eval.stats.protocols import refuse_mixed
from fusion_eval.stats.results import LEAST_TASKS
from fusion_eval.stats.tables import tidied

Price = Literal["cost_usd", "latency_s"]
"""What an answer takes: US dollars, or seconds on the longest path through its calls."""
PRICES = get_args(Price)
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Points:
    """Scores and prices of all recipes on the same tasks; arrays of shape (n_tasks, n_recipes).

    `cost` is in US dollars, or in seconds where `points` was asked for those; a price that is not
    known counts as little in it as it may be, and in `upper` as much (see `stats.cost`). Both are
    NaN for a recipe without an upper bound.
    `known`: whether every cost of the recipe is known; otherwise its costs lie between the two.
    `silent`: whether every trial of the recipe failed.
    `groups`: the cluster of each task, where tasks share some. `left_out`: recipe -> why it is not
    among `names`. `notes`: what else a reader must know about the selection of tasks. `tasks`:
    their keys.
    """

    names: list[str]
    score: Floats
    cost: Floats
    known: Bools
    silent: Bools | None = None
    most: Floats | None = None
    groups: Labels | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    tasks: pd.Index = field(default_factory=lambda: pd.Index([]))

    @property
    def upper(self) -> Floats:
        """The most that each recipe can have taken, shape (n_tasks, n_recipes)."""
        return self.cost if self.most is None else self.most

    @property
    def able(self) -> Bools:
        """Which recipes have a place and can beat others: they answered, at a bounded cost."""
        bounded: Bools = np.asarray(np.isfinite(self.upper).all(axis=0))
        return bounded if self.silent is None else bounded & ~self.silent

    @property
    def units(self) -> int:
        """How many independent tasks (or clusters of tasks) the recipes have in common."""
        return len(self.score) if self.groups is None else len(set(self.groups))

    @property
    def few(self) -> bool:
        """Whether the recipes share too few tasks to be sure of a place."""
        return self.units < LEAST_TASKS

    @property
    def lacking(self) -> str:
        """What is missing for a recommendation; empty where nothing is."""
        if not self.few:
            return ""
        what = "task" if self.groups is None else "cluster"
        many = (
            f"{self.units} {what} in common"
            if self.units == 1
            else (f"{self.units} {what}s in common")
        )
        return (
            f"{many}, of {LEAST_TASKS} that it takes: {LEAST_TASKS - self.units} more are missing"
        )

    def price(self, k: int) -> tuple[float, float, float]:
        """Mean price of recipe k, and its bounds; NaN for what is not known."""
        least, most = float(self.cost[:, k].mean()), float(self.upper[:, k].mean())
        return (least if self.known[k] else float("nan")), least, most

    def of(self, keep: Bools) -> Points:
        """The same with some of the recipes only."""
        return replace(
            self,
            names=[name for name, kept in zip(self.names, keep, strict=True) if kept],
            score=self.score[:, keep],
            cost=self.cost[:, keep],
            known=self.known[keep],
            silent=None if self.silent is None else self.silent[keep],
            most=None if self.most is None else self.most[:, keep],
        )


def points(
    trials: pd.DataFrame,
    missing: Missing = "as_deployed",
    by: Price = "cost_usd",
    lacking: float = LACKING,
) -> Points:
    """Scores (0 to 1) and prices (US$, or seconds) on the tasks that all recipes have.

    Who lacks more than the share `lacking` of the tasks is left out by name, and so is who was
    timed by another clock, where prices are seconds. Tasks and recipes that never answered stand in
    an order that depends on their numbers alone, so that names change no resample. Raises
    StatisticsError for another price, and ProtocolsDifferError where answers were graded under
    several protocols.
    """
    if by not in PRICES:
        raise StatisticsError(f"by={by!r}; use 'cost_usd' or 'latency_s'")
    trials = tidied(trials)
    refuse_mixed(trials)
    left_out: dict[str, str] = {}
    if by == "latency_s":
        trials, left_out = of_one_source(trials)
    silent = set(never_answered(trials))
    answered = trials[~trials["recipe"].astype(str).isin(silent)]
    shared = common(answered if len(answered) else trials, missing, lacking)
    left_out |= {name: _why(count) for name, count in shared.left_out.items()}
    names = [n for n in recipes(trials) if n in silent or n in set(shared.recipes)]
    score, costs = per_task(trials, "score", missing), cost_per_task(trials, by)
    data = Points(
        names=names,
        score=score.reindex(shared.tasks)[names].to_numpy(dtype=np.float64),
        cost=costs.least.reindex(shared.tasks)[names].to_numpy(dtype=np.float64),
        known=(costs.unknown.reindex(names) == 0).to_numpy(),
        silent=np.isin(names, list(silent)),
        most=costs.most.reindex(shared.tasks)[names].to_numpy(dtype=np.float64),
        groups=groups_of(trials, shared.tasks, "new tasks") if len(shared.tasks) else None,
        left_out=left_out,
        notes=tuple(n for n in shared.notes if "is left out" not in n),
        tasks=shared.tasks,
    )
    return _ordered(data)


def _why(count: int) -> str:
    return f"it has no score on {count} task{'s' if count != 1 else ''} of the others"


def _ordered(data: Points) -> Points:
    """The same with tasks in an order that follows from their numbers, whatever they are called."""
    if not data.names or not len(data.score):
        return data
    columns = np.lexsort(np.concatenate([np.sort(data.score, 0), np.sort(data.cost, 0)])[::-1])
    values = np.concatenate([data.score[:, columns], data.cost[:, columns]], axis=1)
    rows = np.lexsort(np.nan_to_num(values, nan=-1.0).round(12).T[::-1])
    return replace(
        data,
        score=data.score[rows],
        cost=data.cost[rows],
        most=None if data.most is None else data.most[rows],
        groups=None if data.groups is None else data.groups[rows],
        tasks=data.tasks[rows],
    )
