"""A CSV, TSV, JSONL, JSON or Parquet file as a table; nothing that stands in it gets lost."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.core import clean_json
from fusion_eval.errors import TableError
from fusion_eval.importing.paths import rows_at
from fusion_eval.importing.problems import SHOWN
from fusion_eval.importing.sheet import Cells, Objects, Sheet, cell

FORMATS = ".csv, .tsv, .jsonl, .json (also .gz) or .parquet"
_ROWS = 50_000  # that are turned into columns together
_POINTER = b"version https://git-lfs.github.com/spec"


def existing(path: str | Path) -> Path:
    """The path, if there is a file; TableError with close matches otherwise."""
    found = Path(path).expanduser()
    if found.is_file():
        return found
    if found.is_dir():
        raise TableError(f"{found}: a folder; give a file ({FORMATS})")
    folder = found.parent
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    close = difflib.get_close_matches(found.name, names, n=3)
    hint = f"did you mean {', '.join(close)}?" if close else f"there is no such file in {folder}/"
    raise TableError(f"{found}: not found; {hint}")


def read(path: Path, at: str | None = None) -> Sheet:
    """The table in a file, by its ending; `at` says where in a JSON document its rows stand.

    Raises TableError for an unknown format and for what cannot be decoded or parsed.
    """
    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith(".parquet"):
            return _parquet(path)
        if name.endswith((".jsonl", ".ndjson", ".json")):
            return _objects(path, at)
        if name.endswith((".csv", ".tsv", ".txt")):
            return _csv(path, "\t" if name.endswith(".tsv") else None)
    except UnicodeDecodeError as problem:
        raise TableError(
            f"{path}: not UTF-8 (byte {problem.start}); save it as UTF-8 and import again"
        ) from problem
    except (OSError, EOFError, ValueError, RecursionError) as problem:
        detail = str(problem).strip().splitlines()
        raise TableError(
            f"{path}: cannot be read ({detail[0] if detail else type(problem).__name__}); "
            "check that the file is whole"
        ) from problem
    raise TableError(f"{path}: format unknown; give {FORMATS}")


def text_of(path: Path) -> str:
    """The text of a file, unpacked where it is gzip. Says so where it is a pointer of Git LFS."""
    raw = path.read_bytes()
    if raw.startswith(_POINTER):
        raise TableError(f"{path}: a pointer of Git LFS, not the file itself; run `git lfs pull`")
    try:
        content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (zlib.error, EOFError, gzip.BadGzipFile) as problem:
        raise TableError(
            f"{path}: cannot be read: its gzip is damaged ({problem}); copy it again"
        ) from None
    return content.decode("utf-8-sig")


def json_of(path: Path) -> Any:
    """A JSON document, or the objects of a JSONL file as a list."""
    name = path.name.lower().removesuffix(".gz")
    if not name.endswith(".json"):
        return [row for _, row in lines_of(path)]
    try:
        return _json(text_of(path))
    except (ValueError, RecursionError) as problem:
        if isinstance(problem, UnicodeDecodeError):
            raise
        raise TableError(f"{path}: not JSON ({problem})") from None


def lines_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of each line of JSONL. Lines end at a line feed and nowhere else."""
    for number, line in enumerate(text_of(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = _json(line)
        except (ValueError, RecursionError) as problem:
            raise TableError(f"{path}:{number}: not JSON ({problem}); one object a line") from None
        if not isinstance(row, dict):
            raise TableError(f'{path}:{number}: no object; write {{"recipe": …}} on each line')
        yield number, row


def _json(text: str) -> Any:
    """A JSON value; halves of characters, which only an escape can bring, become U+FFFD."""
    value = json.loads(text, object_pairs_hook=_each_key_once)
    return clean_json(value) if "\\u" in text else value


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON keeps the last of two equal keys silently; we do not."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        doubled = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {doubled!r} stands twice; keep one")
    return made


def _objects(path: Path, at: str | None) -> Objects:
    if path.name.lower().removesuffix(".gz").endswith(".json"):
        return objects(path, json_of(path), at)
    numbered = list(lines_of(path))
    if not numbered:
        raise TableError(f"{path}: empty; one JSON object a line is needed")
    if at is not None:
        return objects(path, [row for _, row in numbered], at)
    return Objects(path.name, [number for number, _ in numbered], [row for _, row in numbered])


def objects(path: Path, document: Any, at: str | None) -> Objects:
    """The rows of a JSON document: it is a list of objects, or `at` says where they stand."""
    if at is None and not isinstance(document, list):
        if isinstance(document, dict) and _TASK & document.keys():
            raise TableError(f"{path}: a task, not results; ask it: `fusion-eval run FILE`")
        raise TableError(f"{path}: one JSON {_kind(document)}; {_lists(document)}")
    rows, passed = rows_at(document, at or ".")
    if not rows:
        where = f"--at {at}: no object there" if at else "no object in the list"
        raise TableError(f"{path}: {where}; {_lists(document)}")
    if at is None and passed:
        raise TableError(f"{path}: {len(passed)} items of the list are no objects; remove them")
    return Objects(path.name, range(1, len(rows) + 1), rows)


_TASK = frozenset({"prompt", "question", "turns", "rubrics", "sub_tasks"})


def _kind(document: Any) -> str:
    return "object" if isinstance(document, dict) else "value"


def _lists(document: Any) -> str:
    """The lists of objects in a document, as the way out."""
    there = dict(_lists_in(document, "", 3))
    if not there:
        return "say where its rows stand: --at PATH (docs/import.md)"
    some = ", ".join(f"--at {path} ({count:,} rows)" for path, count in list(there.items())[:6])
    return f"say where its rows stand: {some}"


def _lists_in(value: Any, path: str, depth: int) -> Iterator[tuple[str, int]]:
    if not isinstance(value, dict) or not depth:
        return
    for key, item in value.items():
        name = f"{path}.{key}" if path else str(key)
        if isinstance(item, list) and item and isinstance(item[0], dict):
            yield name, len(item)
        yield from _lists_in(item, name, depth - 1)


def _csv(path: Path, separator: str | None) -> Cells:
    """Read as text only, so that a task named 007 or NA keeps its name."""
    text = text_of(path)
    if not text.strip():
        raise TableError(f"{path}: empty; a header and rows are needed")
    header, lines, columns = csv_columns(path, text, separator)
    if doubled := {name for name in header if name and header.count(name) > 1}:
        twice = ", ".join(repr(name) for name in sorted(doubled))
        raise TableError(f"{path}:1: two columns named {twice}; rename or remove one")
    if not len(lines):
        raise TableError(f"{path}: a header and no rows; there is nothing to import")
    named = {name or f"column {k}": columns[k - 1] for k, name in enumerate(header, 1)}
    filled = {n: c for n, c in named.items() if not n.startswith("column ") or (c != "").any()}
    return Cells(path.name, lines, filled)


def csv_columns(
    path: Path, text: str, separator: str | None
) -> tuple[list[str], np.ndarray, list[pd.Series]]:
    """Header, line of each row that is not empty, and the columns; wider rows are an error."""
    limit = csv.field_size_limit(sys.maxsize)  # of the whole process, so it is put back
    separator = separator or _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines: list[int] = []
    parts: list[pd.DataFrame] = []
    rows: list[list[str]] = []
    wider: list[str] = []
    start = 1
    try:
        header = next(([n.strip() for n in row] for row in reader if any(row)), [])
        start = reader.line_num + 1
        for row in reader:
            line, start = start, reader.line_num + 1
            if not any(value.strip() for value in row):
                continue
            if any(value.strip() for value in row[len(header) :]):
                wider.append(f"{path}:{line}: {_wider(len(row), len(header))}")
            lines.append(line)
            rows.append((row + [""] * (len(header) - len(row)))[: len(header)])
            if len(rows) == _ROWS:
                parts.append(pd.DataFrame(rows, dtype="str"))
                rows = []
    except csv.Error as problem:
        raise TableError(f"{path}:{start}: not CSV ({problem}); check the quotes") from None
    finally:
        csv.field_size_limit(limit)
    if wider:
        rest = len(wider) - SHOWN
        raise TableError(wider[:SHOWN] + ([f"… and {rest} more such rows"] if rest > 0 else []))
    parts.append(pd.DataFrame(rows, columns=range(len(header)), dtype="str"))
    whole = pd.concat(parts, ignore_index=True)
    return header, np.array(lines), [whole[k] for k in range(len(header))]


def _wider(cells: int, header: int) -> str:
    return (
        f"{cells} cells where the header has {header}; quote cells that hold the separator "
        "(a decimal comma must be a point)"
    )


def _separator(text: str) -> str:
    """A comma, unless the header has none and has semicolons or tabs."""
    head = text.split("\n", 1)[0]
    if "," in head:
        return ","
    return max(";\t", key=head.count) if any(mark in head for mark in ";\t") else ","


def _parquet(path: Path) -> Cells:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.read_bytes()[: len(_POINTER)] == _POINTER:
        text_of(path)
    try:
        table = pq.read_table(path)
    except pa.ArrowException as problem:
        raise ValueError(str(problem)) from problem
    if not table.num_rows:
        raise TableError(f"{path}: no rows; there is nothing to import")
    if doubled := {name for name in table.column_names if table.column_names.count(name) > 1}:
        raise TableError(f"{path}: two columns named {sorted(doubled)[0]!r}; rename one")
    columns = {}
    for name in table.column_names:
        if name == "__index_level_0__":
            continue
        values = table.column(name)
        if pa.types.is_float32(values.type) or pa.types.is_float16(values.type):
            texts = [cell(np.float32(v)) if v is not None else "" for v in values.to_pylist()]
        elif pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            columns[name] = values.to_pandas().astype("str").fillna("")
            continue
        else:
            texts = [cell(value) for value in values.to_pylist()]
        columns[name] = pd.Series(texts, dtype="str")
    return Cells(path.name, np.arange(1, table.num_rows + 1), columns)
