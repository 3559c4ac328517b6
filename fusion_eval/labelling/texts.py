"""What people read before they label: questions, requirements, and answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_eval.loading.tasks import load_task_files
from fusion_eval.store import Run, read_lines


@dataclass(frozen=True, kw_only=True)
class Texts:
    """By task hash, by (task hash, criterion), and by (task, recipe, repeat)."""

    questions: Mapping[str, str]
    requirements: Mapping[tuple[str, str], str]
    answers: Mapping[tuple[str, str, int], str]


def texts(run: Run, files: Sequence[str] = ()) -> Texts:
    """The texts of a run, from its directory; questions and requirements from `files` if given.

    Empty where there are none, as after `import`. Tasks pair by hash: of a file that has changed
    since, nothing is used, for it would be labelled by another rubric.
    """
    if files:
        tasks = load_task_files(files).tasks
        return Texts(
            questions={task.hash: task.question.prompt for task in tasks},
            requirements={(task.hash, c.id): c.requirement for task in tasks for c in task.leaves},
            answers=_answers(run),
        )
    asked = _lines(run, "tasks")
    return Texts(
        questions={row["hash"]: row["messages"][-1]["content"] for row in asked},
        requirements={
            (row["hash"], one["id"]): one["requirement"]
            for row in asked
            for one in _leaves(row["criteria"])
        },
        answers=_answers(run),
    )


def _leaves(criteria: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The criteria that are graded, out of a tree."""
    for one in criteria:
        if one.get("criteria"):
            yield from _leaves(one["criteria"])
        else:
            yield one


def _answers(run: Run) -> dict[tuple[str, str, int], str]:
    return {
        (row["task"], row["recipe"], int(row["repeat"])): row["answer"]
        for row in _lines(run, "answers")
        if row.get("answer") is not None
    }


def _lines(run: Run, name: str) -> list[dict[str, Any]]:
    """JSON lines of the run directory; none where it holds no texts, as after `import`."""
    path = run.path / f"{name}.jsonl"
    return list(read_lines(path)) if path.exists() else []
