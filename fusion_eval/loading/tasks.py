"""Task files to `TaskSet`: YAML, JSONL, JSON, Parquet, CSV with targets, and data sets on a hub.

Rows of other benchmarks and harnesses (`formats`) are known by their shape, or by the `format`
that somebody names; everything else has the keys of our own task file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fusion_eval.core.task import Task, TaskSet
from fusion_eval.errors import TaskFileError
from fusion_eval.loading.consistency import (
    doubled_criteria,
    doubled_ids,
    half_characters,
    row_problems,
    same_content,
    unknown,
)
from fusion_eval.loading.formats import BadRowError, format_of, formats
from fusion_eval.loading.memory import NAME, raw_rows
from fusion_eval.loading.questions import as_tasks, with_columns
from fusion_eval.loading.rows import Raw, Where, rows_of
from fusion_eval.loading.taskfile import Defaults, TaskFile, TaskRow, task_of
from fusion_eval.loading.yaml_lines import Located, explain, read_yaml

__all__ = ["TaskFile", "TaskRow", "joined", "load_task_files", "load_tasks", "tasks_in"]


def load_tasks(source: str | Path, format: str | None = None) -> TaskSet:
    """Read one task file or `hf:owner/name[:split]`; raises TaskFileError with all problems.

    format : name of one of `formats()`, for rows whose shape does not say what they are
    A source may say which columns of a table are ours: `sheet.csv?prompt=my_question`.
    """
    place, columns = with_columns(str(source))
    if Path(place).suffix.lower() in {".yaml", ".yml"} and not place.startswith("hf:"):
        return tasks_in(read_yaml(Path(place), TaskFileError), format)
    hub = re.match(r"hf:[^@:]*", place)
    stem = hub[0].removeprefix("hf:").split("/")[-1] if hub else Path(place).stem
    return _tasks(stem, (str(source),), as_tasks(rows_of(place), columns), Defaults(), format)


def load_task_files(sources: Iterable[Any]) -> TaskSet:
    """Several task files as one set; problems of all files are reported together.

    In place of a file may stand what `fusion_eval.loading.memory` takes.
    """
    sets: list[TaskSet] = []
    problems: list[str] = []
    for source in sources:
        try:
            sets.append(load_tasks(source) if isinstance(source, str | Path) else _given(source))
        except TaskFileError as error:
            problems += error.problems
    return joined(sets, problems)


def _given(source: Any) -> TaskSet:
    """Tasks that stand in memory."""
    if isinstance(source, TaskSet):
        return source
    if isinstance(source, list) and source and all(isinstance(one, Task) for one in source):
        tasks = [(task, f"{NAME}:item {i}") for i, task in enumerate(source, 1)]
        if problems := doubled_ids([(t.id, at) for t, at in tasks]) + same_content(tasks):
            raise TaskFileError(problems)
        return TaskSet(name=NAME, tasks=tuple(source))
    set_ = _tasks(NAME, (NAME,), as_tasks(raw_rows(source)), Defaults(), None)
    return set_.model_copy(update={"sources": ()})


def joined(sets: Sequence[TaskSet], earlier: Sequence[str] = ()) -> TaskSet:
    """Several sets as one; raises with `earlier` problems and those of tasks that two sets hold."""
    problems = list(earlier)
    tasks = [(task, " ".join(each.sources)) for each in sets for task in each.tasks]
    if len(sets) > 1:
        problems += doubled_ids([(task.id, source) for task, source in tasks])
        problems += same_content(tasks)
    if problems:
        raise TaskFileError(problems)
    return TaskSet(
        name="+".join(each.name for each in sets),
        tasks=tuple(task for task, _ in tasks),
        sources=tuple(source for each in sets for source in each.sources),
        sizes=tuple(len(each.tasks) for each in sets) if len(sets) > 1 else (),
    )


def tasks_in(document: Located, format: str | None = None) -> TaskSet:
    """The tasks of a YAML document, and of the tables that it names under `files`."""
    path = Path(document.source)
    value = [] if document.value is None else document.value
    bare = isinstance(value, list)  # a list of tasks without a header, as other harnesses write it
    header, rows = ({}, value) if bare else (value, [])
    if isinstance(header, dict) and "tasks" not in header and {"recipes", "models"} & header.keys():
        raise TaskFileError(
            f"{path}: a bench file; give it as --bench {path}, and task files in its place"
        )
    if isinstance(header, dict) and isinstance(header.get("tasks"), list):
        rows = header["tasks"]
        header = {**header, "tasks": []}
    try:
        file, problems = TaskFile.model_validate(header), []
    except ValidationError as error:
        file, problems = TaskFile(), explain(error, TaskFile, document.where)
    above: tuple[str, ...] = () if bare else ("tasks",)
    raw = [_yaml_row(document, row, (*above, i)) for i, row in enumerate(rows)]
    for name in file.files:
        try:
            place = str(path.parent / name) if not name.startswith("hf:") else name
            raw += as_tasks(rows_of(place), file.columns)
        except TaskFileError as error:
            problems += error.problems
    sources = (str(path), *(str(path.parent / name) for name in file.files))
    wanted = format or file.format
    return _tasks(file.name or path.stem, sources, raw, file.defaults, wanted, problems)


def _yaml_row(document: Located, row: Any, above: tuple[str | int, ...]) -> Raw:
    """A row of YAML; a number that is a target stays as it is written, `1.10` and not `1.1`."""
    if isinstance(row, dict) and isinstance(row.get("target"), int | float):
        row = {**row, "target": document.written((*above, "target")) or row["target"]}
    return row, lambda loc: document.where((*above, *loc))


def _tasks(
    name: str,
    sources: tuple[str, ...],
    raw: Sequence[Raw],
    defaults: Defaults,
    format: str | None,
    earlier: Sequence[str] = (),
) -> TaskSet:
    """Every row checked on its own and against the others; raises with all problems."""
    if format is not None and format not in formats():
        raise TaskFileError(f"{sources[0]}: {unknown('format', format, formats())}")
    problems = list(earlier)
    tasks: list[tuple[Task, str]] = []
    plain: list[Raw] = []
    for data, where in _merged(raw, format):
        ours, found = _ours(data, where, format)
        problems += found
        plain.append((ours, where))
        if not found:
            row, found = _row(ours, where)
            found = found or (row_problems(row, defaults, where) if row else [])
            problems += found
            if row and not found:
                tasks.append((task_of(row, defaults), where(("id",))))
        problems += doubled_criteria(ours, where)
    problems += doubled_ids([(d.get("id"), w(("id",))) for d, w in plain if isinstance(d, dict)])
    problems += same_content(tasks)
    if not raw and not earlier:
        said = "holds no task; write one under `tasks:` (`fusion-eval init`)"
        problems.append(f"{sources[0]}: {said}")
    if problems:
        raise TaskFileError(by_cause(problems))
    return TaskSet(name=name, tasks=tuple(task for task, _ in tasks), sources=sources)


_FEW = 20


def by_cause(problems: Sequence[str]) -> list[str]:
    """Problems in order; of more than twenty that differ only in their line the first three."""
    causes = [re.sub(r"\d+", "#", problem) for problem in problems]
    counts, seen, made = Counter(causes), Counter[str](), list[str]()
    for problem, cause in zip(problems, causes, strict=True):
        seen[cause] += 1
        if counts[cause] <= _FEW or seen[cause] <= _SHOWN:
            made.append(problem)
        elif seen[cause] == counts[cause]:
            made.append(f"… and {counts[cause] - _SHOWN:,} more lines with this problem: {problem}")
    return made


_SHOWN = 3


def _merged(raw: Sequence[Raw], format: str | None) -> list[Raw]:
    """Rows of one id as one row, where the format keeps parts of a task in several files."""
    made: list[Raw] = []
    places: dict[object, int] = {}
    for data, where in raw:
        kind = format or format_of(data)
        name = data.get("id") if isinstance(data, dict) else None
        if kind is None or not formats()[kind].joins or not isinstance(name, str | int):
            made.append((data, where))
        elif (place := places.setdefault(name, len(made))) < len(made):
            made[place] = ({**data, **made[place][0]}, made[place][1])
        else:
            made.append((data, where))
    return made


def _ours(data: Any, where: Where, format: str | None) -> tuple[Any, list[str]]:
    """A row with our keys, and what kept it from having them."""
    kind = format or format_of(data)
    if found := half_characters(data, where):
        return data, found
    if kind is None or not isinstance(data, dict):
        return data, []
    try:
        return formats()[kind].row(data), []
    except BadRowError as bad:
        return data, [f"{where(())}: {kind}: {problem}" for problem in bad.problems]
    except ValueError as problem:
        return data, [f"{where(())}: {problem}"]


def _row(data: Any, where: Where) -> tuple[TaskRow | None, list[str]]:
    try:
        return TaskRow.model_validate(data), []
    except ValidationError as error:
        return None, explain(error, TaskRow, where)
