"""Scores within the sections of a rubric."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from fusion_eval.core import POLICIES, Policy

_TRIAL = ["section", "recipe", "task_hash", "repeat"]


def section_scores(verdicts: pd.DataFrame, trials: pd.DataFrame | None = None) -> pd.DataFrame:
    """Score of each answer within each named section of its rubric, by its policy's formula.

    verdicts : see `frames.verdicts`. Unread verdicts are left out, as in the score; gradings are
        averaged. A section without positive weight in a task has no score there.
    trials : where the policy of each task stands; DRACO's where it does not

    Returns
    -------
    DataFrame with section, recipe, task_hash, repeat and score (0 to 1, or below where the policy
    does not cut each task)
    """
    named = verdicts["section"].fillna("").astype(str)
    read = verdicts.assign(section=named)[verdicts["value"].notna() & (named != "")]
    sums = _sums(read)
    policies = {} if trials is None else _policies(trials)
    names = sums["task_hash"].map(lambda task: policies.get(str(task), "draco"))
    found = [_formula(POLICIES[str(name)], rows) for name, rows in sums.groupby(names)]
    score = pd.concat(found) if found else pd.Series(dtype=float)
    each = sums.assign(score=score).dropna(subset="score")
    return each.groupby(_TRIAL)["score"].mean().reset_index()


def _sums(read: pd.DataFrame) -> pd.DataFrame:
    """One row per grading and section: what was met, and the weights that were read."""
    weight, value = read["weight"].astype(float), read["value"].astype(float)
    reference = read["reference_value"] if "reference_value" in read else pd.Series(0.0, read.index)
    parts = read.assign(
        met=weight * value,
        positive=weight.clip(lower=0),
        negative=weight.clip(upper=0),
        reference=weight * reference.astype(float),
    )
    grouped = parts.groupby([*_TRIAL, "grader", "grader_pass"])
    return grouped[["met", "positive", "negative", "reference"]].sum(min_count=1).reset_index()


def _policies(trials: pd.DataFrame) -> Mapping[str, str]:
    """Task -> name of its score policy."""
    if "policy" not in trials:
        return {}
    named = trials[["task_hash", "policy"]].dropna().drop_duplicates("task_hash")
    pairs = zip(named["task_hash"], named["policy"], strict=True)
    return {str(task): str(name) for task, name in pairs if str(name) in POLICIES}


def _formula(policy: Policy, sums: pd.DataFrame) -> pd.Series:
    """The policy on sums over a section; NaN where it has no positive weight, or nothing read."""
    above, below = sums["met"], sums["positive"]
    if policy.numerator == "share":
        below = above + sums["reference"]
    elif policy.denominator == "range":
        above, below = above - sums["negative"], below - sums["negative"]
    elif policy.denominator == "all":
        below = below + sums["negative"]
    fraction = (above / below.where(below > 0)).where(sums["positive"] > 0)
    score = policy.floor + (1.0 - policy.floor) * fraction
    return score.clip(0.0, 1.0) if policy.clips_tasks else score
