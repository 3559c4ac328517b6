"""Scores within the sections of a rubric."""

from __future__ import annotations

import numpy as np
import pandas as pd

_TRIAL = ["section", "recipe", "task_hash", "repeat"]


def section_scores(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Score of each answer within each named section of its rubric, by the weights.

    verdicts : see `frames.verdicts`. Unread verdicts are left out, as in the score; gradings are
    averaged. A section without positive weight in a task has no score there.

    Returns
    -------
    DataFrame with section, recipe, task_hash, repeat and score (0 to 1)
    """
    named = verdicts["section"].fillna("").astype(str)
    read = verdicts.assign(section=named)[verdicts["value"].notna() & (named != "")]
    weight, value = read["weight"].astype(float), read["value"].astype(float)
    parts = read.assign(met=weight * value, positive=weight.clip(lower=0))
    sums = (
        parts.groupby([*_TRIAL, "grader", "grader_pass"])[["met", "positive"]].sum().reset_index()
    )
    sums = sums[sums["positive"] > 0]
    score = np.clip(sums["met"] / sums["positive"], 0.0, 1.0)
    return sums.assign(score=score).groupby(_TRIAL)["score"].mean().reset_index()
