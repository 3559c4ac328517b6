"""Any tidy table of scores as trials: what another harness wrote, or a DataFrame made by hand."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.errors import MissingScoresError, StatisticsError
from fusion_eval.frames import task_key
from fusion_eval.stats.headline import policies

_NEEDED = ("task", "recipe", "score")
_OTHER_NAMES = {
    "task": ("task_id", "item", "question", "sample_id", "doc_id"),
    "recipe": ("system", "config", "model", "method"),
    "score": ("value", "accuracy", "reward", "points"),
}
_EMPTY = ("failure", "degraded", "finish", "domain", "cluster", "cost_usd", "latency_s")
_ROUNDING = 1e-9
_NO_FAILURE = frozenset(["", "false", "0", "0.0", "no", "none", "null", "nan", "n/a", "na", "<na>"])
_SOME_FAILURE = frozenset(["true", "1", "1.0", "yes"])


def tidied(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with the columns of `frames.trials` that the statistics look at.

    Parameters
    ----------
    table : DataFrame, one row per answer, with `task`, `recipe` and `score` (0 to 1); optional
        `repeat`, `failure` (a word; then the score may be empty), `domain`, `cluster`, `task_hash`
        and the other columns of trials. A table of `frames.trials` comes back as it is.

    Returns
    -------
    The rows, with an index without doubles. `failure` is None where a table says in its own way
    that nothing failed (False, 0, an empty text, `none`, `no`), and `failed` where it only says
    that something did. Without the column `repeat`, the rows of one task and recipe are numbered,
    and `attrs["repeats_paired"]` says that their numbers mean nothing.

    Raises
    ------
    StatisticsError : a column is missing, scores are not 0 to 1, or the same (task, recipe, repeat)
        stands there twice
    MissingScoresError : a score is NaN and no column says why
    """
    if absent := [name for name in _NEEDED if name not in table.columns]:
        raise StatisticsError(_absent(absent, table))
    if not table.index.is_unique:  # as `pd.concat` leaves it
        table = _with(table.reset_index(drop=True), table.attrs)
    if "failure" in table and not _plain_words(table["failure"]):
        table = _with(table.assign(failure=failure_words(table["failure"])), table.attrs)
    table = _without_copies(table)
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


def failure_words(column: pd.Series) -> pd.Series:
    """A word for every answer that failed, None for the others, however a table spells them."""
    codes, values = pd.factorize(column)
    words = np.array([*(_word(value) for value in values), None], dtype=object)
    return pd.Series(words[codes], index=column.index, dtype=object)


def _word(value: object) -> str | None:
    text = str(value).strip()
    if text.lower() in _NO_FAILURE:
        return None
    return "failed" if text.lower() in _SOME_FAILURE else text


def _plain_words(column: pd.Series) -> bool:
    """Whether every value is a word for a failure, or missing."""
    return all(isinstance(v, str) and _word(v) == v for v in column.dropna().unique())


def _with(table: pd.DataFrame, attrs: dict[Hashable | None, Any]) -> pd.DataFrame:
    table.attrs = attrs
    return table


def _without_copies(table: pd.DataFrame) -> pd.DataFrame:
    """The rows, each answer once; `attrs["copies"]` counts what was left out.

    Raises StatisticsError where rows of the same answer contradict each other: which one holds?
    """
    if "repeat" not in table:
        return table
    names = ["recipe", "repeat", *(n for n in ("grader", "grader_pass") if n in table)]
    keys = table[names].assign(task=task_key(table) if "task_hash" in table else table["task"])
    if not keys.duplicated().any():
        return table
    more = {n: table[n] for n in ("score", "failure", "cost_usd", "latency_s") if n in table}
    copied = keys.assign(**more).duplicated()
    torn = keys[~copied].duplicated(keep=False)
    if torn.any():
        first = table[~copied][torn].iloc[0]
        raise StatisticsError(
            f"{int(torn.sum())} rows contradict each other: task {str(first['task'])!r} under "
            f"recipe {str(first['recipe'])!r} has repeat {first['repeat']} more than once; drop "
            "those that do not hold, or number further answers in `repeat` (two runs of the same "
            "recipes: `second.assign(repeat=second['repeat'] + first['repeat'].max() + 1)`, or "
            "compare_runs)"
        )
    return _with(table[~copied], {**table.attrs, "copies": int(copied.sum())})


def notes(trials: pd.DataFrame) -> list[str]:
    """What a reader must know about how `tidied` read a table; mostly nothing."""
    made = []
    if copies := trials.attrs.get("copies"):
        made.append(f"{copies} row{'s' if copies != 1 else ''} that repeat another are left out")
    if not trials.attrs.get("repeats_paired", True) and trials["repeat"].astype(int).max() > 0:
        made.append(
            "the table has no column `repeat`: several rows of one task and recipe count as repeats"
        )
    return made


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
