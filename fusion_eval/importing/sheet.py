"""A table as it stands in a file: columns by name or path, and the line of each row."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd

from fusion_eval.importing.paths import UP, steps_of, value_at


class Sheet(Protocol):
    """Rows of one file. Cells come as text, empty where there is nothing."""

    @property
    def file(self) -> str:
        """Name of the file, for messages."""

    @property
    def lines(self) -> Sequence[int] | np.ndarray:
        """The line of each row."""

    def names(self) -> list[str]:
        """The columns."""

    def has(self, path: str) -> bool:
        """Whether there is such a column, or anything at the end of the path in some row."""

    def column(self, path: str) -> pd.Series:
        """Text of one column, in the order of the rows."""

    def rest(self, used: Iterable[str]) -> list[str]:
        """Columns of which nothing is used, and the unused parts of those that are used in part."""


@dataclass(frozen=True)
class Cells:
    """A table whose columns have names and no parts: CSV, TSV, Parquet."""

    file: str
    lines: Sequence[int] | np.ndarray
    columns: Mapping[str, pd.Series]

    def names(self) -> list[str]:
        return list(self.columns)

    def has(self, path: str) -> bool:
        return path in self.columns

    def column(self, path: str) -> pd.Series:
        return self.columns[path]

    def rest(self, used: Iterable[str]) -> list[str]:
        taken = set(used)
        return [name for name in self.columns if name not in taken]


@dataclass(frozen=True)
class Objects:
    """Rows that are JSON objects; a column is a key, or a path into it."""

    file: str
    lines: Sequence[int] | np.ndarray
    rows: Sequence[Mapping[str, Any]]
    _names: dict[str, None] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for row in self.rows:
            self._names.update(dict.fromkeys(row))

    def names(self) -> list[str]:
        return [name for name in self._names if name != UP]

    def has(self, path: str) -> bool:
        if path in self._names:
            return True
        head = steps_of(path)[0] if steps_of(path) else path
        if len(steps_of(path)) < 2 or not any(path.startswith(name) for name in self._names):
            return False
        return isinstance(head, str) and any(value_at(r, path) is not None for r in self.rows)

    def column(self, path: str) -> pd.Series:
        return pd.Series([cell(value_at(row, path)) for row in self.rows], dtype="str")

    def rest(self, used: Iterable[str]) -> list[str]:
        taken = set(used)
        found: list[str] = []
        for name in self.names():
            inside = {path[len(name) + 1 :] for path in taken if path.startswith(f"{name}.")}
            if name in taken:
                continue
            found += [name] if not inside else self._parts(name, inside)
        return found

    def _parts(self, name: str, inside: set[str]) -> list[str]:
        """Keys one level down of which nothing is used."""
        heads = {path.split(".")[0] for path in inside} | inside
        keys: dict[str, None] = {}
        for row in self.rows:
            if isinstance(part := row.get(name), dict):
                keys.update(dict.fromkeys(part))
        return [f"{name}.{key}" for key in keys if key not in heads]


def cell(value: object) -> str:
    """A value as text: whole numbers without `.0`, objects and lists as JSON, nothing as empty."""
    if isinstance(value, str):
        return value
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, bytes):  # a column of texts whose writer did not say so
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, np.generic):
        value = float(str(value)) if isinstance(value, np.float32) else value.item()
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, dict | list | np.ndarray):
        plain = value.tolist() if isinstance(value, np.ndarray) else value
        return json.dumps(plain, ensure_ascii=False, default=str)
    return str(value)


def joined(columns: Sequence[pd.Series]) -> pd.Series:
    """Several columns as one, `a/b`."""
    whole = columns[0].reset_index(drop=True)
    for column in columns[1:]:
        whole = whole + "/" + column.reset_index(drop=True)
    return whole
