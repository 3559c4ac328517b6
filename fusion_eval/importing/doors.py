"""The doors through which any table comes in: where its rows are, and what its columns mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.importing.columns import COUNTED, SWAPPED, TABLE_COLUMNS, Columns, assign, taken
from fusion_eval.importing.multiples import of_columns
from fusion_eval.importing.problems import Problems
from fusion_eval.importing.sheet import Sheet
from fusion_eval.importing.values import without_marks


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What a user says of a table.

    at : path to the rows of a JSON document, `results.items`, `*` for every key
    columns : our name -> theirs, dotted into JSON; `a+b` joins two
    constants : our name -> one value for all rows
    where : their column -> the text that a row must have there; other rows are left out
    missing : cells that mean that there is no score or verdict
    """

    at: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Read:
    """One file as a table of our columns, and what was done to come to it.

    `places` are those of its rows in the file, from 0; `calls` rows of the table of calls, each
    with recipe, task and repeat; `facts` what the file says of itself: tool, version, simulated,
    run_id, …
    """

    path: Path
    table: pd.DataFrame
    columns: Columns
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    places: np.ndarray = field(default_factory=lambda: np.arange(0))
    calls: list[dict[str, Any]] = field(default_factory=list)


def through(
    path: Path, sheet: Sheet, doors: Doors, problems: Problems, defaults: Mapping[str, str]
) -> Read:
    """A sheet as a table of ours; `defaults` (our name -> theirs) yield to what the user says."""
    if wide := _wide(sheet, doors):
        return _side_by_side(path, sheet, doors, problems, wide)
    for name in doors.constants.keys() - TABLE_COLUMNS.keys():
        problems.add("--set", f"{name!r} is no column of ours", f"use: {', '.join(TABLE_COLUMNS)}")
    chosen = {k: v for k, v in defaults.items() if k not in doors.constants} | dict(doors.columns)
    named = assign(sheet, TABLE_COLUMNS, chosen, problems, fixed=doors.constants)
    keep, notes = _wanted(sheet, doors.where, problems)
    problems.raise_if_any()
    table = taken(sheet, named)[keep]
    if named.used.get("score") == "value" and "verdict" in table:
        table = table.rename(columns={"score": "value"})  # how far a criterion is met
    table = table.assign(**{k: pd.Series(v, table.index, dtype="str") for k, v in
                            doors.constants.items()})  # fmt: skip
    for name in [n for n in _VALUES if n in table]:
        table[name] = without_marks(table[name], doors.missing if name in _GRADED else ())
    places = np.flatnonzero(keep)
    if doors.columns.get("repeat") == COUNTED and {"recipe", "task"} <= set(table):
        table["repeat"] = table.groupby(["recipe", "task"]).cumcount().astype("str")
        return Read(path=path, table=table, columns=named, notes=notes, places=places)
    once = _once(sheet, places, table, named, problems)
    facts: dict[str, Any] = {"multiples": of_columns(sheet)}
    facts |= {"duplicates": int((~once).sum())} if not once.all() else {}
    return Read(
        path=path, table=table[once], columns=named, notes=notes, facts=facts, places=places[once]
    )


def _wanted(
    sheet: Sheet, where: Mapping[str, str], problems: Problems
) -> tuple[np.ndarray, list[str]]:
    """Which rows have the cells that are asked for, and how many have not."""
    keep, notes = np.ones(len(sheet.lines), dtype=bool), []
    for name, text in where.items():
        if not sheet.has(name):
            there = ", ".join(sheet.names())
            problems.add("--where", f"{sheet.file} has no column {name!r}", f"it has {there}")
            continue
        same = (sheet.column(name).str.strip() == text).to_numpy()
        notes.append(f"{int((~same).sum()):,} rows left out: {name} is not {text}")
        keep &= same
    if not keep.any():
        problems.add("--where", "no row is left", "check the spelling of the cells")
    return keep, notes


def _wide(sheet: Sheet, doors: Doors) -> list[str]:
    """The columns of `score=a|b`, each of which is a recipe; none where one column is the score."""
    theirs = doors.columns.get("score", "")
    return theirs.split("|") if "|" in theirs and not sheet.has(theirs) else []


def _side_by_side(
    path: Path, sheet: Sheet, doors: Doors, problems: Problems, names: Sequence[str]
) -> Read:
    """A table that has a column of scores for each recipe."""
    parts = [
        through(path, sheet, replace(doors, columns={**doors.columns, "score": name},
                                     constants={**doors.constants, "recipe": name}), problems, {})
        for name in names
    ]  # fmt: skip
    first = parts[0]
    first.table = pd.concat([part.table for part in parts])
    ignored = [name for name in first.columns.ignored if name not in names]
    first.columns = replace(first.columns, used={**first.columns.used, "score": "|".join(names)},
                            ignored=ignored)  # fmt: skip
    first.places = np.concatenate([part.places for part in parts])
    return first


_GRADED = ("score", "verdict", "preference", SWAPPED)
_VALUES = (*_GRADED, "cost_usd", "latency_s", "tokens_in", "tokens_out")
_KEYS = ("recipe", "task", "repeat", "criterion", "grader", "grader_pass", "against")


def _once(
    sheet: Sheet, rows: np.ndarray, table: pd.DataFrame, named: Columns, problems: Problems
) -> np.ndarray:
    """Which rows are no copy of an earlier one, cell for cell, columns that nobody reads included.

    Where other rows have the same keys, the column that tells them apart becomes the way out.
    """
    keys = table[[name for name in _KEYS if name in table]].reset_index(drop=True)
    if not {"recipe", "task"} <= set(keys) or not keys.duplicated().any():
        return np.ones(len(table), dtype=bool)
    cells = pd.DataFrame({name: sheet.column(name).to_numpy()[rows] for name in sheet.names()})
    copied = cells.duplicated().to_numpy()
    for name in named.ignored:
        if name in cells and not keys.assign(other=cells[name])[~copied].duplicated().any():
            both = f"{named.used.get('recipe', 'recipe')}+{name}"
            problems.hint = f"column {name!r} tells them apart: --columns recipe={both}"
            break
    return ~copied
