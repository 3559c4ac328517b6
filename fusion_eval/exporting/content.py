"""All that a run holds, in the shapes that the formats write."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import PureWindowsPath
from typing import Any

import pyarrow as pa

from fusion_eval.store import Run, read_lines, read_table

Row = dict[str, Any]
TABLES = ("trials", "verdicts", "calls", "labels")
LINES = ("tasks", "answers", "replies")
OURS = "fusion_eval"
"""Key under which other formats carry our own rows."""


@dataclass(frozen=True)
class Content:
    """A run and its rows by trial. Our own rows travel with each sample, under `OURS`."""

    run: Run

    @property
    def facts(self) -> dict[str, Any]:
        """What every table and log says of where it is from."""
        return {
            "run_id": self.run.id,
            "version": self.version,
            "simulated": self.run.simulated,
        }

    @property
    def version(self) -> str:
        """The version of fusion-eval that made the run, else of this one."""
        said = (self.run.manifest.get("versions") or {}).get("fusion_eval")
        try:
            return str(said or version("fusion-eval"))
        except PackageNotFoundError:  # a checkout that was never installed
            return "unknown"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What the run says of itself, with names where this machine's paths stand."""
        named: dict[str, Any] = _without_folders(dict(self.run.manifest))
        return named

    @property
    def created(self) -> str:
        """When the run began, ISO 8601; empty where nobody knows."""
        manifest = self.run.manifest
        return str(manifest.get("started") or manifest.get("created") or "")

    def table(self, name: str) -> pa.Table | None:
        """One of our tables; None where the run has none."""
        there = (self.run.path / f"{name}.parquet").exists()
        return read_table(self.run, name) if there else None

    def lines(self, name: str) -> list[Row]:
        """One of the files of texts; empty where the run has none."""
        path = self.run.path / f"{name}.jsonl"
        return list(read_lines(path)) if path.exists() else []

    @cached_property
    def tasks(self) -> dict[str, Row]:
        """Hash of a task -> what was asked."""
        return {line["hash"]: line for line in self.lines("tasks")}

    @cached_property
    def _rows(self) -> dict[str, list[Row]]:
        tables = {name: self.table(name) for name in TABLES}
        return {name: t.to_pylist() if t is not None else [] for name, t in tables.items()}

    def recipes(self) -> Iterator[tuple[str, list[Row]]]:
        """Recipe -> its trials, each with `verdicts`, `calls`, `answer`, `replies`, `place`."""
        by = {name: self._by_trial(self._rows[name]) for name in ("verdicts", "calls", "labels")}
        answers = self._by_trial(self.lines("answers"))
        replies = {line["key"]: line for line in self.lines("replies")}
        recipes: dict[str, list[Row]] = {}
        for place, trial in enumerate(self._rows["trials"]):
            key = _key(trial)
            calls = by["calls"].pop(key, [])
            recipes.setdefault(str(trial["recipe"]), []).append({
                "trial": trial, "place": place, "verdicts": by["verdicts"].pop(key, []),
                "calls": calls, "labels": by["labels"].pop(key, []),
                "answer": next((row for _, row in answers.get(key, [])), None),
                "replies": [replies.pop(row["key"]) for _, row in calls if row["key"] in replies],
            })  # fmt: skip
        yield from recipes.items()

    @staticmethod
    def _by_trial(rows: list[Row]) -> dict[tuple[Any, ...], list[tuple[int, Row]]]:
        found: dict[tuple[Any, ...], list[tuple[int, Row]]] = defaultdict(list)
        for place, row in enumerate(rows):
            found[_key(row)].append((place, row))
        return found


_LOCAL = re.compile(r"(?<![^\s'\"(=,])(?:~|[A-Za-z]:)?(?:[/\\][^\s/\\:'\"]+)+[/\\]([^\s/\\:'\"]+)")


_PATHS, _TEXTS = frozenset({"path", "source", "sources"}), frozenset({"notes", "audit"})


def _without_folders(value: Any, key: str = "") -> Any:
    """A value of JSON in which files have names and no folders: those are of one machine."""
    if isinstance(value, dict):
        under = {name: key if key in _TEXTS else name for name in value}
        return {name: _without_folders(item, under[name]) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_folders(item, key) for item in value]
    if isinstance(value, str) and key in _PATHS and PureWindowsPath(value).anchor:
        return PureWindowsPath(value).name
    return _LOCAL.sub(r"\1", value) if isinstance(value, str) and key in _TEXTS else value


def _key(row: Row) -> tuple[Any, ...]:
    return row["task"], row["recipe"], row["repeat"]


def mean(values: list[Any]) -> float | None:
    """Mean of what is known; None where nothing is."""
    known = [v for v in values if v is not None and not math.isnan(v)]
    return sum(known) / len(known) if known else None


def as_deployed(trial: Row) -> float | None:
    """The score, 0 for a failed answer, None where nothing was read."""
    return 0.0 if trial["failure"] is not None else trial["score"]


def by_task(rows: list[Row]) -> float | None:
    """Mean over tasks of the mean over repeats, as deployed."""
    tasks: dict[str, list[float | None]] = defaultdict(list)
    for row in rows:
        tasks[row["trial"]["task_hash"] or row["trial"]["task"]].append(as_deployed(row["trial"]))
    return mean([mean(values) for values in tasks.values()])


def file_name(recipe: str, taken: set[str]) -> str:
    """A name for a file: letters, digits, dots and dashes; `-2` where one is taken already."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in recipe)
    stem = plain.strip(".-")[:80] or "recipe"
    name, count = stem, 1
    while name.lower() in taken:
        count += 1
        name = f"{stem}-{count}"
    taken.add(name.lower())
    return name
