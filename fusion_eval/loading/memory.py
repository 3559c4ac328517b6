"""Tasks that stand in memory: rows with the keys of a task file, `Task` values, tables.

A table is a data frame of pandas or polars, an Arrow table, a DuckDB relation: whatever hands over
Arrow. Rows are read as those of a JSONL file are, and just as strictly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from fusion_eval.core.task import Task, TaskSet
from fusion_eval.errors import TaskFileError
from fusion_eval.loading.rows import Raw, at, table_rows

NAME = "tasks"
Rows = Sequence[Mapping[str, Any] | Task]


class Table(Protocol):
    """A data frame of pandas or polars, an Arrow table, a relation of DuckDB."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows."""


Source = str | Path | TaskSet | Rows | Table
"""A file, or tasks in memory."""


def sources_of(tasks: Any) -> list[Any]:
    """What was given for tasks, one by one: files and sets, each list of rows and each table."""
    if isinstance(tasks, str | Path | TaskSet) or is_table(tasks):
        return [tasks]
    if isinstance(tasks, Mapping | Task):
        return [[tasks]]
    if not isinstance(tasks, Iterable):
        raise TaskFileError(
            f"tasks: a {type(tasks).__name__} holds no tasks; give a file, a list of rows, a table"
        )
    several = list(tasks)
    if several and all(isinstance(one, Mapping | Task) for one in several):
        return [several]
    return several


def is_table(source: object) -> bool:
    """Whether it hands over Arrow."""
    return hasattr(source, "__arrow_c_stream__") or hasattr(source, "to_arrow_table")


def raw_rows(source: Any) -> list[Raw]:
    """Rows of a list or a table, with the number of each as its place.

    Raises TaskFileError for what is neither.
    """
    if is_table(source):
        import pyarrow as pa

        handed = source.to_arrow_table() if hasattr(source, "to_arrow_table") else source
        return table_rows(pa.table(handed), NAME)
    if not isinstance(source, Sequence) or isinstance(source, bytes):
        raise TaskFileError(
            f"tasks: a {type(source).__name__} is no task; give a file, a row with the keys of a "
            "task file, or a table"
        )
    return [(_row(one), at(f"{NAME}:item {i}")) for i, one in enumerate(source, 1)]


def _row(one: Any) -> Any:
    return dict(one) if isinstance(one, Mapping) else one
