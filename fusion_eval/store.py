"""The run directory `results/<run-id>/`: the only bridge between making calls and reading files.

Every file is written whole, beside its place, and then moved: a reader never sees half a file.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion_eval import files, shapes
from fusion_eval.columns import COLUMNS as COLUMNS
from fusion_eval.errors import TableError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_GROUP = 4_000  # rows that are written together
FACTS = "PANDAS_ATTRS"
"""Metadata of a table file from which pandas (2.1 and later) restores the `attrs` of a frame."""
_KEYS = {"task", "recipe", "repeat"}
MADE = ("trials", "verdicts", "calls")
"""The tables that every run has; labels come later, where people give some."""
LIVE = "live.jsonl"
"""What a run tells while it goes on: see `bench.live`, which writes it beside this name."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Run:
    """A run on disk: its directory and its manifest. Tables are read when somebody wants them."""

    path: Path
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line; the manifest is a page."""
        status = f", {self.manifest['status']}" if self.manifest.get("status") else ""
        return f"<Run {self.id}{status}{', SIMULATED' if self.simulated else ''}>"

    @property
    def id(self) -> str:
        """The run id, which is the name of the directory."""
        return str(self.manifest.get("run_id", self.path.name))

    @property
    def simulated(self) -> bool:
        """True when any reply of the run came from a simulator."""
        return bool(self.manifest.get("simulated"))

    def table(self, name: str) -> Path:
        """Path of `trials`, `verdicts` or `calls`; raises TableError where it is not there."""
        path = self.path / f"{name}.parquet"
        if not path.exists():
            status = self.manifest.get("status", "unknown")
            raise TableError(
                f"{path}: not there (the run's status is {status!r}); "
                "run again to finish it, or give another run"
            )
        return path


def read_run(path: str | Path) -> Run:
    """Open a run directory, or `results/latest`. Raises TableError where there is no run."""
    folder = Path(path)
    manifest = folder / "manifest.json"
    try:
        return Run(path=folder.resolve(), manifest=shapes.read("manifest", manifest.read_bytes()))
    except (OSError, ValueError) as problem:
        said = problem.strerror if isinstance(problem, OSError) else problem
        raise TableError(
            f"{folder}: not a run directory (manifest.json: {said}); {_other_runs(folder)}"
        ) from problem


def _other_runs(folder: Path) -> str:
    """Which runs there are beside a folder that is none."""
    with contextlib.suppress(OSError):
        there = [p.parent.name for p in folder.parent.glob("*/manifest.json")]
        if folder.name in there or not there:
            return _MADE_BY
        named = did_you_mean(folder.name, there, "")
        if not named.startswith(": "):
            return named
        newest = sorted(there, reverse=True)[:3]
        more = f" and {len(there) - 3} more" if len(there) > 3 else ""
        return f"runs in {folder.parent}: {', '.join(newest)}{more}"
    return _MADE_BY


_MADE_BY = "give one made by `fusion-eval run` or `fusion-eval import`"


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> Run:
    """Write (or replace) the manifest, making the directory where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "manifest.json", manifest)
    return Run(path=folder, manifest=dict(manifest))


