"""Task files to `TaskSet`: YAML, JSONL, Parquet, CSV with targets, and datasets on a hub.

Rows of DRACO (`id, problem, answer, domain`, with the rubric as a JSON string) are recognised by
their columns; everything else has the keys of our own task file.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from fusion_eval import text
from fusion_eval.core.criterion import Criterion
from fusion_eval.core.rubric import POLICIES
from fusion_eval.core.task import Message, Question, Task, TaskSet
from fusion_eval.core.value import Value
from fusion_eval.errors import TaskFileError
from fusion_eval.loading import draco
from fusion_eval.loading.yaml_lines import explain, read_text, read_yaml

Where = Callable[[Sequence[str | int]], str]
"""From a path inside one row to `file:line`."""

Checked = Literal["numeric", "choice", "exact"]


class Defaults(Value):
    """What holds for every task of a file that does not say otherwise."""

    score: str | None = None
    domain: str | None = None
    check: Checked | None = None
    system: str | None = None


class TaskRow(Value):
    """One task as it stands in a file."""

    id: str = Field(min_length=1)
    prompt: str | None = Field(default=None, min_length=1)
    turns: list[Message] = Field(default_factory=list)
    system: str | None = None
    domain: str | None = None
    cluster: str | None = None
    tags: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)
    target: str | None = None
    check: Checked | None = None
    score: str | None = None
    criteria: list[Criterion] = Field(default_factory=list)

    @field_validator("target", mode="before")
    @classmethod
    def _number_as_written(cls, target: object) -> object:
        plain = isinstance(target, int | float) and not isinstance(target, bool)
        return str(target) if plain else target

    @model_validator(mode="after")
    def _can_be_asked_and_scored(self) -> TaskRow:
        if not self.prompt and not self.turns:
            raise ValueError(f"task {self.id!r} asks nothing; give it a prompt, or turns")
        if self.prompt and self.turns and self.turns[-1].role == "user":
            raise ValueError(
                f"task {self.id!r}: the last turn is the user's, so the prompt would be a second "
                "question; leave out one of the two"
            )
        if not self.prompt and self.turns[-1].role != "user":
            raise ValueError(f"task {self.id!r}: the last turn must be the user's")
        if not self.criteria and self.target is None:
            raise ValueError(f"task {self.id!r} cannot be scored; give it criteria or a target")
        if self.criteria and self.target is not None:
            raise ValueError(f"task {self.id!r} has criteria and a target; keep one of the two")
        return self


class TaskFile(Value):
    """A YAML task file; its JSON Schema is what an editor completes from."""

    name: str | None = None
    defaults: Defaults = Defaults()
    tasks: list[TaskRow] = Field(default_factory=list)


def load_tasks(source: str | Path) -> TaskSet:
    """Read one task file or `hf:owner/name[:split]`; raises TaskFileError with all problems."""
    place = str(source)
    if place.startswith("hf:"):
        name = place.removeprefix("hf:").split(":")[0]
        return _tasks(name.split("/")[-1], place, _hub_rows(place), Defaults())
    path = Path(place)
    if path.suffix in {".yaml", ".yml"}:
        return _yaml_tasks(path)
    readers = {".jsonl": _jsonl_rows, ".parquet": _parquet_rows, ".csv": _csv_rows}
    if path.suffix not in readers:
        known = ".yaml, .jsonl, .parquet, .csv or hf:owner/name"
        raise TaskFileError(f"{path}: unknown kind of task file; give {known}")
    return _tasks(path.stem, place, readers[path.suffix](path), Defaults())


def load_task_files(sources: Iterable[str | Path]) -> TaskSet:
    """Several task files as one set; problems of all files are reported together."""
    sets: list[TaskSet] = []
    problems: list[str] = []
    for source in sources:
        try:
            sets.append(load_tasks(source))
        except TaskFileError as error:
            problems += error.problems
    tasks = [(task, " ".join(each.sources)) for each in sets for task in each.tasks]
    if len(sets) > 1:
        problems += _doubled_ids([(task.id, source) for task, source in tasks])
        problems += _same_content(tasks)
    if problems:
        raise TaskFileError(problems)
    return TaskSet(
        name="+".join(each.name for each in sets),
        tasks=tuple(task for task, _ in tasks),
        sources=tuple(source for each in sets for source in each.sources),
    )


def _yaml_tasks(path: Path) -> TaskSet:
    document = read_yaml(path, TaskFileError)
    value = [] if document.value is None else document.value
    bare = isinstance(value, list)  # a list of tasks without a header, as other harnesses write it
    header, rows = ({}, value) if bare else (value, [])
    if isinstance(header, dict) and isinstance(header.get("tasks"), list):
        rows = header["tasks"]
        header = {**header, "tasks": []}
    try:
        file, problems = TaskFile.model_validate(header), []
    except ValidationError as error:
        file, problems = TaskFile(), explain(error, TaskFile, document.where)
    above: tuple[str, ...] = () if bare else ("tasks",)
    raw = [(row, lambda loc, i=i: document.where((*above, i, *loc))) for i, row in enumerate(rows)]
    return _tasks(file.name or path.stem, str(path), raw, file.defaults, problems)


Raw = tuple[Any, Where]
"""A row as it stands, and where its parts are."""


def _at(place: str) -> Where:
    """A row that is one line: the place, and the path inside the row."""
    return lambda loc: f"{place}{': ' + '.'.join(map(str, loc)) if loc else ''}"


def _jsonl_rows(path: Path) -> list[Raw]:
    rows, problems = [], []
    for i, line in enumerate(read_text(path, TaskFileError).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_each_key_once)
            if not isinstance(row, dict):
                raise ValueError("something else")
            rows.append((row, _at(f"{path}:{i}")))
        except (ValueError, RecursionError) as problem:
            problems.append(f"{path}:{i}: not a JSON object: {problem}")
    if problems:
        raise TaskFileError(problems)
    return rows


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON keeps the last of two equal keys silently; we do not."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        doubled = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"{doubled!r} stands twice; keep one")
    return made


def _parquet_rows(path: Path) -> list[Raw]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise TaskFileError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as problem:
        raise TaskFileError(f"{path}: not Parquet: {problem}") from None
    return [
        (_without_nulls(row), _at(f"{path}:row {i}")) for i, row in enumerate(table.to_pylist(), 1)
    ]


def _csv_rows(path: Path) -> list[Raw]:
    reader = csv.DictReader(io.StringIO(read_text(path, TaskFileError), newline=""), strict=True)
    rows: list[Raw] = []
    problems: list[str] = []
    line = 2
    try:
        for row in reader:
            place, line = f"{path}:{line}", reader.line_num + 1
            if None in row:
                problems.append(f"{place}: more cells than columns; quote a cell that has commas")
            plain = {k: v for k, v in row.items() if v not in (None, "") and k is not None}
            rows.append((plain, _at(place)))
    except csv.Error as problem:
        problems.append(f"{path}:{line}: not CSV: {problem}; give a JSONL file where it is large")
    if problems:
        raise TaskFileError(problems)
    return rows


def _hub_rows(source: str) -> list[Raw]:
    name, _, split = source.removeprefix("hf:").partition(":")
    import datasets

    try:
        table = datasets.load_dataset(name, split=split or None)
        if not isinstance(table, datasets.Dataset):
            if len(table) != 1:
                raise TaskFileError(
                    f"{source}: has splits {', '.join(table)}; choose one: hf:{name}:SPLIT"
                )
            (table,) = table.values()
    except (OSError, ValueError, RuntimeError) as problem:
        what = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise TaskFileError(
            f"{source}: cannot be loaded ({what}); check the name and the connection, "
            "or give a local file"
        ) from None
    return [(_without_nulls(dict(row)), _at(f"{source}:row {i}")) for i, row in enumerate(table, 1)]


def _without_nulls(value: Any) -> Any:
    """Tables fill absent keys with null; a file would not have them."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _tasks(
    name: str, source: str, raw: Sequence[Raw], defaults: Defaults, earlier: Sequence[str] = ()
) -> TaskSet:
    """Every row checked on its own and against the others; raises with all problems."""
    problems = list(earlier)
    tasks = []
    for data, where in raw:
        try:
            plain = draco.row(data) if draco.is_row(data) else data
            row = TaskRow.model_validate(plain)
        except ValidationError as error:
            problems += explain(error, TaskRow, where)
        except ValueError as error:
            problems.append(f"{where(())}: {error}")
        else:
            problems += _policy_problems(row, defaults, where)
            problems += _target_problems(row, defaults, where)
            tasks.append((_task(row, defaults), where(("id",))))
        problems += _doubled_criteria(data, where)
    problems += _doubled_ids([(d.get("id"), w(("id",))) for d, w in raw if isinstance(d, dict)])
    problems += _same_content(tasks)
    if not raw and not earlier:
        problems.append(f"{source}: holds no task; write one under `tasks:` (`fusion-eval init`)")
    if problems:
        raise TaskFileError(problems)
    return TaskSet(name=name, tasks=tuple(task for task, _ in tasks), sources=(source,))


