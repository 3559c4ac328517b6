"""The numbers a rule is about: for each task the repeats of one recipe, in a run or a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import fdtri

from fusion_eval import frames
from fusion_eval.gate.baseline import Baseline
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.fixed import fixed_difference, fixed_mean
from fusion_eval.stats.means import Mean, plain

Samples = dict[str, Floats]
"""task hash -> the values of its repeats, shape (k,)"""


def scores(
    side: Baseline, recipe: str, *, section: str | None = None, domain: str | None = None
) -> pd.Series:
    """Scores as deployed (a failure counts 0), 0 to 1; index: task hash and repeat.

    An answer without a readable verdict says nothing about itself and is left out. In a section,
    only tasks that have it in their rubric count.
    """
    rows = side.trials[side.trials["recipe"].astype(str) == recipe]
    if domain is not None:
        rows = rows[rows["domain"] == domain]
    at = pd.MultiIndex.from_arrays([rows["task_hash"].astype(str), rows["repeat"]])
    values = pd.Series(frames.scored(rows).to_numpy(dtype=float), index=at)
    if section is not None:
        parts = side.sections[side.sections["section"] == section]
        own = parts[parts["recipe"] == recipe].set_index(["task_hash", "repeat"])["score"]
        failed = rows["failure"].notna() & rows["task_hash"].isin(set(parts["task_hash"]))
        values = pd.Series(own.reindex(at).to_numpy(dtype=float), index=at)
        values[failed.to_numpy()] = 0.0
    return values.dropna()


def by_task(values: pd.Series) -> Samples:
    """The repeats of each task."""
    each = values.groupby(level=0)
    return {str(task): np.asarray(found, dtype=np.float64) for task, found in each}


def column(side: Baseline, recipe: str, name: str) -> Samples:
    """A column of numbers (cost, latency) by task; NaN stays where it is unknown."""
    rows = side.trials[side.trials["recipe"].astype(str) == recipe]
    at = pd.MultiIndex.from_arrays([rows["task_hash"].astype(str), rows["repeat"]])
    return by_task(pd.Series(rows[name].to_numpy(dtype=float), index=at))


def common(*samples: Samples) -> list[str]:
    """The tasks that all have, sorted."""
    return sorted(set.intersection(*(set(s) for s in samples)))


def same_answers(new: Baseline, old: Baseline, recipe: str) -> bool:
    """Whether both hold the very same answers of a recipe: the same draws, from a ledger."""
    keys = ["task_hash", "repeat"]
    sides = (s.trials[s.trials["recipe"].astype(str) == recipe] for s in (new, old))
    a, b = (side.set_index(keys)["answer_hash"].dropna() for side in sides)
    both = a.index.intersection(b.index)
    return bool(len(both)) and len(both) == len(a) and bool((a[both] == b[both]).all())


def regraded(new: pd.Series, old: pd.Series) -> Mean:
    """Mean difference where both sides hold the same answers: paired by answer, not just by task.

    What differs then is grading alone. No difference at all has no noise either.
    """
    each = list(by_task((new - old).dropna()).values())
    if not any(d.any() for d in each):
        n = len(each)
        return Mean(value=0.0, se=0.0, freedom=n, n=n, units=n, how="the same answers and scores")
    return fixed_mean(each)


def difference(new: Samples, old: Samples, tasks: Sequence[str], estimand: str) -> Mean:
    """Mean difference, new less old, over these tasks; noise from repeats, or from tasks.

    estimand : `these tasks` (`stats.fixed`) or `new tasks` (paired t over task means)
    """
    by_tasks = plain(np.array([new[t].mean() - old[t].mean() for t in tasks]))
    if estimand != "these tasks":
        return by_tasks
    fixed = fixed_difference([new[t] for t in tasks], [old[t] for t in tasks])
    if all(len(new[t]) == 1 for t in tasks) and _noisier(by_tasks, fixed):
        return replace(by_tasks, how=NOISIER)
    return fixed


NOISIER = "the run varies more than the baseline's repeats; noise is taken from tasks"


def _noisier(by_tasks: Mean, fixed: Mean) -> bool:
    """Whether one new answer per task departs from the baseline by more than its repeats explain.

    An F test at 1 %: then the run is noisier than the baseline, or tasks changed in different ways,
    and the baseline's repeats say too little about the noise of the difference.
    """
    if not (fixed.se > 0 and by_tasks.freedom > 0):
        return False
    ratio = (by_tasks.se / fixed.se) ** 2
    return bool(ratio > fdtri(by_tasks.freedom, fixed.freedom, 0.99))
