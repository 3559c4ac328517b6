"""From answers that exist and a bench file's grader to tasks and a bench that only grades them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fusion_eval.bench.configure import configure_grader
from fusion_eval.bench.recorded import of_file, of_run, of_tasks
from fusion_eval.core import Answers, Bench, Recipe, TaskSet
from fusion_eval.errors import InputError, TableError
from fusion_eval.loading.bench import BenchSource
from fusion_eval.loading.tasks import load_task_files
from fusion_eval.store import Run, read_run

_UNKNOWN = "recorded"
"""Strategy of an answer of which nobody knows how it was made."""


def settled(
    source: Path,
    *,
    tasks: Sequence[Any] = (),
    bench: BenchSource | None = None,
    changes: Mapping[str, Any],
    sample: float | None = None,
) -> tuple[TaskSet, Bench, TaskSet]:
    """(tasks with answers, bench that grades them, all tasks of the files), or InputError.

    `source` is a run directory, a JSONL of answers, or a task file whose tasks bring an answer in
    `metadata.answer`. Without `tasks` and `bench` those of the run are used.
    """
    if (source / "manifest.json").exists() or source.is_dir():
        run = read_run(source)
        everything = load_task_files(tasks or run.manifest.get("tasks", {}).get("sources", ()))
        answers, strategies = of_run(run, everything), run.manifest.get("recipes", {})
        bench = bench or _bench_of(run)
    else:
        everything = load_task_files(tasks or _own(source))
        whole = of_file(source, everything) if source.suffix == ".jsonl" else None
        answers, strategies = whole or of_tasks(source.name, everything.tasks), {}
    if sample is not None and not 0 < sample < 1:
        raise InputError(f"sample is {sample:g}; it must be between 0 and 1, such as 0.2")
    answers = replace(answers, sample=sample)
    resolved = configure_grader(bench or "demo", everything, changes)
    if resolved.grader is None:
        raise InputError(f"{resolved.name}: the bench has no grader; give `grader: {{model: …}}`")
    _refuse_strangers(resolved, answers)
    chosen = tuple(task for task in everything.tasks if task.id in answers.trials)
    graded = everything.model_copy(update={"tasks": chosen})
    return graded, _with(resolved, answers, strategies), everything


def _refuse_strangers(bench: Bench, answers: Answers) -> None:
    """Preferences need somebody to be preferred to."""
    protocol = bench.grader.protocol if bench.grader else None
    if protocol is None or protocol.kind != "pairwise":
        return
    names = sorted({name for each in answers.trials.values() for name, _ in each})
    if protocol.against not in names:
        given = f"--against {protocol.against!r}: no such recipe" if protocol.against else ""
        raise InputError(
            f"{given or 'protocol pairwise compares with a recipe; give --against'}; "
            f"there are {', '.join(names)}"
        )


def _own(source: Path) -> list[Path]:
    if source.suffix == ".jsonl":
        raise InputError(f"{source}: answers to which tasks? Give their file with --tasks")
    return [source]


def _bench_of(run: Run) -> Path:
    path = run.path / "bench.yaml"
    if not path.exists():
        raise TableError(f"{run.path}: the run has no bench.yaml; give one with --bench")
    return path


def _with(bench: Bench, answers: Answers, strategies: Mapping[str, str]) -> Bench:
    """The bench with the recipes that the answers came from, as far as they are known."""
    keys = [key for each in answers.trials.values() for key in each]
    names = list(dict.fromkeys(name for name, _ in keys))
    order = [*(name for name in strategies if name in names), *names]
    recipes = {n: Recipe(name=n, strategy=strategies.get(n, _UNKNOWN)) for n in order}
    return replace(
        bench,
        recipes=recipes,
        repeats=1 + max((repeat for _, repeat in keys), default=0),
        answers=answers,
    )
