"""A CSV, TSV, JSONL, JSON or Parquet file as a table; nothing that stands in it gets lost."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fusion_eval import decoding
from fusion_eval.core import clean_json
from fusion_eval.decoding import csv_rows, plain_name, refuse_doubled, refuse_other
from fusion_eval.errors import TableError
from fusion_eval.files import for_arrow
from fusion_eval.importing.paths import rows_at
from fusion_eval.importing.sheet import Cells, Objects, Sheet, cell

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ".csv, .tsv, .jsonl, .json (also .gz, .zst, .bz2, .xz) or .parquet"
_ROWS = 50_000  # that are turned into columns together


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
    name = plain_name(path)
    try:
        if name.endswith(".parquet"):
            return _parquet(path)
        if name.endswith((".jsonl", ".ndjson", ".json")):
            return _objects(path, at)
        if name.endswith((".csv", ".tsv", ".txt")):
            return _csv(path, "\t" if name.endswith(".tsv") else None)
    except (OSError, EOFError, ValueError, RecursionError) as problem:
        detail = str(problem).strip().splitlines()
        raise TableError(
            f"{path}: cannot be read ({detail[0] if detail else type(problem).__name__}); "
            "check that the file is whole"
        ) from problem
    refuse_other(_beginning(path), path, TableError)
    raise TableError(f"{path}: format unknown; give {FORMATS}")


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def text_of(path: Path) -> str:
    """The text of a file; raises TableError where it has none."""
    return decoding.text_of(path, TableError)


def json_of(path: Path) -> Any:
    """A JSON document, or the objects of a JSONL file as a list."""
    if not plain_name(path).endswith(".json"):
        return [row for _, row in lines_of(path)]
    text = text_of(path)
    return _whole(decoding.json_document(path, text, TableError), text)


def lines_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of each line of JSONL."""
    text = text_of(path)
    return ((k, _whole(row, text)) for k, row in decoding.json_lines(path, text, TableError))


def _whole(value: Any, text: str) -> Any:
    """Halves of characters, which only an escape can bring, become U+FFFD."""
    return clean_json(value) if "\\u" in text else value


def _objects(path: Path, at: str | None) -> Objects:
    if plain_name(path).endswith(".json"):
        return objects(path, json_of(path), at)
    numbered = list(lines_of(path))
    if not numbered:
        raise TableError(f"{path}: empty; one JSON object a line is needed")
    if at is not None:
        return objects(path, [row for _, row in numbered], at)
    return Objects(path.name, [number for number, _ in numbered], [row for _, row in numbered])


def objects(path: Path, document: Any, at: str | None) -> Objects:
    """The rows of a JSON document: it is a list of objects, or `at` says where they stand."""
    if at is None and isinstance(document, dict):
        document = columnar(document)
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


def columnar(document: dict[str, Any]) -> Any:
    """The rows of a document that holds columns, as data frames are written; else as it is."""
    names, data = document.get("columns"), document.get("data")
    if (
        isinstance(names, list)
        and isinstance(data, list)
        and all(isinstance(row, list) and len(row) == len(names) for row in data)
    ):
        return [dict(zip(map(str, names), row, strict=True)) for row in data]
    if isinstance(document.get("schema"), dict) and isinstance(data, list):
        return data
    keys = {_keys(column) for column in document.values()}
    if len(document) < 2 or len(keys) != 1 or not (index := next(iter(keys))):
        return document
    if not (_NAMES & {name.lower() for name in document}):
        return document  # a grid: its keys are tasks and recipes, and no columns
    return [{name: column[at] for name, column in document.items()} for at in index]


def _keys(column: Any) -> tuple[Any, ...]:
    """The places of a column's cells; empty where it is none."""
    if isinstance(column, list):
        return tuple(range(len(column)))
    return tuple(column) if isinstance(column, dict) else ()


_NAMES = frozenset({"recipe", "model", "system", "score", "is_correct", "correct", "verdict"})
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
    refuse_doubled(header, f"{path}:1", TableError)
    if not len(lines):
        raise TableError(f"{path}: a header and no rows; there is nothing to import")
    named = {name or f"column {k}": columns[k - 1] for k, name in enumerate(header, 1)}
    filled = {n: c for n, c in named.items() if not n.startswith("column ") or (c != "").any()}
    return Cells(path.name, lines, filled)


def csv_columns(
    path: Path, text: str, separator: str | None
) -> tuple[list[str], np.ndarray, list[pd.Series]]:
    """Header, line of each row that is not empty, and the columns; wider rows are an error."""
    numbered = csv_rows(path, text, TableError, separator)
    header = [name.strip() for name in next(numbered, (1, []))[1]]
    lines: list[int] = []
    parts: list[pd.DataFrame] = []
    rows: list[list[str]] = []
    for line, row in numbered:
        lines.append(line)
        rows.append(row)
        if len(rows) == _ROWS:
            parts.append(pd.DataFrame(rows, dtype="str"))
            rows = []
    parts.append(pd.DataFrame(rows, columns=range(len(header)), dtype="str"))
    whole = pd.concat(parts, ignore_index=True)
    return header, np.array(lines), [whole[k] for k in range(len(header))]


def _parquet(path: Path) -> Sheet:
    """Flat columns as text; a table with structs or lists as objects, for paths into them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    refuse_other(_beginning(path), path, TableError)
    try:
        table = pq.read_table(for_arrow(path))
    except pa.ArrowException as problem:
        raise ValueError(str(problem)) from problem
    if not table.num_rows:
        raise TableError(f"{path}: no rows; there is nothing to import")
    refuse_doubled(table.column_names, str(path), TableError)
    table = table.drop_columns([n for n in table.column_names if n == "__index_level_0__"])
    if any(pa.types.is_nested(kind) for kind in table.schema.types):
        return Objects(path.name, range(1, table.num_rows + 1), _shortest(table).to_pylist())
    columns = {name: _texts(table.column(name)) for name in table.column_names}
    return Cells(path.name, np.arange(1, table.num_rows + 1), columns)


def _texts(values: pa.ChunkedArray) -> pd.Series:
    import pyarrow as pa

    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        texts: pd.Series = values.to_pandas().astype("str").fillna("")
        return texts
    if pa.types.is_float32(values.type) or pa.types.is_float16(values.type):
        return pd.Series(
            [cell(np.float32(v)) if v is not None else "" for v in values.to_pylist()], dtype="str"
        )
    return pd.Series([cell(value) for value in values.to_pylist()], dtype="str")


def _shortest(table: pa.Table) -> pa.Table:
    """Numbers of 32 bits as text in their shortest form, wherever they stand inside a column."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        wanted = _as_text(field.type)
        if wanted != field.type:
            column = table.column(place).cast(wanted)
            table = table.set_column(place, pa.field(field.name, wanted), column)
    return table


def _as_text(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        return pa.string()
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, _as_text(f.type)) for f in kind])
    if pa.types.is_list(kind):
        return pa.list_(_as_text(kind.value_type))
    return kind
