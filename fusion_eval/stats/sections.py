"""Scores within the sections of a rubric."""

from __future__ import annotations

import pandas as pd

from fusion_eval.core.score_table import GRADING, mean_scores
from fusion_eval.stats.verdicts import graded

_TRIAL = ["section", "recipe", "task", "repeat"]


def section_scores(verdicts: pd.DataFrame, trials: pd.DataFrame | None = None) -> pd.DataFrame:
    """Score of each answer within each named section of its rubric, by its policy's formula.

    verdicts, trials : see `stats.verdicts.graded`. Unread verdicts are left out, as in the score;
        gradings are averaged. A section without positive weight in a task has no score there.

    Returns
    -------
    DataFrame with section, recipe, task_hash, repeat and score (0 to 1, or below where the policy
    does not cut each task), sorted
    """
    gradings = graded(verdicts, trials, [*GRADING, "section"])
    kept = gradings[(gradings["section"] != "") & (gradings["positive"] > 0)]
    scores = mean_scores(kept, _TRIAL)["score"].dropna().sort_index().reset_index()
    return scores.rename(columns={"task": "task_hash"})
