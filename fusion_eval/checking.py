"""What `validate` says of a file: how much it holds, and every problem with its line."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fusion_eval.bench.configure import configure
from fusion_eval.bench.lint import lint
from fusion_eval.bench.parameters import imported
from fusion_eval.bench.refuse import own_checks
from fusion_eval.core import Bench, TaskSet
from fusion_eval.core.task import is_own
from fusion_eval.errors import InputError, TaskFileError
from fusion_eval.loading.bench import presets
from fusion_eval.loading.tasks import joined, load_tasks, tasks_in
from fusion_eval.loading.yaml_lines import Located, read_yaml


def validate(*files: str | Path) -> list[dict[str, Any]]:
    """One description per task or bench file, with its `problems`; raises nothing for those.

    Every file is read once, whatever it turns out to be and however many stand beside it. Tasks
    that two files both hold are a problem of the later one.
    """
    found: list[dict[str, Any]] = []
    sets: list[TaskSet] = []
    for file in map(str, files):
        kind = "bench" if file in presets() else "tasks"
        try:
            document = _document(file)
            if kind == "bench" or _is_bench(document):
                kind = "bench"
                found.append(_bench(file, configure(document or file)))
                continue
            tasks = tasks_in(document) if document else load_tasks(file)
            joined([*sets, tasks])
            sets.append(tasks)
            found.append(_tasks(file, tasks))
        except InputError as error:
            found.append({"file": file, "kind": kind, "problems": list(error.problems)})
    return found


def _document(file: str) -> Located | None:
    """What stands in a YAML file; None for a preset and for tables."""
    if file in presets() or Path(file).suffix not in {".yaml", ".yml"} or file.startswith("hf:"):
        return None
    return read_yaml(Path(file), TaskFileError)


_BENCH = frozenset({"recipes", "models", "endpoints"})


def _is_bench(document: Located | None) -> bool:
    """A YAML mapping with recipes or models is a bench file; everything else holds tasks."""
    value = document.value if document else None
    return isinstance(value, dict) and "tasks" not in value and not _BENCH.isdisjoint(value)


def _bench(file: str, bench: Bench) -> dict[str, Any]:
    return {
        "file": file,
        "kind": "bench",
        "models": len(bench.models),
        "recipes": len(bench.recipes),
        "imports": list(imported(bench.recipes.values())),
        "warnings": [{**asdict(warned), "said": str(warned)} for warned in lint(bench)],
        "problems": [],
    }


def _tasks(file: str, known: TaskSet) -> dict[str, Any]:
    criteria = [c for task in known.tasks for c in task.leaves]
    return {
        "file": file,
        "kind": "tasks",
        "tasks": len(known.tasks),
        "criteria": len(criteria),
        "negative_criteria": sum(c.weight < 0 for c in criteria),
        "sections": dict(Counter(c.section for c in criteria)),
        "domains": dict(Counter(task.domain for task in known.tasks)),
        "checked": dict(Counter(task.check for task in known.tasks if task.check)),
        "hash": known.hash,
        "imports": sorted({c.partition(":")[0] for t in known.tasks if is_own(c := t.check or "")}),
        "problems": own_checks(known),
    }
