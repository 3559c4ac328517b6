"""The numbers a rule is about: for each task the repeats of one recipe, in a run or a baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusion_eval import frames
from fusion_eval.gate.baseline import Baseline
from fusion_eval.gate.difference import Samples
from fusion_eval.stats.fixed import fixed_mean
from fusion_eval.stats.means import Mean


def scores(
    side: Baseline, recipe: str, *, section: str | None = None, domain: str | None = None
) -> pd.Series:
    """Scores as deployed (a failure counts 0), 0 to 1; index: task hash and repeat.

    An answer without a readable verdict has none and is left out here; see `unscored`. In a
    section, only tasks that have it in their rubric count.
    """
    rows = _rows(side, recipe, domain)
    at = pd.MultiIndex.from_arrays([rows["task_hash"].astype(str), rows["repeat"]])
    values = pd.Series(frames.scored(rows).to_numpy(dtype=float), index=at)
    if section is not None:
        parts = side.sections[side.sections["section"] == section]
        own = parts[parts["recipe"] == recipe].set_index(["task_hash", "repeat"])["score"]
        failed = rows["failure"].notna() & rows["task_hash"].isin(set(parts["task_hash"]))
        values = pd.Series(own.reindex(at).to_numpy(dtype=float), index=at)
        values[failed.to_numpy()] = 0.0
    return values.dropna()


def _rows(side: Baseline, recipe: str, domain: str | None = None) -> pd.DataFrame:
    rows = side.trials[side.trials["recipe"].astype(str) == recipe]
    return rows if domain is None else rows[rows["domain"] == domain]


def unscored(
    side: Baseline, values: pd.Series, old: Samples, recipe: str, domain: str | None = None
) -> dict[str, int]:
    """Task hash -> answers without a score in a run, of tasks that the baseline has a score for.

    A task of the run that this recipe has no answer to counts as one. Tasks that are not in the run
    at all are left out: they are refused, or allowed, before.
    """
    there = set(side.trials["task_hash"].astype(str))
    rows = _rows(side, recipe, domain)
    given = rows["task_hash"].astype(str).value_counts()
    with_score = values.groupby(level=0).size()
    missing = {
        task: int(max(given.get(task, 1), 1) - with_score.get(task, 0))
        for task in old
        if task in there
    }
    return {task: count for task, count in missing.items() if count > 0}


def filled(new: Samples, missing: dict[str, int], value: float) -> Samples:
    """The samples of a run with a value for each answer that has no score."""
    made = dict(new)
    for task, count in missing.items():
        made[task] = np.concatenate([new.get(task, np.empty(0)), np.full(count, value)])
    return made


def by_day(side: Baseline, values: pd.Series) -> list[Samples]:
    """The samples of each day of a baseline, oldest first; one where days are not known."""
    day = [side.days.get(int(repeat), "") for repeat in values.index.get_level_values(1)]
    return [by_task(part) for _, part in values.groupby(day, sort=True)]


def by_task(values: pd.Series) -> Samples:
    """The repeats of each task."""
    each = values.groupby(level=0)
    return {str(task): np.asarray(found, dtype=np.float64) for task, found in each}


def column(side: Baseline, recipe: str, name: str) -> Samples:
    """A column of numbers (cost, latency) by task; NaN stays where it is unknown."""
    return by_task(numbers(side, recipe, name))


def numbers(side: Baseline, recipe: str, name: str) -> pd.Series:
    """The same, by task hash and repeat."""
    rows = _rows(side, recipe)
    at = pd.MultiIndex.from_arrays([rows["task_hash"].astype(str), rows["repeat"]])
    return pd.Series(rows[name].to_numpy(dtype=float), index=at)


def common(*samples: Samples) -> list[str]:
    """The tasks that all have, sorted."""
    return sorted(set.intersection(*(set(s) for s in samples)))


def same_answers(new: Baseline, old: Baseline, recipe: str) -> bool:
    """Whether both hold the very same answers of a recipe: the same draws, from a ledger.

    Equal texts to calls that the run made itself are a new measurement, and do not count.
    """
    if new.made is not None and recipe in new.made:
        return False
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


def failed(side: Baseline, recipe: str) -> Samples:
    """1 for an answer that failed, 0 for one that did not, by task."""
    rows = _rows(side, recipe)
    at = pd.MultiIndex.from_arrays([rows["task_hash"].astype(str), rows["repeat"]])
    return by_task(pd.Series(rows["failure"].notna().to_numpy(dtype=float), index=at))
