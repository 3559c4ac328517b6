"""Tasks with DRACO's weights and sections, and requirements of our own that nobody has to read."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from fusion_eval.core import Criterion, Question, Task

SHARED = Path(__file__).parents[2] / "shared" / "data"
CRITERIA = SHARED / "draco" / "criteria.csv"
needs_public_data = pytest.mark.skipif(
    not CRITERIA.exists(), reason=f"public DRACO and TrustedRouter data are not at {SHARED}"
)


def draco_rows() -> list[dict[str, str]]:
    """All criteria of DRACO's 100 tasks: ids, domain, section, weight."""
    with CRITERIA.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def draco_like(limit: int | None = None) -> list[Task]:
    """DRACO's rubrics in structure; the same ids for tasks and criteria as in the public data."""
    by_task: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in draco_rows():
        by_task[row["task_id"]].append(row)
    return [_task(k, name, rows) for k, (name, rows) in enumerate(by_task.items())][:limit]


def _task(number: int, name: str, rows: list[dict[str, str]]) -> Task:
    criteria = [
        Criterion(
            id=row["criterion_id"],
            requirement=f"Addresses point {number}.{i}: {row['criterion_id'].replace('-', ' ')}",
            weight=float(row["weight"]),
            section=row["section"],
        )
        for i, row in enumerate(rows)
    ]
    prompt = f"Please research matter {name} and report on it in full."
    return Task(
        id=name,
        question=Question(prompt=prompt),
        criteria=tuple(criteria),
        domain=rows[0]["domain"],
    )