class TableFile:
    """One of the three tables while its rows come; `close` puts it in place, all rows at once.

    Rows are written in groups, so that a table may be larger than memory.
    """

    def __init__(self, folder: Path, name: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._name = name
        self._part = files.Part(folder / f"{name}.parquet")
        self._schema = pa.schema([(c, _arrow(kind)) for c, kind in COLUMNS[name].items()])
        self._sink = self._part.temporary.open("wb")
        self._file = pq.ParquetWriter(
            self._sink, self._schema, store_schema=False, write_page_checksum=True
        )
        self._rows: list[Mapping[str, Any]] = []

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take rows; a key that is no column is an error."""
        known = COLUMNS[self._name].keys()
        for row in rows:
            if unknown := row.keys() - known:
                raise ValueError(f"{self._name} has no column {sorted(unknown)}")
            self._rows.append(row)
            if len(self._rows) >= _GROUP:
                with files.naming(self._part.path):
                    self._write()

    def add_frame(self, frame: pd.DataFrame) -> None:
        """Take all rows of a data frame at once; a column that is none of the table is an error."""
        import pyarrow as pa

        if unknown := set(frame.columns) - COLUMNS[self._name].keys():
            raise ValueError(f"{self._name} has no column {sorted(unknown)}")
        whole = frame.reindex(columns=self._schema.names)
        self._file.write_table(pa.Table.from_pandas(whole, self._schema, preserve_index=False))

    def close(self, facts: Mapping[str, Any] | None = None) -> Path:
        """The last rows; then the file replaces one that was there before.

        `facts` (run id, whether it was simulated) travel with the file; pandas has them in `attrs`.
        """
        with files.naming(self._part.path):
            self._write()
            if facts:
                self._file.add_key_value_metadata({FACTS: json.dumps(dict(facts))})
            self._file.close()
            self._sink.close()
        return self._part.commit()

    def discard(self) -> None:
        """Remove what was not closed."""
        with contextlib.suppress(Exception):  # a full disk: there is no end to be written
            self._file.close()
        with contextlib.suppress(OSError):
            self._sink.close()
        self._part.discard()

    def _write(self) -> None:
        import pyarrow as pa

        if self._rows:
            columns = {name: [row.get(name) for row in self._rows] for name in self._schema.names}
            self._file.write_table(pa.Table.from_pydict(columns, schema=self._schema))
            self._rows = []


def write_table(
    folder: Path,
    name: str,
    rows: Iterable[Mapping[str, Any]],
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write one of the three tables from rows; a key that is no column is an error."""
    file = TableFile(folder, name)
    try:
        file.add(rows)
        return file.close(facts)
    finally:
        file.discard()


def write_frame(
    folder: Path, name: str, frame: pd.DataFrame, facts: Mapping[str, Any] | None = None
) -> Path:
    """The same from a data frame."""
    file = TableFile(folder, name)
    try:
        file.add_frame(frame)
        return file.close(facts)
    finally:
        file.discard()


def rows_by_task(run: Run, name: str) -> Callable[[str], dict[int, dict[str, Any]]]:
    """One of the three tables, task by task: id of a task -> its rows, by their place in the file.

    Rows become Python values only when somebody asks for them; empty cells are None.
    """
    table = read_table(run, name)
    places: dict[str, list[int]] = {}
    for place, task in enumerate(table.column("task").to_pylist()):
        places.setdefault(str(task), []).append(place)
    if places:
        table = table.take([place for some in places.values() for place in some])
    starts = dict(zip(places, accumulate(map(len, places.values()), initial=0), strict=False))

    def rows(task: str) -> dict[int, dict[str, Any]]:
        found = places.get(task, [])
        part = table.slice(starts.get(task, 0), len(found))
        return dict(zip(found, part.to_pylist(), strict=True))

    return rows


def read_rows(run: Run, name: str) -> list[dict[str, Any]]:
    """One of the three tables, row by row; empty cells are None."""
    rows: list[dict[str, Any]] = read_table(run, name).to_pylist()
    return rows


def read_table(run: Run, name: str) -> pa.Table:
    """One of the tables; calls of runs of before `purpose` was a column get it."""
    table = _whole(run.table(name), name)
    if name == "calls" and "purpose" not in table.column_names:
        return _with_purpose(run, table)
    return table


def _whole(path: Path, name: str) -> pa.Table:
    """A table out of its file, whose pages must fit their checksums and columns their types."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(files.for_arrow(path), page_checksum_verification=True)
        for column, kind in COLUMNS[name].items():
            if column in table.column_names:
                values = table.column(column)
                if values.null_count < len(values):  # an empty column has any type
                    _refuse_other_kind(values.type, _arrow(kind), column)
            elif column in _KEYS:
                raise ValueError(f"no column {column!r}")
        unknown = [one for one in table.column_names if one not in COLUMNS[name]]
        if unknown and len(table.column_names) - len(unknown) < len(COLUMNS[name]):
            raise ValueError(f"column {unknown[0]!r} is none of this table, and others are missing")
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as problem:
        said = str(problem).partition("\n")[0][:200]
        raise TableError(f"{path}: damaged ({said}); restore it, or give another run") from problem
    return table


def _refuse_other_kind(there: pa.DataType, wanted: pa.DataType, column: str) -> None:
    import pyarrow.types as kinds

    alike = (kinds.is_integer, kinds.is_floating, kinds.is_boolean, kinds.is_list)
    if there == wanted or kinds.is_null(there) or any(k(there) and k(wanted) for k in alike):
        return
    texts = (kinds.is_string, kinds.is_large_string, kinds.is_dictionary)
    if not (any(k(there) for k in texts) and any(k(wanted) for k in texts)):
        raise ValueError(f"column {column!r} holds {there} and not {wanted}")


def read_json(run: Run, name: str) -> dict[str, Any]:
    """`gate.json` or `summary.json` of a run; raises TableError where it is damaged."""
    path = run.path / name
    try:
        return shapes.read(path.stem, path.read_bytes())
    except ValueError as problem:
        raise TableError(f"{path}: damaged ({problem}); make it again") from problem


def _with_purpose(run: Run, calls: pa.Table) -> pa.Table:
    """Of the calls of a trial those of its answer stand first, and the trial knows how many."""
    import pyarrow as pa

    keys = ["task", "recipe", "repeat"]
    trials = _whole(run.table("trials"), "trials").select([*keys, "calls"]).to_pylist()
    left = {tuple(t[k] for k in keys): 0 if run.manifest.get("graded") else t["calls"] or 0
            for t in trials}  # fmt: skip
    purposes = []
    for row in calls.select(keys).to_pylist():
        trial = tuple(row[k] for k in keys)
        purposes.append("answer" if left.get(trial, 0) > 0 else "grading")
        left[trial] = left.get(trial, 0) - 1
    return calls.append_column("purpose", pa.array(purposes, pa.string()))


def _arrow(kind: str) -> pa.DataType:
    import pyarrow as pa

    return getattr(pa, {"bool": "bool_"}.get(kind, kind))()


def write_json(path: Path, value: object) -> Path:
    """Write a JSON document, indented, ending with a newline; NaN is refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a path that is not UTF-8: escaped, it can be found again
        text = json.dumps(value, indent=2, allow_nan=False)
    return files.write_text(path, text + "\n")


def write_yaml(path: Path, value: object) -> Path:
    """Write a YAML document, keys in the order given."""
    import yaml

    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return files.write_text(path, text)


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write JSON lines."""
    with files.opened(path) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Lines of `answers`, `replies` or `tasks`; raises TableError at one that is damaged."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield shapes.read(path.stem, line)
            except ValueError as problem:
                raise TableError(
                    f"{path}:{number}: damaged ({problem}); restore it, or give another run"
                ) from problem


def read_bench(run: Run) -> dict[str, Any]:
    """The bench file of a run as it is written; empty where there is none, or a damaged one."""
    import yaml

    with contextlib.suppress(OSError, ValueError, RecursionError, yaml.YAMLError):
        bench = yaml.safe_load((run.path / "bench.yaml").read_text("utf-8"))
        return bench if isinstance(bench, dict) else {}
    return {}


def point_latest(results: Path, run_id: str) -> None:
    """Let `results/latest` point at this run, as a symbolic link.

    Raises TableError where something else has that name; `check_latest` says so before a run.
    """
    link = results / "latest"
    check_latest(results)
    temporary = results / f".latest-{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    temporary.symlink_to(run_id, target_is_directory=True)
    temporary.replace(link)


def check_latest(results: Path) -> None:
    """Raise TableError where `latest` is a file or folder of somebody, and no link of ours.

    The same where `results` itself is a file.
    """
    if results.exists() and not results.is_dir():
        raise TableError(f"{results}: a file; give a folder as --output-dir")
    link = results / "latest"
    if link.exists() and not link.is_symlink():
        what = "folder" if link.is_dir() else "file"
        raise TableError(
            f"{link}: a {what}, where the link to the newest run belongs; move it away, "
            "or give another --output-dir"
        )