def _policy_problems(row: TaskRow, defaults: Defaults, where: Where) -> list[str]:
    policy = row.score or defaults.score or "draco"
    if policy in POLICIES:
        return []
    close = difflib.get_close_matches(policy, POLICIES, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(POLICIES)}"
    return [f"{where(('score',))}: unknown score policy {policy!r}; {hint}"]


def _target_problems(row: TaskRow, defaults: Defaults, where: Where) -> list[str]:
    """A target that its own check cannot read would make every answer wrong."""
    if row.target is None:
        at = where(("check",))
        return [f"{at}: task {row.id!r} has a check and no target"] if row.check else []
    check = _check(row, defaults)
    if text.read(row.target, check) is not None:
        return []
    wanted = {"numeric": "one number", "choice": "one letter", "exact": "a word"}[check]
    return [f"{where(('target',))}: target {row.target!r} is not {wanted}, as check: {check} needs"]


def _check(row: TaskRow, defaults: Defaults) -> Checked:
    return row.check or defaults.check or "exact"


def _doubled_criteria(data: object, where: Where) -> list[str]:
    """Of the row as it stands, so that another mistake in it does not hide a doubled id."""
    task, criteria = (data.get("id"), data.get("criteria")) if isinstance(data, dict) else (0, 0)
    rows = criteria if isinstance(criteria, list) else []
    ids = [row.get("id") if isinstance(row, dict) else None for row in rows]
    return [
        f"{where(('criteria', i, 'id'))}: criterion id {doubled!r} of task {task!r} "
        "is there twice; rename one"
        for i, doubled in enumerate(ids)
        if doubled is not None and doubled in ids[:i]
    ]


