"""Any tidy table of scores as trials: what another harness wrote, or a DataFrame made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusion_eval.errors import MissingScoresError, StatisticsError
from fusion_eval.stats.headline import policies

_NEEDED = ("task", "recipe", "score")
_OTHER_NAMES = {
    "task": ("task_id", "item", "question", "sample_id", "doc_id"),
    "recipe": ("system", "config", "model", "method"),
    "score": ("value", "accuracy", "reward", "points"),
}
_EMPTY = ("failure", "degraded", "finish", "domain", "cluster", "cost_usd", "latency_s")
_ROUNDING = 1e-9


def tidied(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with the columns of `frames.trials` that the statistics look at.

    Parameters
    ----------
    table : DataFrame, one row per answer, with `task`, `recipe` and `score` (0 to 1); optional
        `repeat`, `failure` (a word; then the score may be empty), `domain`, `cluster`, `task_hash`
        and the other columns of trials. A table of `frames.trials` comes back as it is.

    Raises
    ------
    StatisticsError : a column is missing, or scores are not 0 to 1
    MissingScoresError : a score is NaN and no column says why
    """
    if absent := [name for name in _NEEDED if name not in table.columns]:
        raise StatisticsError(_absent(absent, table))
    _check(table)
    if {"task_hash", "repeat", "score_min", "score_max", "coverage", *_EMPTY} <= set(table.columns):
        return table
    known, attrs = table.copy(deep=False), table.attrs
    known.attrs = {}
    for name in _EMPTY:
        if name not in known:
            known[name] = None
    key = [known["task"].astype(str), known["recipe"].astype(str)]
    made: dict[str, pd.Series] = {
        "task_hash": key[0],
        "repeat": known.groupby(key).cumcount(),
        "coverage": known["score"].notna().astype(float).replace(0.0, np.nan),
        "score_min": known["score"],
        "score_max": known["score"],
    }
    for name, values in made.items():
        if name not in known:
            known[name] = values
    known.attrs = {**attrs, "repeats_paired": "repeat" in table.columns}
    return known


def _absent(absent: list[str], table: pd.DataFrame) -> str:
    hints = [
        f"rename {other!r} to {name!r}"
        for name in absent
        for other in _OTHER_NAMES[name]
        if other in table.columns
    ]
    has = ", ".join(str(c) for c in table.columns)
    way_out = "; ".join(hints) if hints else f"it has: {has}"
    return f"the table has no column {', '.join(repr(n) for n in absent)}; {way_out}"


def _check(table: pd.DataFrame) -> None:
    score = pd.to_numeric(table["score"], errors="coerce")
    failed = table["failure"].notna() if "failure" in table else pd.Series(False, table.index)
    lost = int((score.isna() & ~failed).sum())
    if lost and "coverage" not in table.columns:
        raise MissingScoresError(
            f"{lost} of {len(table)} scores are missing (NaN) and nothing says why; give a column "
            "`failure` with a word for answers that failed (they count 0 as deployed), or drop "
            "those rows to leave them out"
        )
    seen = score[~failed].dropna()
    least = -np.inf if any(not policy.clips_tasks for policy in policies(table)) else 0.0
    if len(seen) and not (seen.min() >= least - _ROUNDING and seen.max() <= 1 + _ROUNDING):
        raise StatisticsError(
            f"scores run from {seen.min():g} to {seen.max():g}; they must be 0 to 1: "
            "divide points of 100 by 100"
        )
