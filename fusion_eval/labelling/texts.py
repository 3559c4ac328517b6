"""What people read before they label: questions, requirements, and answers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fusion_eval.core import Task
from fusion_eval.errors import TaskFileError
from fusion_eval.loading.tasks import load_task_files
from fusion_eval.store import Run


@dataclass(frozen=True, kw_only=True)
class Texts:
    """By task hash, by (task hash, criterion), and by (task, recipe, repeat)."""

    questions: Mapping[str, str]
    requirements: Mapping[tuple[str, str], str]
    answers: Mapping[tuple[str, str, int], str]


def texts(run: Run, files: Sequence[str] = ()) -> Texts:
    """The texts of a run: answers from its directory, the rest from its task files, or `files`.

    A file that is not there any more leaves the texts empty, unless it was given by name; tasks
    that have changed since are not used, for they would be labelled by another rubric.
    """
    tasks = _tasks(run, files)
    return Texts(
        questions={task.hash: task.question.prompt for task in tasks},
        requirements={(task.hash, c.id): c.requirement for task in tasks for c in task.leaves},
        answers=_answers(run),
    )


def _tasks(run: Run, files: Sequence[str]) -> Sequence[Task]:
    described = run.manifest.get("tasks")
    sources = described.get("sources", []) if isinstance(described, Mapping) else []
    if files:
        return load_task_files(files).tasks
    with contextlib.suppress(TaskFileError):
        return load_task_files(sources).tasks if sources else ()
    return ()


def _answers(run: Run) -> dict[tuple[str, str, int], str]:
    path = run.path / "answers.jsonl"
    if not path.exists():
        return {}
    found = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row.get("answer") is not None:
                found[row["task"], row["recipe"], int(row["repeat"])] = row["answer"]
    return found
