"""What moves a grader beside the answer: who it is, how it is asked, in which place, and length.

All are differences within the same answers or tasks, with the task as unit of the interval. The
effects of place and length need verdicts that differ in nothing else; where a run has none, the
answer is None, and the report says how to get them.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from fusion_eval.core import Estimate
from fusion_eval.stats.estimates import t_interval
from fusion_eval.stats.jackknife import Sums, slope
from fusion_eval.stats.readings import (
    TASK,
    TRIAL,
    UNIT,
    first_reading,
    judged,
    keyed,
    keys,
    raters,
)


def scores_by_rater(trials: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Score of each trial (index TRIAL) by each rater (columns), NaN where it graded nothing.

    Raises StatisticsError for a score policy that is no sum of verdicts.
    """
    rows = judged(verdicts)
    answered = trials[trials["failure"].isna()]
    who = raters(rows)
    found = {name: _scores(answered, part) for name, part in rows.groupby(who, sort=False)}
    return pd.DataFrame(found)


def _scores(trials: pd.DataFrame, verdicts: pd.DataFrame) -> pd.Series:
    read = verdicts[verdicts["value"].notna()]
    graded = pd.MultiIndex.from_frame(keyed(read)[TRIAL].drop_duplicates())
    scores = first_reading(trials, verdicts).trials["score"]
    return scores.where(scores.index.isin(graded))


def rater_differences(
    trials: pd.DataFrame, verdicts: pd.DataFrame, level: float = 0.95
) -> pd.DataFrame:
    """How far two graders, or one grader under two protocols, differ on the same answers.

    Returns a DataFrame, one row per pair: `a`, `b`, `difference` (mean score by a minus by b, 0 to
    1) with `low`, `high` (paired t over tasks), `n` tasks, `answers`, and `correlation` of the
    scores of single answers.
    """
    columns = ["a", "b", "difference", "low", "high", "n", "answers", "correlation"]
    if raters(judged(verdicts)).nunique() < 2:
        return pd.DataFrame(columns=columns)
    wide, rows = scores_by_rater(trials, verdicts), []
    for a, b in combinations(wide.columns, 2):
        both = wide[[a, b]].dropna()
        tasks = (both[a] - both[b]).groupby(TASK).mean()
        if len(tasks) < 2:
            continue
        found = t_interval(tasks, level)
        alike = both[a].nunique() > 1 and both[b].nunique() > 1
        rows.append(
            {
                "a": a, "b": b, "difference": found.value, "low": found.low, "high": found.high,
                "n": found.n, "answers": len(both),
                "correlation": float(both[a].corr(both[b])) if alike else np.nan,
            }
        )  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def position_effect(verdicts: pd.DataFrame, level: float = 0.95) -> Estimate | None:
    """How much more often a criterion goes to the answer's good when asked last than when first.

    Least squares within one criterion of one answer, over passes that asked it in different
    places; `position` counts from 0. None where no criterion changed its place, or no place is
    recorded.
    """
    if "position" not in verdicts or verdicts["position"].isna().all():
        return None
    rows = judged(verdicts)
    table = keyed(rows).assign(place=rows["position"].astype(float))
    table = table[table["value"].notna() & table["place"].notna()]
    last = table.groupby([TASK, "rater"])["place"].transform("max")
    table["x"] = table["place"] / last.where(last > 0)
    table["y"] = table["value"].where(table["weight"] > 0, 1 - table["value"])
    return _within(table.dropna(subset=["x"]), [*UNIT, "rater"], level)


def length_effect(trials: pd.DataFrame, lengths: pd.Series, level: float = 0.95) -> Estimate | None:
    """How many points (0 to 1) go with an answer of twice the length, at equal recipe and task.

    Parameters
    ----------
    lengths : characters of the answers, index as TRIAL

    Returns
    -------
    Estimate: slope of the score on log2 of the length, after taking out the means of tasks and of
    recipes. An association and no effect: longer answers may hold more. None without variation.
    """
    table = keys(trials).assign(y=trials["score"].astype(float).to_numpy())
    size = lengths.reindex(pd.MultiIndex.from_frame(table[TRIAL])).to_numpy(dtype=float)
    table["x"] = np.log2(np.where(size > 0, size, np.nan))
    table = table.dropna(subset=["x", "y"])
    for _ in range(20):  # alternating projections: unbalanced tables need more than one round
        for group in (TASK, "recipe"):
            table[["x", "y"]] -= table.groupby(group)[["x", "y"]].transform("mean")
    found = slope(_products(table), level)
    # an interval beyond the scale of scores says nothing that the scale does not say
    return found if found and found.low >= -1 and found.high <= 1 else None


def _within(table: pd.DataFrame, group: list[str], level: float) -> Estimate | None:
    centred = table.copy()
    centred[["x", "y"]] -= centred.groupby(group)[["x", "y"]].transform("mean")
    return slope(_products(centred), level)


def _products(table: pd.DataFrame) -> Sums:
    """Sums of x y and x x within tasks."""
    parts = pd.DataFrame({"xy": table["x"] * table["y"], "xx": table["x"] ** 2})
    sums = parts.groupby(table[TASK]).sum()
    return {name: sums[name].to_numpy(dtype=float) for name in ("xy", "xx")}
