"""Verdicts side by side, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fusion_eval.core import POLICIES
from fusion_eval.core.linear import shares
from fusion_eval.core.score_table import score_table
from fusion_eval.errors import StatisticsError
from fusion_eval.frames import is_checked, task_key

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


def judged(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The verdicts that a grader gave: those that were computed from a target are left out."""
    return verdicts[~is_checked(verdicts)]


def readings(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Values of verdicts, index UNIT; columns (rater, pass), and `("weight", 0)`.

    NaN where a rater gave no readable verdict.
    """
    rows = keyed(judged(verdicts))
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


def keys(trials: pd.DataFrame) -> pd.DataFrame:
    """What tells trials apart, as in UNIT."""
    return pd.DataFrame(
        {
            TASK: task_key(trials),
            "recipe": trials["recipe"].astype(str),
            "repeat": trials["repeat"].fillna(0).astype(int),
        }
    )


@dataclass(frozen=True, eq=False)
class First:
    """The first reading of everything. `units`: index UNIT, with `value` (NaN: not read), `filled`
    and `share` of a score; `trials`: index TRIAL, with `raw`, `score` (cut as the policy says; 0
    for a failed answer), `cuts` and `failed`."""

    units: pd.DataFrame
    trials: pd.DataFrame


def first_reading(trials: pd.DataFrame, verdicts: pd.DataFrame) -> First:
    """What graders said of each criterion, as the mean over graders and passes.

    What nobody could read is filled by the mean of the same answer's criteria of the same sign, as
    leaving it out of the score does. The fill need not be right: a second reading corrects it like
    any other error. An answer that lacks criteria of its task altogether has no score.

    Raises StatisticsError for a score policy that is not a sum of verdicts.
    """
    rows = keyed(verdicts)
    units = rows.groupby(UNIT, sort=False).agg(weight=("weight", "first"), value=("value", "mean"))
    trial = [units.index.get_level_values(name) for name in TRIAL]
    usual = units["value"].groupby([*trial, units["weight"] > 0]).transform("mean")
    units["filled"] = units["value"].fillna(usual).fillna(0.0)
    rubrics = rows.drop_duplicates([TASK, "criterion"])
    policies = _policies(trials)
    parts = [_parts(part, policies.get(str(t), "draco")) for t, part in rubrics.groupby(TASK)]
    shared = pd.concat(parts) if parts else pd.DataFrame(columns=[*_RUBRIC, "share", "size"])
    known = units.reset_index()[[TASK, "criterion"]].merge(shared, how="left", on=_RUBRIC)
    units["share"] = known["share"].to_numpy(dtype=float)
    return First(units=units, trials=_scores(trials, units, known, policies))


_RUBRIC = [TASK, "criterion"]


def _policies(trials: pd.DataFrame) -> dict[str, str]:
    """Task -> name of its score policy."""
    named = trials["policy"] if "policy" in trials else pd.Series("draco", index=trials.index)
    return dict(zip(task_key(trials), named.fillna("draco").astype(str), strict=True))


def _parts(rubric: pd.DataFrame, policy: str) -> pd.DataFrame:
    """What each criterion of one task is worth in the score."""
    found = shares(POLICIES[policy], list(rubric["weight"]))
    if found is None:
        raise StatisticsError(
            f"scores of the policy {policy!r} are no sum of verdicts; a second reading of some of "
            "them cannot correct the score"
        )
    return rubric[_RUBRIC].assign(share=found[1], size=len(rubric))


def _scores(
    trials: pd.DataFrame, units: pd.DataFrame, known: pd.DataFrame, policies: Mapping[str, str]
) -> pd.DataFrame:
    rows = units.reset_index().drop(columns="value").rename(columns={"filled": "value"})
    names = rows[TASK].map(lambda task: policies.get(str(task), "draco"))
    made = score_table(rows, names, TRIAL).set_index(TRIAL)
    size = rows.groupby(TRIAL, sort=False).size().reindex(made.index)
    whole = known.groupby([rows[name] for name in TRIAL], sort=False)["size"].first()
    raw = made["score_raw"].where(size == whole.reindex(made.index))
    index = pd.MultiIndex.from_frame(keys(trials))
    raw = raw.reindex(index)
    cuts = np.array([POLICIES[policies[str(task)]].clips_tasks for task, *_ in index], dtype=bool)
    failed = trials["failure"].notna().to_numpy()
    score = raw.clip(0, 1).where(cuts, raw).mask(failed, 0.0)
    return pd.DataFrame({"raw": raw, "score": score, "cuts": cuts, "failed": failed}, index=index)
