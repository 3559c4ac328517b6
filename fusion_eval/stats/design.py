"""How the tasks of a table were sampled: in clusters, in domains, or answered several times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, scored, task_key
from fusion_eval.stats.estimand import Estimand
from fusion_eval.stats.estimates import Floats

Labels = NDArray[np.object_]


def groups_of(trials: pd.DataFrame, index: pd.Index, estimand: Estimand) -> Labels | None:
    """The label of the unit that was sampled, for each task of `index`; None: the task itself.

    For new domains that is the domain. For new tasks it is the cluster, where several tasks share
    one (a task without cluster is its own). Raises StatisticsError when domains are asked for and
    not all tasks name one, or all name the same.
    """
    if estimand == "these tasks":
        return None
    labels = labels_of(trials, "domain" if estimand == "new domains" else "cluster", index)
    if estimand == "new domains":
        return _domains(labels)
    shared = labels[~pd.isna(labels)]
    if len(set(shared)) == len(shared):
        return None
    return np.where(pd.isna(labels), np.asarray(index, dtype=object), labels)


def labels_of(trials: pd.DataFrame, column: str, index: pd.Index) -> Labels:
    """The label in `column` of each task of `index`; None or NaN where there is none."""
    if column not in trials:
        return np.full(len(index), None, dtype=object)
    there = trials[column].notna().to_numpy()
    known = trials[column][there].astype(str)
    each = known.groupby(task_key(trials)[there].to_numpy()).first()
    return each.reindex(index).to_numpy(dtype=object)


def _domains(labels: Labels) -> Labels:
    lost = int(pd.isna(labels).sum())
    if lost:
        raise StatisticsError(
            f"{lost} of {len(labels)} tasks name no domain, so domains cannot be a sample; give "
            "each task a `domain`, or ask about new tasks"
        )
    if len(set(labels)) < 2:
        raise StatisticsError("all tasks are of one domain; new domains need two or more")
    return labels


def repeats_of(trials: pd.DataFrame, missing: Missing) -> pd.DataFrame:
    """Scores with index (task, repeat) and a column per recipe; NaN where there is none."""
    scores = scored(trials, missing)
    keys = [task_key(trials), trials["repeat"], trials["recipe"].astype(str)]
    return scores.groupby(keys).mean().unstack().sort_index()


def by_task(scores: pd.Series) -> dict[str, Floats]:
    """Task -> its repeats, from a column of `repeats_of`; tasks without any are left out."""
    known = scores.dropna()
    each = known.groupby(level=0, sort=True)
    return {str(task): rows.to_numpy(dtype=np.float64) for task, rows in each}


def repeats_on(tables: Sequence[dict[str, Floats]]) -> list[list[Floats]]:
    """The repeats of each table on the tasks that all of them have, in one order."""
    common = sorted(set.intersection(*(set(table) for table in tables)))
    return [[table[task] for task in common] for table in tables]
