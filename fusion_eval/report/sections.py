"""Scores by domain of the task and by section of the rubric."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fusion_eval import stats
from fusion_eval.frames import per_task, recipes
from fusion_eval.stats.sections import section_scores

Breakdown = dict[str, dict[str, Any]]
"""part -> recipe -> Estimate"""


def by_domain(trials: pd.DataFrame, level: float) -> Breakdown:
    """Score as deployed, for each domain that has a name; empty when there is one or none."""
    domains = trials["domain"].fillna("").astype(str)
    names = sorted(set(domains) - {""})
    if len(names) < 2:
        return {}
    return {name: _means(per_task(trials[domains == name]), level) for name in names}


def by_section(verdicts: pd.DataFrame, trials: pd.DataFrame, level: float) -> Breakdown:
    """Score within each section of the rubric, by the policy; a failed answer counts 0.

    Unread verdicts are left out, as in the score. A section without positive weight in a task has
    no score there.
    """
    sections = verdicts["section"].fillna("").astype(str)
    names = sorted(set(sections) - {""})
    if len(names) < 2:
        return {}
    scores = section_scores(verdicts, trials)
    failed = trials[trials["failure"].notna()]
    columns = recipes(trials)
    found = {}
    for name in names:
        rows = scores[scores["section"] == name]
        zeros = failed[failed["task_hash"].isin(rows["task_hash"])].assign(score=0.0)
        both = pd.concat([rows, zeros[["recipe", "task_hash", "repeat", "score"]]])
        wide = both.groupby(["task_hash", "recipe"])["score"].mean().unstack()
        found[name] = _means(wide.reindex(columns=columns), level)
    return found


def _means(wide: pd.DataFrame, level: float) -> dict[str, Any]:
    return {
        str(name): stats.mean_score(wide[name].dropna(), level)
        if wide[name].notna().any()
        else None
        for name in wide.columns
    }
