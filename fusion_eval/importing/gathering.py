"""All files of an import as one table: which files, who reads each, and names that tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval.core import digest
from fusion_eval.decoding import plain_name
from fusion_eval.errors import TableError
from fusion_eval.importing.doors import Doors, Read, through
from fusion_eval.importing.formats import File, Found, recognized
from fusion_eval.importing.formats.file import OTHER_SHAPE
from fusion_eval.importing.problems import Problems
from fusion_eval.importing.reading import existing, read
from fusion_eval.importing.sheet import Objects

_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".eval")
BESIDE = ("detail", "target", "suite", "identity")
"""What importers tell of a row beside our columns."""


def gathered(paths: Iterable[str | Path], doors: Doors, problems: Problems) -> list[Read]:
    """Every file as a table of ours; raises TableError with what stands in the way of any.

    Of a folder the files are taken that some importer knows; where it knows none, its tables.
    """
    reads: list[Read] = []
    for given in paths:
        path = Path(given).expanduser()
        if path.is_dir():
            reads += _folder(path, doors, problems)
        else:
            reads.append(one(existing(path), doors, problems))
    return _told_apart(reads)


def one(path: Path, doors: Doors, problems: Problems) -> Read:
    """One file, by its importer, or as a plain table through the doors."""
    file = File(path)
    found = recognized(file) if doors.at is None else None
    if found is None:
        return through(path, read(path, doors.at), doors, problems, {})
    name, importer = found
    try:
        rows = importer.read(file)
    except OTHER_SHAPE:
        raise TableError(
            f"{path}: looks like {name}, but parts of it are not where that writes them; "
            f"name them: --at PATH --columns OURS=THEIRS (docs/import.md)"
        ) from None
    return _by(name, rows, path, doors, problems)


def _by(name: str, found: Found, path: Path, doors: Doors, problems: Problems) -> Read:
    lines: Sequence[int] = found.lines or range(1, len(found.rows) + 1)
    sheet = Objects(path.name, lines, found.rows)
    asked = replace(doors, where={**found.where, **doors.where})
    made = through(path, sheet, asked, problems, found.used)
    kept = ["metadata", *BESIDE]
    ignored = [n for n in made.columns.ignored if n not in kept and not n.startswith("metadata")]
    made.columns.ignored[:] = ignored
    made.facts |= {"format": name, **found.facts}
    if doors.where or "score" in doors.columns:
        made.facts.pop("own_figure", None)  # it is of other rows, or of another score
    made.notes += found.notes
    made.calls = found.calls
    _details(made, found)
    if metric := found.facts.get("lower_is_better"):
        problems.add(path.name, f"less is better in {metric}", "give a score where more is better")
    return made


def _details(made: Read, found: Found) -> None:
    """What stands beside our columns: error messages, targets, the benchmark."""
    for name in BESIDE:
        values = [found.rows[place].get(name) for place in made.places]
        if any(value is not None for value in values):
            made.table[name] = pd.Series(values, index=made.table.index, dtype=object)
    if "suite" not in made.table and found.facts.get("suite"):
        made.table["suite"] = str(found.facts["suite"])


def _folder(folder: Path, doors: Doors, problems: Problems) -> list[Read]:
    there = sorted(
        path for path in folder.rglob("*")
        if path.is_file() and plain_name(path).endswith(_TABLES)
    )  # fmt: skip
    if not there:
        raise TableError(f"{folder}: a folder without tables or logs ({', '.join(_TABLES)})")
    logs = [path for path in there if doors.at is None and recognized(File(path))]
    reads: list[Read] = []
    passed: list[str] = []
    for path in logs or there:
        try:
            reads.append(one(path, doors, problems))
        except TableError as problem:
            passed.append(problem.problems[0])
    reads = _without_totals(reads)
    if not reads:
        raise TableError([f"{folder}: a folder in which no file can be read", *passed])
    if logs and (others := [path.name for path in there if path not in logs]):
        reads[0].notes.append(f"not read in {folder.name}/: {', '.join(others[:6])}")
    reads[0].notes += [f"passed over: {text}" for text in passed]
    return reads


def _without_totals(reads: list[Read]) -> list[Read]:
    """Totals are left out where there are samples."""
    samples = [read for read in reads if read.facts.get("suite") != "aggregates"]
    return samples or reads


def _told_apart(reads: list[Read]) -> list[Read]:
    """Recipes of one name in two files that hold the same trials get the name of their file."""
    seen: dict[tuple[str, ...], Path] = {}
    clashing: set[str] = set()
    for read_ in reads:
        if not {"recipe", "task"} <= set(read_.table) or "criterion" in read_.table:
            return reads
        for key in _trials(read_.table):
            if seen.setdefault(key, read_.path) != read_.path:
                clashing.add(key[0])
    if len(reads) < 2 or not clashing:
        return reads
    for read_ in reads:
        names = read_.table["recipe"]
        renamed = names + f" ({read_.path.name.split('.')[0]})"
        read_.table["recipe"] = renamed.where(names.isin(clashing), names)
        for call in read_.calls:
            if call["recipe"] in clashing:
                call["recipe"] = f"{call['recipe']} ({read_.path.name.split('.')[0]})"
    reads[0].notes.append(
        f"{', '.join(sorted(clashing)[:4])}: in several files with the same tasks, so named by file"
    )
    return reads


def _trials(table: pd.DataFrame) -> set[tuple[str, ...]]:
    keys = [table[name] for name in ("recipe", "task", "repeat", "suite") if name in table]
    return set(zip(*(key.astype(str) for key in keys), strict=True))


def together(reads: Sequence[Read]) -> pd.DataFrame:
    """One table; tasks of two benchmarks, or of two texts, that share an id are two tasks.

    `task_hash` is what runs pair by: benchmark, id, and what its harness knows the task by.
    """
    table = pd.concat([read_.table for read_ in reads]) if len(reads) > 1 else reads[0].table
    table = table.fillna("") if len(reads) > 1 else table
    if "task" not in table or "suite" not in table:
        return table
    suite, task = table["suite"].fillna("").astype(str), table["task"].astype(str)
    text = table.get("identity", pd.Series("", index=table.index)).fillna("").astype(str)
    keys: dict[tuple[str, str, str], str] = {}
    for key in zip(suite, task, text, strict=True):
        if key not in keys:
            keys[key] = digest([key[0], key[1], digest(key[2])])[:16]
    table["task_hash"] = [keys[key] for key in zip(suite, task, text, strict=True)]
    label = task
    if suite.nunique() > 1:
        label = suite + "/" + task
        if "domain" not in table:
            table["domain"] = suite
    several = pd.DataFrame({"label": label, "hash": table["task_hash"]}).drop_duplicates()
    twice = set(several.loc[several["label"].duplicated(), "label"])
    table["task"] = label.where(~label.isin(twice), label + "~" + table["task_hash"].str[:4])
    return table.drop(columns=[n for n in ("suite", "identity") if n in table])


def origin(reads: Sequence[Read]) -> list[dict[str, Any]]:
    """What the manifest says of every file."""
    return [
        {
            "file": read_.path.name,
            "format": read_.facts.get("format", "table"),
            "rows": len(read_.table),
            "columns": dict(read_.columns.used),
            "ignored_columns": list(read_.columns.ignored),
            **{
                k: v
                for k, v in read_.facts.items()
                if k not in ("format", "own", "multiples") and v
            },
        }
        for read_ in reads
    ]
