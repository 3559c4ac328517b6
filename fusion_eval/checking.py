"""What `validate` says of a file: how much it holds, and every problem with its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fusion_eval.bench.configure import configure
from fusion_eval.bench.lint import lint
from fusion_eval.errors import InputError
from fusion_eval.loading.bench import presets
from fusion_eval.loading.tasks import load_task_files, load_tasks
from fusion_eval.loading.yaml_lines import read_yaml


def check_files(files: Iterable[str]) -> list[dict[str, Any]]:
    """One description per file; tasks that two files both hold are a problem of the later one."""
    found = []
    tasks: list[str] = []
    for file in files:
        try:
            if _is_bench(file):
                found.append(_bench(file))
                continue
            described = _tasks(file)
            load_task_files([*tasks, file])
            tasks.append(file)
            found.append(described)
        except InputError as error:
            kind = "bench" if _is_bench(file) else "tasks"
            found.append({"file": file, "kind": kind, "problems": list(error.problems)})
    return found


def _is_bench(file: str) -> bool:
    """A YAML mapping with recipes or models is a bench file; everything else holds tasks."""
    if file in presets():
        return True
    if Path(file).suffix not in {".yaml", ".yml"}:
        return False
    try:
        value = read_yaml(Path(file), InputError).value
    except InputError:
        return False
    return isinstance(value, dict) and "tasks" not in value and not _BENCH.isdisjoint(value)


_BENCH = frozenset({"recipes", "models", "endpoints"})


def _bench(file: str) -> dict[str, Any]:
    bench = configure(file)
    return {
        "file": file,
        "kind": "bench",
        "models": len(bench.models),
        "recipes": len(bench.recipes),
        "warnings": [{**asdict(warned), "said": str(warned)} for warned in lint(bench)],
        "problems": [],
    }


def _tasks(file: str) -> dict[str, Any]:
    known = load_tasks(file)
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
        "problems": [],
    }
