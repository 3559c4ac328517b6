"""Scores by domain of the task, or by section of the rubric."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import per_task, recipes, task_key
from fusion_eval.stats.estimates import mean_score
from fusion_eval.stats.results import result
from fusion_eval.stats.sections import section_scores
from fusion_eval.stats.tables import tidied

By = Literal["domain", "section"]
COLUMNS = ("by", "part", "recipe", "value", "low", "high", "level", "n", "method")


def breakdown(
    trials: pd.DataFrame,
    verdicts: pd.DataFrame | None = None,
    level: float = 0.95,
    *,
    by: By = "domain",
) -> pd.DataFrame:
    """Score of every recipe within each domain of the tasks, or each section of the rubric.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    verdicts : needed by section; unread verdicts are left out, as in the score
    level : coverage of each interval; nothing is adjusted for looking at many

    Returns
    -------
    DataFrame, columns `COLUMNS`, one row per part and recipe: mean over tasks as deployed (a failed
    answer counts 0) from 0 to 1, NaN where a recipe has no score there, with the interval of
    `stats.mean_score`; `n` tasks. A section without positive weight in a task has no score there.
    No rows where there are fewer than two named parts.

    Raises
    ------
    StatisticsError : by section without verdicts
    """
    known = tidied(trials)
    if by == "domain":
        parts = list(_domains(known))
    elif verdicts is None:
        raise StatisticsError("scores by section need the verdicts: breakdown(trials, verdicts)")
    else:
        parts = list(_sections(known, verdicts))
    rows = [
        {"by": by, "part": part, "recipe": str(name), **_estimate(wide[name], level)}
        for part, wide in (parts if len(parts) > 1 else [])
        for name in wide.columns
    ]
    return result(rows, COLUMNS, trials, level=level)


def _domains(trials: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """(domain, one row per task and one column per recipe)."""
    if "domain" not in trials:
        return
    domains = trials["domain"].fillna("").astype(str)
    for name in sorted(set(domains) - {""}):
        rows = trials[domains == name]
        yield name, per_task(rows).reindex(columns=recipes(trials))


def _sections(trials: pd.DataFrame, verdicts: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """(section, the same); a failed answer counts 0 in every section that its task has."""
    scores = section_scores(verdicts, trials)
    failed = trials[trials["failure"].notna()].assign(score=0.0)
    failed = failed.assign(task_hash=task_key(failed))
    for name in sorted(set(verdicts["section"].fillna("").astype(str)) - {""}):
        rows = scores[scores["section"] == name]
        zeros = failed[failed["task_hash"].isin(rows["task_hash"])]
        both = pd.concat([rows, zeros[["recipe", "task_hash", "repeat", "score"]]])
        means = both.groupby(["task_hash", "recipe"])["score"].mean().unstack()
        yield name, means.reindex(columns=recipes(trials))


def _estimate(values: pd.Series, level: float) -> dict[str, object]:
    known = values.dropna()
    if not len(known):
        nothing = float("nan")
        ends = {"value": nothing, "low": nothing, "high": nothing}
        return {**ends, "level": level, "n": 0, "method": ""}
    found = mean_score(known, level)
    names = ("value", "low", "high", "level", "n", "method")
    return {name: getattr(found, name) for name in names}
