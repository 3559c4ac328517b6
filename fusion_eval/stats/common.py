"""The part of a run that every recipe has, so that a ranking compares like with like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, is_simulated, per_task, recipes, task_key
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.tables import tidied

LACKING = 0.2
"""A recipe that lacks more than this share of the tasks of the fullest recipe is left out: the
tasks that are common to all would otherwise be those of the emptiest one."""


def canonical_order(values: Floats) -> NDArray[np.intp]:
    """An order of the rows that follows from the numbers alone, whatever rows and columns are
    called and in which order they came, so that resampling by it depends on no name.

    values : shape (n_tasks, n_columns), NaN where there is nothing. Rows that differ only in
    names end in the same place: each row gets a code from its values and the codes of their
    columns, each column one from its values and the codes of their rows, three times over
    (colour refinement; rows that share a code in the end are alike but for names).
    """
    cells = np.round(np.nan_to_num(values, nan=-7.0) * 1e9).astype(np.int64).view(np.uint64)
    columns = _mixed(cells).sum(axis=0, dtype=np.uint64)
    rows = np.zeros(len(cells), dtype=np.uint64)
    for _ in range(3):
        rows = _mixed(_mixed(cells) ^ columns).sum(axis=1, dtype=np.uint64)
        columns = _mixed(_mixed(cells) ^ rows[:, None]).sum(axis=0, dtype=np.uint64)
    return np.argsort(rows, kind="stable")


def _mixed(codes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers without a trace of what they were made of (the finaliser of SplitMix64)."""
    z = (codes + np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed


@dataclass(frozen=True, kw_only=True, eq=False)
class Common:
    """The tasks on which recipes may be set beside each other.

    `tasks`: their keys, sorted; `recipes`: who has all of them, in order of appearance;
    `left_out`: recipe -> number of tasks it lacks; `dropped`: ids of tasks that some of `recipes`
    lacks.
    """

    tasks: pd.Index
    recipes: tuple[str, ...]
    left_out: Mapping[str, int]
    dropped: tuple[str, ...]

    def of(self, trials: pd.DataFrame) -> pd.DataFrame:
        """The rows of `trials` on these tasks, under these recipes; `attrs` are kept."""
        rows = task_key(trials).isin(self.tasks)
        rows &= trials["recipe"].astype(str).isin(self.recipes)
        kept = trials[rows]
        kept.attrs = dict(trials.attrs)
        return kept

    @property
    def notes(self) -> list[str]:
        """Sentences for a caveat: who and what is left out; none where nothing is."""
        notes = [
            f"{name} is left out: it has no score on {count} task{'s' if count != 1 else ''}"
            for name, count in self.left_out.items()
        ]
        if self.dropped:
            tasks = f"{len(self.dropped)} task{'s' if len(self.dropped) != 1 else ''}"
            notes.append(f"{tasks} that not all recipes have left out")
        return notes


def common(
    trials: pd.DataFrame, missing: Missing = "as_deployed", lacking: float = LACKING
) -> Common:
    """Which tasks all recipes have a score on, and which recipes have too few to be among them.

    Parameters
    ----------
    trials : as `tidied` returns them, one row per (task, recipe, repeat)
    missing : what a failed answer counts as, see `frames.per_task`
    lacking : share of the fullest recipe's tasks, 0 to 1; who lacks more is left out, but
        never one of the two fullest. 1 keeps every recipe that has a score at all, on the tasks
        that are left
    """
    wide = per_task(trials, "score", missing)
    there = wide.notna()
    counts = there.sum()
    most, second = sorted([*counts, 0, 0])[:-3:-1]
    enough = (counts > 0) & (counts >= min((1 - lacking) * most, second))
    kept = tuple(str(name) for name in counts.index[enough])
    everywhere = there[list(kept)].all(axis=1) & bool(kept)
    seen = there.any(axis=1)
    somewhere = there[list(kept)].any(axis=1) & ~everywhere
    names = wide.attrs["tasks"]
    return Common(
        tasks=wide.index[everywhere],
        recipes=kept,
        left_out={str(name): int((seen & ~there[name]).sum()) for name in counts.index[~enough]},
        dropped=tuple(sorted(names[task] for task in wide.index[somewhere])),
    )


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
