"""Answers that exist already: those of a run, of a file, or of the tasks that bring their own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from fusion_eval.answers.thoughts import split_thoughts
from fusion_eval.core import Answers, Task, TaskSet, Trial
from fusion_eval.core.value import Value
from fusion_eval.errors import InputError, TableError
from fusion_eval.loading.yaml_lines import read_text
from fusion_eval.store import Run, read_lines, read_rows

_CARRIED = (
    "strategy",
    "cost_usd",
    "latency_s",
    "latency_sum_s",
    "latency_source",
    "first_token_s",
    "fused",
    "fusion_note",
    "models_served",
    "told_usd",
    "told_parts_usd",
    "tapped_usd",
    "tapped_calls",
    "calls",
    "tokens_in",
    "tokens_out",
)
"""Columns that say what an answer was worth making; grading it again does not change them."""


class AnswerRow(Value):
    """One line of a file of answers, as runs write them too. Without text the answer failed."""

    task: str = Field(min_length=1)
    recipe: str = Field(min_length=1)
    answer: str | None = None
    repeat: int = Field(default=0, ge=0)
    failure: str | None = None
    detail: str | None = None
    finish: str | None = None
    degraded: tuple[str, ...] = Field(default=(), strict=False)
    simulated: str | None = None


def of_run(run: Run, tasks: TaskSet) -> Answers:
    """The answers of a run; raises TableError where its tasks are not these any more."""
    _same_tasks(run, {task.id: task.hash for task in tasks.tasks})
    lines = read_lines(run.path / "answers.jsonl")
    texts = {(r["task"], r["recipe"], r["repeat"]): r for r in lines}
    trials: dict[str, dict[tuple[str, int], Trial]] = {}
    for row in read_rows(run, "trials"):
        key = (row["task"], row["recipe"], row["repeat"])
        said = texts.get(key, {})
        trials.setdefault(row["task"], {})[row["recipe"], row["repeat"]] = Trial(
            task=row["task"],
            recipe=row["recipe"],
            repeat=row["repeat"],
            answer=said.get("answer"),
            failure=row["failure"],
            detail=said.get("detail") or "",
            finish=row["finish"],
            degraded=tuple(said.get("degraded") or ()),
            recorded={name: row.get(name) for name in _CARRIED},
        )
    return Answers(source=run.id, simulated=run.simulated, trials=trials)


def _same_tasks(run: Run, now: Mapping[str, str]) -> None:
    then = run.manifest.get("tasks", {}).get("hashes", {})
    changed = [name for name, known in then.items() if now.get(name) != known]
    if changed:
        raise TableError(
            f"{run.path}: tasks have changed since the run: {', '.join(changed[:5])}"
            f"{f' and {len(changed) - 5} more' if len(changed) > 5 else ''}; "
            "give the files as they were with --tasks"
        )


def of_file(path: Path, tasks: TaskSet) -> Answers:
    """Answers from JSON lines; raises InputError with all problems, by line."""
    known = {task.id for task in tasks.tasks}
    trials: dict[str, dict[tuple[str, int], Trial]] = {}
    problems: list[str] = []
    simulated = False
    for number, line in enumerate(read_text(path, InputError).split("\n"), 1):
        if not line.strip():
            continue
        row = _row(line, f"{path}:{number}", problems)
        if row is None:
            continue
        simulated |= bool(row.simulated)
        place = trials.setdefault(row.task, {})
        if row.task not in known:
            problems.append(f"{path}:{number}: no task {row.task!r}; give its file with --tasks")
        if (row.recipe, row.repeat) in place:
            problems.append(
                f"{path}:{number}: a second answer of {row.recipe!r} to {row.task!r}; "
                "number them with `repeat`"
            )
        place[row.recipe, row.repeat] = _foreign(row.task, row.recipe, row.repeat, row.answer, row)
    if not trials and not problems:
        problems.append(f"{path}: no answers; one JSON object per line: task, recipe, answer")
    if problems:
        raise InputError(problems)
    return Answers(source=path.name, simulated=simulated, trials=trials, asked=False)


def of_tasks(name: str, tasks: Iterable[Task]) -> Answers:
    """The answers that tasks bring in their metadata, as a set of hostile answers does."""
    trials = {
        task.id: {("answer", 0): _foreign(task.id, "answer", 0, task.metadata["answer"])}
        for task in tasks
        if "answer" in task.metadata
    }
    if not trials:
        raise InputError(f"{name}: no task has `metadata: {{answer: …}}`; give a file of answers")
    return Answers(source=name, simulated=False, trials=trials, asked=False)


def _row(line: str, where: str, problems: list[str]) -> AnswerRow | None:
    try:
        return AnswerRow.model_validate(json.loads(line))
    except (ValueError, RecursionError) as error:
        if isinstance(error, ValidationError):
            each = error.errors(include_url=False)
            texts = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in each]
            problems.extend(f"{where}: {text}" for text in texts)
        else:
            problems.append(f"{where}: not a JSON object ({error})")
        return None


def _foreign(
    task: str, recipe: str, repeat: int, answer: str | None, row: AnswerRow | None = None
) -> Trial:
    """An answer of which nothing else is known. An empty one has failed, as in a run."""
    text = split_thoughts(answer)[0] if answer else None
    text = text if text and text.strip() else None
    said = row.failure if row is not None else None
    unknown: dict[str, Any] = dict.fromkeys(_CARRIED)
    return Trial(
        task=task,
        recipe=recipe,
        repeat=repeat,
        answer=text,
        failure=said or (None if text else "empty"),
        detail=(row.detail or "") if row is not None else "",
        finish=row.finish if row is not None else None,
        degraded=row.degraded if row is not None else (),
        recorded=unknown,
    )
