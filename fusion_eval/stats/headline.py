"""A policy's own headline, where it is not the plain mean of the scores of tasks.

HealthBench cuts the mean, not the task; ProfBench averages the means of domains. Comparisons are
over tasks for every policy, and a caveat says so where the headline is something else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fusion_eval.core import POLICIES, Estimate, Policy
from fusion_eval.frames import Missing, per_task, task_key
from fusion_eval.stats.estimates import checked, mean_score
from fusion_eval.stats.means import Mean, score_limits, t_limits
from fusion_eval.stats.strata import grouped


def policies(trials: pd.DataFrame) -> list[Policy]:
    """The policies that trials were scored by; a table that does not say has none."""
    names = {str(name) for name in trials["policy"].dropna()} if "policy" in trials else set()
    return [POLICIES[name] for name in sorted(names) if name in POLICIES]


def headline(
    trials: pd.DataFrame, recipe: str, level: float = 0.95, missing: Missing = "as_deployed"
) -> Estimate | None:
    """The mean of one recipe as its policy takes it; None where that is the mean of tasks.

    With tasks under several policies there is no headline of one of them.
    """
    found = policies(trials)
    if len(found) != 1 or not _differs(found[0]):
        return None
    scores = per_task(trials, "score", missing)[recipe].dropna()
    if scores.empty:
        return None
    if found[0].over == "tasks":
        return _cut(mean_score(scores, level))
    domains = dict(zip(task_key(trials), trials["domain"].fillna("").astype(str), strict=True))
    mean = over_domains(scores, [domains[task] for task in scores.index])
    whole = scores.between(0, 1).all()
    return score_limits(mean, level) if whole else t_limits(mean, level)


def over_domains(values: ArrayLike, domains: Sequence[str]) -> Mean:
    """The mean of the means of domains, all domains alike.

    SE^2 = sum_g s_g^2 / n_g / G^2, with Satterthwaite's degrees of freedom; a domain of one task
    takes the pooled s^2 of the others.

    Parameters
    ----------
    values : shape (n_tasks,), no NaN
    domains : shape (n_tasks,), a label for each

    Returns
    -------
    Mean, without standard error (NaN) where no domain holds two tasks
    """
    x = checked(values, least=1)
    group, size = grouped(x, np.asarray(domains, dtype=object))
    n, count = len(x), len(size)
    means = np.bincount(group, x) / size
    if n <= count:
        how = f"mean of {count} domains, too few tasks for an interval"
        return Mean(value=float(means.mean()), se=math.nan, freedom=0, n=n, units=n, how=how)
    squares = np.bincount(group, (x - means[group]) ** 2)
    pooled = squares.sum() / (n - count)
    part = np.where(size > 1, squares / np.maximum(size - 1, 1), pooled) / size
    freedom = np.where(size > 1, size - 1, n - count)
    total = float(part.sum())
    degrees = total**2 / float((part**2 / freedom).sum()) if total > 0 else float(n - count)
    how = f"t, mean of {count} domains, {degrees:.0f} df"
    value, se = float(means.mean()), total**0.5 / count
    return Mean(value=value, se=se, freedom=degrees, n=n, units=n, how=how)


def note(*tables: pd.DataFrame) -> str | None:
    """What a reader of a comparison must know about the policies of its trials; or nothing."""
    found = {policy.name: policy for table in tables for policy in policies(table)}
    said = [
        f"the headline of {policy.name} is the mean over domains; differences are over tasks"
        if policy.over == "domains"
        else f"{policy.name} cuts a mean below 0 to 0; differences are before the cut"
        for policy in found.values()
        if policy.over == "domains" or (policy.clip == "mean" and _negative(tables))
    ]
    if len(found) > 1:
        said.append(f"tasks are scored by several policies ({', '.join(sorted(found))})")
    return "; ".join(said) or None


def versions(a: pd.DataFrame, b: pd.DataFrame) -> str | None:
    """Tasks of one name in two tables that are not the same task, and in what they differ."""
    one, two = (_named(table) for table in (a, b))
    both = one.add_suffix("_a").join(two.add_suffix("_b"), how="inner")
    other = both[both["key_a"] != both["key_b"]]
    if other.empty:
        return None
    count = f"{len(other)} task{'s' if len(other) > 1 else ''}"
    rubric = (other["rubric_a"] != other["rubric_b"]).any()
    what = "another rubric" if rubric else "another question, target or score policy"
    sizes = [other[f"criteria_{side}"].sum(min_count=1) for side in "ab"]
    known = rubric and not any(np.isnan(size) for size in sizes)
    counts = f" ({sizes[0]:,.0f} criteria against {sizes[1]:,.0f})" if known else ""
    return f"{count} of the same name have {what} in the other run{counts} and are not compared"


def _named(trials: pd.DataFrame) -> pd.DataFrame:
    """Index: names of tasks; columns key, rubric and number of criteria."""
    columns = {"key": task_key(trials)}
    for ours, name in (("rubric", "rubric_hash"), ("criteria", "criteria")):
        columns[ours] = (
            trials[name] if name in trials else pd.Series(None, trials.index, dtype=object)
        )
    made = pd.DataFrame(columns).assign(task=trials["task"].astype(str))
    made["criteria"] = pd.to_numeric(made["criteria"], errors="coerce")
    made["rubric"] = made["rubric"].fillna("").astype(str)
    return made.drop_duplicates("task").set_index("task")


def _differs(policy: Policy) -> bool:
    return policy.clip == "mean" or policy.over != "tasks"


def _negative(tables: Sequence[pd.DataFrame]) -> bool:
    """Whether the mean of some recipe is below 0."""
    means = [table.groupby(table["recipe"].astype(str))["score"].mean() for table in tables]
    return any((mean < 0).any() for mean in means)


def _cut(found: Estimate) -> Estimate:
    """The mean and its interval, cut to 0 to 1."""
    value, low, high = np.clip([found.value, found.low, found.high], 0.0, 1.0).tolist()
    method = f"{found.method}, mean cut to 0 to 1"
    return replace(found, value=value, low=low, high=high, method=method)
