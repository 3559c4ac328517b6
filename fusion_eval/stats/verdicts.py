"""Scores out of verdicts, each by the policy of its run, for tables of a million rows."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from fusion_eval.core import POLICIES
from fusion_eval.core.score_table import GRADING, mean_scores, score_table
from fusion_eval.errors import StatisticsError, did_you_mean
from fusion_eval.frames import is_simulated, task_key

_NEEDED = ("task", "recipe", "criterion", "weight", "value")
ASSUMED = "no policy named: scored by DRACO's formula"


def graded(
    verdicts: pd.DataFrame, trials: pd.DataFrame | None = None, by: Sequence[str] = GRADING
) -> pd.DataFrame:
    """One row per graded answer: columns `by`, and those of `core.score_table.SCORES`.

    Parameters
    ----------
    verdicts : DataFrame, one row per criterion, see `frames.verdicts`; needs `task`, `recipe`,
        `criterion`, `weight` and `value` (0 to 1, NaN where it was not read); `task_hash`,
        `repeat`, `grader`, `grader_pass`, `section`, `reference_value` and `policy` are optional
    trials : where the policy of each task is named, if `verdicts` does not name it

    Returns
    -------
    Scores by the policy of each task; where neither table names one, by DRACO's formula, and
    `attrs["assumed"]` says so. NaN where nothing was read that could carry a score. `task` is the
    key by which tasks pair.

    Raises
    ------
    StatisticsError : a column is missing, or a policy is unknown
    """
    if absent := [name for name in _NEEDED if name not in verdicts]:
        raise StatisticsError(
            f"the table of verdicts has no column {', '.join(repr(name) for name in absent)}"
        )
    names = policies_of(verdicts, trials)
    columns = {name: _column(verdicts, name) for name in by}
    columns |= {name: verdicts[name] for name in ("weight", "value")}
    columns |= {n: verdicts[n] for n in ("section", "reference_value") if n in verdicts}
    rows = pd.DataFrame({name: column.array for name, column in columns.items()})
    found = score_table(rows, "draco" if names is None else names.reset_index(drop=True), by)
    found.attrs = {"assumed": ASSUMED if names is None else ""}
    return found


def policies_of(verdicts: pd.DataFrame, trials: pd.DataFrame | None = None) -> pd.Series | None:
    """The name of the score policy of each verdict; None where no table names any."""
    if "policy" in verdicts:
        names = verdicts["policy"]
    elif trials is not None and "policy" in trials:
        of = dict(zip(_column(trials, "task").tolist(), trials["policy"].tolist(), strict=True))
        names = _column(verdicts, "task").map(of)
    else:
        return None
    known = names.astype("string").fillna("draco").astype(str)
    for name in known.unique():
        if name not in POLICIES:
            way = did_you_mean(name, POLICIES)
            raise StatisticsError(f"unknown score policy {name!r}; {way}")
    return known


def scores_of(verdicts: pd.DataFrame, trials: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per trial: `recipe`, `task`, `repeat` and `score`, the mean over graders and passes.

    Takes what `graded` takes; the result can go into every statistic that takes trials. Answers of
    which nothing was read have no row; `attrs["ungraded"]` counts them. Answers that failed have
    no verdicts: for scores as deployed take `frames.trials`.
    """
    gradings = graded(verdicts, trials)
    means = mean_scores(gradings, ["recipe", "task", "repeat"])["score"]
    found = means.dropna().reset_index()
    found.attrs = {
        **verdicts.attrs, "simulated": is_simulated(verdicts),
        "ungraded": int(gradings["score"].isna().sum()),
    }  # fmt: skip
    return found


def _column(verdicts: pd.DataFrame, name: str) -> pd.Series:
    if name == "task":
        return task_key(verdicts) if "task_hash" in verdicts else verdicts["task"].astype(str)
    if name == "recipe":
        return verdicts["recipe"].astype(str)
    if name not in verdicts:
        return pd.Series(0 if name in {"repeat", "grader_pass"} else "", index=verdicts.index)
    if name in {"section", "grader"}:
        return verdicts[name].astype("string").fillna("").astype(str)
    return verdicts[name]