def _doubled_ids(ids: Sequence[tuple[object, str]]) -> list[str]:
    """One problem per doubled task id, given ids as they stand and their places."""
    problems, first = [], dict[object, str]()
    for name, place in ids:
        if isinstance(name, str | int) and name in first:
            problems.append(
                f"{place}: task id {name!r} is there twice (also {first[name]}); rename one"
            )
        elif isinstance(name, str | int):
            first[name] = place
    return problems


def _same_content(tasks: Sequence[tuple[Task, str]]) -> list[str]:
    """One problem per task that is there twice under two ids: it would count twice."""
    problems, hashes = [], dict[str, str]()
    for task, place in tasks:
        other = hashes.setdefault(task.hash, task.id)
        if other != task.id:
            problems.append(
                f"{place}: task {task.id!r} has the same content as {other!r}; keep one"
            )
    return problems


def _task(row: TaskRow, defaults: Defaults) -> Task:
    check = None if row.target is None else _check(row, defaults)
    turns = tuple(row.turns)
    prompt = row.prompt
    if prompt is None:
        *earlier, last = turns
        turns, prompt = tuple(earlier), last.content
    return Task(
        id=row.id,
        question=Question(
            prompt=prompt,
            system=row.system or defaults.system,
            turns=turns,
            answer_format=check or "text",
        ),
        criteria=tuple(row.criteria),
        target=row.target,
        check=check,
        domain=row.domain or defaults.domain or "",
        cluster=row.cluster,
        tags=tuple(row.tags),
        metadata=row.metadata,
        score=row.score or defaults.score or "draco",
    )


__all__ = ["TaskFile", "TaskRow", "load_task_files", "load_tasks"]
