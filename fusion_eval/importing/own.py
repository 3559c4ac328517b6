"""Tables that we wrote ourselves come back as what they are: whole, SIMULATED, of their run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval.decoding import csv_rows, head_of, plain_name
from fusion_eval.errors import TableError
from fusion_eval.files import for_arrow
from fusion_eval.importing.embedded import embedded
from fusion_eval.importing.formats.file import OTHER_SHAPE
from fusion_eval.importing.reading import lines_of, read
from fusion_eval.store import COLUMNS, FACTS

MARKS: Mapping[str, frozenset[str]] = {
    "trials": frozenset({"task", "task_hash", "recipe", "repeat", "score_min", "coverage"}),
    "verdicts": frozenset({"task", "task_hash", "recipe", "criterion", "weight", "grader_pass"}),
    "calls": frozenset({"key", "task", "recipe", "role", "model_requested"}),
    "labels": frozenset({"label", "task_hash", "criterion", "person"}),
}
"""Columns by which each of our tables is known."""
EXTRA = ("run_id", "version", "simulated")
"""Columns that `export` adds to every table."""
MANIFEST = "manifest.json"
LINES = ("tasks", "answers", "replies")


@dataclass(kw_only=True)
class Own:
    """Tables by name, texts by name (lines, or a path), and what their run said of itself."""

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    lines: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def own(path: Path) -> Own | None:
    """A run directory, an exported folder or one of our tables of trials; None for others."""
    if path.is_dir():
        return _folder(path) or _from_logs(sorted(p for p in path.rglob("*") if p.is_file()))
    if path.suffix in (".json", ".jsonl"):
        return _from_logs([path])
    if _kind(path) != "trials":
        return None
    table, facts = table_of(path, "trials")
    return Own(tables={"trials": table}, facts=_said_beside(path) | facts)


def _from_logs(paths: list[Path]) -> Own | None:
    if not all(p.suffix in (".json", ".jsonl") for p in paths):
        return None
    try:
        found = embedded(paths)
    except OTHER_SHAPE:  # no log of ours, whatever it is
        return None
    if found is None:
        return None
    tables, lines, manifest = found
    typed = {name: _typed(table, name, paths[0]) for name, table in tables.items()}
    return Own(tables=typed, lines=dict(lines), manifest=manifest, facts=_facts(manifest))


def _said_beside(path: Path) -> dict[str, Any]:
    """What the manifest of the same directory says, for tables of older runs that say nothing."""
    beside = path.parent / MANIFEST
    return _facts(_json(beside)) if beside.exists() else {}


def _facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {name: manifest[name] for name in EXTRA if name in manifest}


def _folder(folder: Path) -> Own | None:
    found = Own()
    for path in sorted(folder.iterdir()):
        kind = _kind(path) if path.is_file() else None
        if kind is not None and path.stem.split(".")[0] == kind:
            found.tables[kind], facts = table_of(path, kind, _empties(folder, kind))
            found.facts |= facts
        elif path.suffix == ".jsonl" and path.stem in LINES:
            found.lines[path.stem] = [_stripped(row) for _, row in lines_of(path)]
    if "trials" not in found.tables:
        return None
    if (folder / MANIFEST).exists():
        found.manifest = _json(folder / MANIFEST)
        found.facts = _facts(found.manifest)
    return found


def _stripped(line: dict[str, Any]) -> dict[str, Any]:
    """A line without what `export` added; a run itself writes the word SIMULATED."""
    added = {"run_id", "version"} & line.keys()
    added |= {"simulated"} if not isinstance(line.get("simulated"), str) else set()
    return {name: value for name, value in line.items() if name not in added}


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise TableError(f"{path}: cannot be read ({problem}); copy the folder again") from None
    return value if isinstance(value, dict) else {}


def _empties(folder: Path, kind: str) -> Mapping[str, Any]:
    """Where cells of a CSV are a text without letters, and not nothing; see `exporting`."""
    side = folder / "empty-texts.json"
    return _json(side).get(kind, {}) if side.exists() else {}


def _kind(path: Path) -> str | None:
    names = frozenset(_names(path))
    return next((kind for kind, marks in MARKS.items() if marks <= names), None)


def _names(path: Path) -> list[str]:
    name = plain_name(path)
    try:
        if name.endswith(".parquet"):
            import pyarrow.parquet as pq

            return list(pq.read_schema(path).names)
        if name.endswith(".csv"):
            _, header = next(csv_rows(path, head_of(path), TableError), (1, []))
            return header
    except (OSError, ValueError, TableError):
        return []
    return []


def table_of(
    path: Path, kind: str, empty: Mapping[str, Any] | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """One of our tables with the types of its columns, and what it says of its run."""
    facts: dict[str, Any] = {}
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        table = pq.read_table(for_arrow(path))
        said = (table.schema.metadata or {}).get(FACTS.encode())
        facts = json.loads(said) if said else {}
        frame = table.to_pandas()
    else:
        sheet = read(path)
        frame = pd.DataFrame({name: _unguarded(sheet.column(name)) for name in sheet.names()})
        frame = frame.astype(object).where(frame != "", None)
        for name, places in (empty or {}).items():
            rows = frame.index if places == "all" else places
            frame.loc[frame.index.intersection(rows), name] = frame.loc[rows, name].fillna("")
    for name in EXTRA:
        if name in frame and len(frame):
            facts[name] = frame[name].iloc[0]
    if "simulated" in facts or _simulated(frame):
        facts["simulated"] = _is_true(facts.get("simulated")) or _simulated(frame)
    return _typed(frame, kind, path), {k: v for k, v in facts.items() if v is not None}


def _unguarded(text: pd.Series) -> pd.Series:
    """Without the apostrophe that keeps a spreadsheet from running a cell; see `exporting`."""
    return text.mask(text.str.match(r"'['=+\-@\t\r]"), text.str[1:])


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in {"true", "1", "simulated", "yes"}


def _simulated(frame: pd.DataFrame) -> bool:
    source = frame.get("latency_source")
    return bool(source is not None and source.astype("str").str.contains("simulated").any())


def _typed(frame: pd.DataFrame, kind: str, path: Path) -> pd.DataFrame:
    made = {}
    for name, type_ in COLUMNS[kind].items():
        column = frame.get(name)
        if column is None:
            column = pd.Series(None, index=frame.index, dtype=object)
        if type_ in ("float64", "int64"):
            number = pd.to_numeric(column, errors="coerce")
            if bad := int((number.isna() & column.notna()).sum()):
                raise TableError(f"{path}: {bad} cells of {name} are no numbers; export it again")
            made[name] = number
        elif type_ == "bool":
            made[name] = column.map(lambda v: None if pd.isna(v) else _is_true(v))
        else:
            made[name] = column.astype(object).where(column.notna(), None)
    return pd.DataFrame(made)
