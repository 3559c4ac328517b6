"""What verdict tables and score tables share: keys, and what belongs to a whole trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.importing.criteria import Criteria
from fusion_eval.importing.problems import Problems

TRIAL = ["recipe", "task", "repeat"]
GRADING = ["grader", "grader_pass"]
NUMBERS = ("cost_usd", "latency_s", "tokens_in", "tokens_out")
WORDS = ("failure", "domain", "strategy", "finish")
LISTED = "listed"
"""Column of rows that only the file of answers has: the answer is known, its grading is not."""


@dataclass
class Rows:
    """Rows for the tables of a run, and what the manifest should say about them."""

    trials: list[dict[str, Any]] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def complete_keys(table: pd.DataFrame, file: str, problems: Problems) -> pd.DataFrame:
    """The table with all key columns: recipe, task, repeat, grader, grader_pass, failure."""
    whole = table.assign(
        grader=_filled(table, "grader", "imported"), failure=_filled(table, "failure", "")
    )
    for column in ("recipe", "task"):
        empty = whole.index[whole[column] == ""]
        problems.add_rows(file, empty, [f"{column} is empty"] * len(empty), "fill it in")
    for column in ("repeat", "grader_pass"):
        numbers = pd.to_numeric(_filled(table, column, "0"), errors="coerce")
        bad = ~((numbers >= 0) & (numbers % 1 == 0))
        whats = [f"{column} {text!r}" for text in _filled(table, column, "0")[bad]]
        problems.add_rows(file, whole.index[bad], whats, "give a whole number from 0")
        whole[column] = numbers.where(~bad, 0).astype(int)
    return whole


def _filled(table: pd.DataFrame, column: str, default: str) -> pd.Series:
    if column not in table:
        return pd.Series(default, index=table.index, dtype=object)
    return table[column].where(table[column] != "", default)


def check_doubled(table: pd.DataFrame, keys: Sequence[str], file: str, problems: Problems) -> None:
    """Every row must be the only one with its keys."""
    double = table.duplicated(list(keys))
    whats = [
        "the same " + ", ".join(f"{key} {value!r}" for key, value in zip(keys, row, strict=True))
        + " for the second time"
        for row in table.loc[double, list(keys)].itertuples(index=False)
    ]  # fmt: skip
    problems.add_rows(
        file, table.index[double], whats, "remove one, or tell them apart by repeat or grader_pass"
    )


def numbers(table: pd.DataFrame, column: str, file: str, problems: Problems) -> pd.Series:
    """A column of numbers from 0, NaN where empty or absent."""
    if column not in table:
        return pd.Series(np.nan, index=table.index)
    found = pd.to_numeric(table[column], errors="coerce")
    bad = (table[column] != "") & ~((found >= 0) & (found < np.inf))
    whats = [f"{column} {text!r}" for text in table.loc[bad, column]]
    problems.add_rows(file, table.index[bad], whats, "give a number from 0, or leave it empty")
    return found


def whole_trial(table: pd.DataFrame, file: str, problems: Problems) -> pd.DataFrame:
    """Cost, latency, failure and names per trial; one trial may not have two different ones."""
    per_row = table[TRIAL].assign(
        **{name: numbers(table, name, file, problems) for name in NUMBERS},
        **{name: _text(table, name) for name in WORDS},
    )
    grouped = per_row.groupby(TRIAL, sort=False)
    for column in (*NUMBERS, "failure", "finish"):
        for key in grouped[column].nunique().loc[lambda count: count > 1].index:
            recipe, task, repeat = key
            what = f"two values of {column} for recipe {recipe!r}, task {task!r}, repeat {repeat}"
            problems.add(file, what, "these belong to the trial; give one")
    return grouped.first()


def _text(table: pd.DataFrame, column: str) -> pd.Series:
    if column not in table:
        return pd.Series(None, index=table.index, dtype=object)
    return table[column].astype(object).where(table[column] != "", None)


def trial_row(key: tuple[Any, ...], whole: Any, rubric: Criteria) -> dict[str, Any]:
    """The columns of a trial that do not depend on how it was scored."""
    recipe, task, repeat = key
    latency = _known(whole.latency_s)
    return {
        "task": task,
        "task_hash": rubric.hash(task),
        "domain": _known(whole.domain) or rubric.domains.get(task) or None,
        "recipe": recipe,
        "strategy": _known(whole.strategy),
        "repeat": int(repeat),
        "failure": _known(whole.failure),
        "cost_usd": _known(whole.cost_usd),
        "latency_s": latency,
        "latency_source": "imported" if latency is not None else None,
        "tokens_in": _whole_number(whole.tokens_in),
        "tokens_out": _whole_number(whole.tokens_out),
        "finish": _known(whole.finish),
    }


def _whole_number(value: Any) -> int | None:
    return None if pd.isna(value) else round(value)


def _known(value: Any) -> Any:
    return None if pd.isna(value) else value
