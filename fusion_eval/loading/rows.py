"""Rows of a table of tasks, each with its place: JSONL, JSON, Parquet, CSV, or a hub's data set."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from fusion_eval.decoding import csv_rows, json_document, json_lines, plain_name, refuse_doubled
from fusion_eval.errors import TaskFileError
from fusion_eval.files import for_arrow
from fusion_eval.loading.yaml_lines import read_text

Where = Callable[[Sequence[str | int]], str]
"""From a path inside one row to `file:line`."""

Raw = tuple[Any, Where]
"""A row as it stands, and where its parts are."""


def rows_of(place: str) -> list[Raw]:
    """The rows of a file, by its ending, or of `hf:owner/name[:split]`."""
    if place.startswith("hf:"):
        return _hub_rows(place)
    path = Path(place)
    reader = _READERS.get(Path(plain_name(path)).suffix)
    if reader is None:
        known = f".yaml, {', '.join(_READERS)} (also .gz, .zst, .bz2, .xz) or hf:owner/name"
        raise TaskFileError(f"{path}: unknown kind of task file; give {known}")
    return reader(path)


def at(place: str) -> Where:
    """A row that is one line: the place, and the path inside the row."""
    return lambda loc: f"{place}{': ' + '.'.join(map(str, loc)) if loc else ''}"


def _jsonl_rows(path: Path) -> list[Raw]:
    lines = json_lines(path, read_text(path, TaskFileError), TaskFileError)
    return [(row, at(f"{path}:{line}")) for line, row in lines]


def _json_rows(path: Path) -> list[Raw]:
    """One object, a list of them, or an object whose `tasks` are that list."""
    value = json_document(path, read_text(path, TaskFileError), TaskFileError)
    if isinstance(value, dict) and isinstance(value.get("tasks"), list):
        value = value["tasks"]
    rows = value if isinstance(value, list) else [value]
    return [(row, at(f"{path}:item {i}")) for i, row in enumerate(rows, 1)]


def _parquet_rows(path: Path) -> list[Raw]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(for_arrow(path))
    except FileNotFoundError:
        raise TaskFileError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as problem:
        raise TaskFileError(f"{path}: not Parquet: {problem}") from None
    return table_rows(table, str(path))


def table_rows(table: Any, place: str) -> list[Raw]:
    """The rows of an Arrow table, without their empty cells."""
    import pyarrow as pa

    narrow = [name for name in table.column_names if pa.types.is_float32(table[name].type)]
    return [
        (_without_nulls(_shortest(row, narrow)), at(f"{place}:row {i}"))
        for i, row in enumerate(table.to_pylist(), 1)
    ]


def _shortest(row: dict[str, Any], narrow: Sequence[str]) -> dict[str, Any]:
    """Numbers of 32 bits in their shortest form: 0.1, which 64 bits show as 0.10000000149011612."""
    short = {
        name: float(f"{row[name]:.7g}")
        for name in narrow
        if row[name] is not None and math.isfinite(row[name])
    }
    return {**row, **short}


def _csv_rows(path: Path) -> list[Raw]:
    lines = csv_rows(path, read_text(path, TaskFileError), TaskFileError)
    line, header = next(lines, (1, []))
    names = _columns(header)
    refuse_doubled(names, f"{path}:{line}", TaskFileError)
    return [
        ({k: v for k, v in zip(names, cells, strict=True) if v.strip()}, at(f"{path}:{line}"))
        for line, cells in lines
    ]


_OURS = {"id", "prompt", "system", "target", "check", "reference", "domain", "cluster", "score"}


def _columns(header: list[str]) -> list[str]:
    """Names of the columns, in lower case where ours are so."""
    names = [name.strip() for name in header]
    return [name.lower() if name.lower() in _OURS else name for name in names]


_HUB = re.compile(
    r"hf:(?P<name>[^:@]+)(@(?P<revision>[^/:]+)(/(?P<config>[^:]+))?)?(:(?P<split>.+))?$"
)


_WAYS_OUT = {
    "gated": "accept its terms on its page, and set HF_TOKEN",
    "onfig": "name a config: hf:owner/name@main/CONFIG:SPLIT",
    "split": "name a split: hf:owner/name:SPLIT",
    "evision": "name a branch, a tag or a commit: hf:owner/name@REVISION",
    "": "check the name and the connection, or give a local file",
}
"""A word of the hub's message -> what to do."""


def _hub_rows(source: str) -> list[Raw]:
    """`hf:owner/name[@revision[/config]][:split]`; the newest is the revision `main`.

    Raises TaskFileError with the splits or configs that there are.
    """
    known = _HUB.match(source)
    if known is None:
        raise TaskFileError(f"{source}: write hf:owner/name@revision/config:split")
    table = _loaded(source, **known.groupdict())
    return [(_without_nulls(dict(row)), at(f"{source}:row {i}")) for i, row in enumerate(table, 1)]


def _loaded(
    source: str, name: str, revision: str | None, config: str | None, split: str | None
) -> Iterable[dict[str, Any]]:
    try:
        import datasets
    except ImportError:
        raise TaskFileError(
            f"{source}: needs the package `datasets`; install it, or give a local file"
        ) from None
    chosen = {"name": config, "revision": revision}
    given = {key: value for key, value in chosen.items() if value is not None}
    try:
        table = datasets.load_dataset(name, split=split, **given)
    except (OSError, ValueError, RuntimeError) as problem:
        text = str(problem).split("Example of usage")[0] or type(problem).__name__
        what = " ".join(text.split()).rstrip(".:")
        way_out = next(way for word, way in _WAYS_OUT.items() if word in what)
        raise TaskFileError(f"{source}: cannot be loaded ({what}); {way_out}") from None
    if isinstance(table, datasets.Dataset):
        return table  # type: ignore[no-any-return]
    if len(table) != 1:
        raise TaskFileError(f"{source}: has splits {', '.join(table)}; choose one: {source}:SPLIT")
    return next(iter(table.values()))


def _without_nulls(value: Any) -> Any:
    """Tables fill absent keys with null; a file would not have them."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)  # an integer beside a missing one becomes a float in a table
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


_READERS: dict[str, Callable[[Path], list[Raw]]] = {
    ".jsonl": _jsonl_rows,
    ".ndjson": _jsonl_rows,
    ".json": _json_rows,
    ".parquet": _parquet_rows,
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
}
