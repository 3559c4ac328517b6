"""A CSV, TSV, JSONL or Parquet file as a table of text; the index is the line number."""

from __future__ import annotations

import difflib
import gzip
import io
import json
import math
from pathlib import Path

import pandas as pd

from fusion_eval.errors import TableError

FORMATS = ".csv, .tsv, .jsonl (also .gz) or .parquet"


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


def read(path: Path) -> pd.DataFrame:
    """Cells as text, empty where there is nothing; index = line (Parquet: row) number, from 1.

    Raises TableError for an unknown format and for what cannot be decoded or parsed.
    """
    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith(".parquet"):
            return _as_text(pd.read_parquet(path))
        if name.endswith((".jsonl", ".ndjson")):
            return _jsonl(path)
        if name.endswith((".csv", ".tsv")):
            return _csv(path, "\t" if name.endswith(".tsv") else ",")
    except UnicodeDecodeError as problem:
        raise TableError(
            f"{path}: not UTF-8 (byte {problem.start}); save it as UTF-8 and import again"
        ) from problem
    except (OSError, EOFError, ValueError) as problem:
        detail = str(problem).strip().splitlines()
        raise TableError(
            f"{path}: cannot be read ({detail[0] if detail else type(problem).__name__}); "
            "check that the file is whole"
        ) from problem
    raise TableError(f"{path}: format unknown; give {FORMATS}")


def _text(path: Path) -> str:
    raw = path.read_bytes()
    content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    return content.decode("utf-8-sig")


def _csv(path: Path, separator: str) -> pd.DataFrame:
    """Read as text only, so that a task named 007 or NA keeps its name."""
    text = _text(path)
    if not text.strip():
        raise TableError(f"{path}: empty; a header and rows are needed")
    frame = pd.read_csv(
        io.StringIO(text), sep=separator, dtype=str, keep_default_na=False,
        skip_blank_lines=False, index_col=False,
    )  # fmt: skip
    frame.index = pd.RangeIndex(2, len(frame) + 2)
    frame.columns = [str(column).strip() for column in frame.columns]
    cells: pd.DataFrame = frame.fillna("").apply(lambda column: column.str.strip())
    return cells.loc[(cells != "").any(axis=1)]


def _jsonl(path: Path) -> pd.DataFrame:
    rows: dict[int, dict[str, object]] = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as problem:
            raise TableError(f"{path}:{number}: not JSON ({problem}); one object a line") from None
        if not isinstance(row, dict):
            raise TableError(f'{path}:{number}: no object; write {{"recipe": …}} on each line')
        rows[number] = row
    if not rows:
        raise TableError(f"{path}: empty; one JSON object a line is needed")
    return _as_text(pd.DataFrame.from_dict(rows, orient="index", dtype=object), first=None)


def _as_text(frame: pd.DataFrame, first: int | None = 1) -> pd.DataFrame:
    if first is not None:
        frame.index = pd.RangeIndex(first, len(frame) + first)
    frame.columns = [str(column) for column in frame.columns]
    text: pd.DataFrame = frame.astype(object).map(_cell)
    return text


def _cell(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
