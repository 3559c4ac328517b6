"""Verdicts side by side: one row per criterion of an answer, one column per grader and pass."""

from __future__ import annotations

import pandas as pd

from fusion_eval.frames import task_key

TASK = "task_hash"
TRIAL = [TASK, "recipe", "repeat"]
UNIT = [*TRIAL, "criterion"]
"""What one verdict is about."""


def raters(verdicts: pd.DataFrame) -> pd.Series:
    """Who graded: the grader, with its protocol where the table holds more than one protocol."""
    names = verdicts["grader"].astype(str)
    if "protocol" not in verdicts or verdicts["protocol"].nunique() < 2:
        return names
    return names + " (" + verdicts["protocol"].fillna("unknown").astype(str) + ")"


def readings(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Values of verdicts, index UNIT; columns (rater, pass), and `("weight", 0)`.

    NaN where a rater gave no readable verdict.
    """
    rows = keyed(verdicts)
    each = rows.groupby([*UNIT, "rater", "grader_pass"], sort=False)["value"].first()
    wide = each.unstack(["rater", "grader_pass"])
    wide = wide.dropna(axis=1, how="all")
    wide["weight", 0] = rows.groupby(UNIT, sort=False)["weight"].first()
    return wide


def keyed(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The rows with plain columns to group by: task hash, names as text, value as a number."""
    return pd.DataFrame(
        {
            TASK: task_key(verdicts),
            "recipe": verdicts["recipe"].astype(str),
            "repeat": verdicts["repeat"].fillna(0).astype(int),
            "criterion": verdicts["criterion"].astype(str),
            "section": verdicts["section"].astype("string").fillna(""),
            "weight": verdicts["weight"].astype(float),
            "rater": raters(verdicts),
            "grader_pass": verdicts["grader_pass"].fillna(0).astype(int),
            "verdict": verdicts["verdict"].astype("string").fillna("not_graded"),
            "value": verdicts["value"].astype(float),
        }
    )
