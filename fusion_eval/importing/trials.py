"""What verdict tables and score tables share: keys, and what belongs to a whole trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.importing.criteria import Criteria
from fusion_eval.importing.problems import Problems
from fusion_eval.importing.values import failures
from fusion_eval.importing.values import numbers as numbers_of

TRIAL = ["recipe", "task", "repeat"]
GRADING = ["grader", "grader_pass"]
NUMBERS = ("cost_usd", "latency_s", "tokens_in", "tokens_out")
WORDS = ("failure", "domain", "cluster", "strategy", "finish", "task_hash")
LISTED = "listed"
"""Column of rows that only the file of answers has: the answer is known, its grading is not."""


@dataclass
class Rows:
    """Rows for the tables of a run, and what the manifest should say about them."""

    trials: pd.DataFrame = field(default_factory=pd.DataFrame)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def complete_keys(table: pd.DataFrame, problems: Problems) -> pd.DataFrame:
    """The table with all key columns: recipe, task, repeat, grader, grader_pass, failure."""
    empty = pd.Series("", index=table.index, dtype="str")
    whole = table.assign(
        recipe=table["recipe"].str.strip(),
        task=table["task"].str.strip(),
        grader=_filled(table, "grader", "imported"),
        failure=failures(table.get("failure", empty)),
    )
    for column in ("recipe", "task"):
        lost = whole.index[(whole[column] == "").to_numpy()]
        problems.add_rows(lost, [f"{column} is empty"] * len(lost), "fill it in")
    for column in ("repeat", "grader_pass"):
        text = _filled(table, column, "0")
        numbers = pd.to_numeric(text, errors="coerce")
        bad = ~((numbers >= 0) & (numbers % 1 == 0))
        whats = [f"{column} {cell!r}" for cell in text[bad.to_numpy()]]
        problems.add_rows(whole.index[bad.to_numpy()], whats, "give a whole number from 0")
        whole[column] = numbers.where(~bad, 0).astype(int)
    return whole


def _filled(table: pd.DataFrame, column: str, default: str) -> pd.Series:
    if column not in table:
        return pd.Series(default, index=table.index, dtype="str")
    text = table[column].str.strip()
    filled: pd.Series = text.where(text != "", default)
    return filled


def check_doubled(table: pd.DataFrame, keys: Sequence[str], problems: Problems) -> None:
    """Every row must be the only one with its keys."""
    double = table.duplicated(list(keys)).to_numpy()
    count, more = int(double.sum()), ""
    if count > _DOUBLES:
        more = f", as in {count - 1:,} more rows"
        double = double & (np.cumsum(double) == 1)
    whats = [
        "the same " + ", ".join(f"{key} {value!r}" for key, value in zip(keys, row, strict=True))
        + f" for the second time{more}"
        for row in table.loc[double, [*keys]].itertuples(index=False)
    ]  # fmt: skip
    way_out = (
        "remove one, or tell them apart: by repeat (--columns repeat=# numbers them), by "
        "grader_pass, or by a second column of the recipe or task (--columns recipe=agent+model)"
    )
    problems.add_rows(table.index[double], whats, problems.hint or way_out)


_DOUBLES = 20


def numbers(table: pd.DataFrame, column: str, problems: Problems) -> pd.Series:
    """A column of numbers from 0, NaN where empty or absent."""
    if column not in table:
        return pd.Series(np.nan, index=table.index)
    found = numbers_of(table[column])
    bad = ((table[column].str.strip() != "") & ~((found >= 0) & (found < np.inf))).to_numpy()
    whats = [f"{column} {text!r}" for text in table.loc[bad, column]]
    problems.add_rows(table.index[bad], whats, "give a number from 0, or leave it empty")
    return found


def whole_trial(table: pd.DataFrame, problems: Problems) -> pd.DataFrame:
    """Cost, latency, failure and names per trial; one trial may not have two different ones."""
    per_row = table[TRIAL].assign(
        **{name: numbers(table, name, problems) for name in NUMBERS},
        **{name: _text(table, name) for name in WORDS},
    )
    if not per_row.duplicated(TRIAL).any():
        return per_row.set_index(TRIAL)
    grouped = per_row.groupby(TRIAL, sort=False)
    for column in (*NUMBERS, "failure", "finish"):
        for key in grouped[column].nunique().loc[lambda count: count > 1].index:
            recipe, task, repeat = key
            what = f"two values of {column} for recipe {recipe!r}, task {task!r}, repeat {repeat}"
            where = str(table.index[0]).rpartition(":")[0]
            problems.add(where, what, "these belong to the trial; give one")
    return grouped.first()


def _text(table: pd.DataFrame, column: str) -> pd.Series:
    if column not in table:
        return pd.Series(None, index=table.index, dtype=object)
    values = table[column].astype(object)
    found: pd.Series = values.where(values.notna() & (values != ""), None)
    return found


def trial_rows(whole: pd.DataFrame, rubric: Criteria) -> pd.DataFrame:
    """The columns of trials that do not depend on how they were scored, in their order."""
    rows = whole.reset_index()
    tasks = rows["task"]
    by_task = {task: rubric.hash(task) for task in tasks.unique()}
    domain = rows["domain"].fillna(tasks.map(rubric.domains).replace("", None))
    return rows.assign(
        task_hash=rows["task_hash"].fillna(tasks.map(by_task)),
        domain=domain,
        latency_source=rows["latency_s"].map(lambda s: None if pd.isna(s) else "imported"),
        tokens_in=rows["tokens_in"].round(),
        tokens_out=rows["tokens_out"].round(),
    )
