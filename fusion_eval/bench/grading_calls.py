"""How many requests to graders a run makes: fewest, expected, and where no two answers coincide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fusion_eval.bench.blocks import units
from fusion_eval.core import Bench, Grader, Task, TaskSet, Trial
from fusion_eval.core.votes import needed
from fusion_eval.grading import most_asked, requests


@dataclass(frozen=True, slots=True, kw_only=True)
class GradingCalls:
    """Distinct requests to graders, without those that repair a reply.

    `apart` is the number where no two answers coincide: exact, or with adaptive passes the most
    that there can be. `expected` knows which recipes hand on an answer of another. `low` is where
    all answers to a task coincide and adaptive passes stop as soon as they may.
    """

    low: int
    expected: int
    apart: int
    exact: bool


def grading_calls(tasks: TaskSet, bench: Bench, trials: Iterable[Trial]) -> GradingCalls:
    """Count them, given traced trials."""
    distinct = {use.key for trial in trials for use in trial.grading}
    low = apart = 0
    for task in tasks.tasks:
        readings = _readings(task, bench.grader)
        answers = len(units(bench, task))
        apart += answers * sum(most for _, most in readings)
        low += sum(least for least, _ in readings) if answers else 0
    adaptive = bench.grader is not None and bench.grader.protocol.adaptive
    return GradingCalls(low=low, expected=len(distinct), apart=apart, exact=not adaptive)


def most_to_graders(task: Task, grader: Grader | None) -> int:
    """Requests about one answer at most: in all passes, and nothing can be read at first."""
    if grader is None or task.target is not None or grader.protocol.kind == "pairwise":
        return sum(2 * most for _, most in _readings(task, grader))
    return sum(most * most_asked(criteria) for most, criteria in requests(task, grader))


def _readings(task: Task, grader: Grader | None) -> list[tuple[int, int]]:
    """Of each request about an answer, how often it is sent: (at least, at most)."""
    if grader is None or task.target is not None:
        return []
    protocol = grader.protocol
    if protocol.kind == "pairwise":
        return [(0, 2 * protocol.passes * len(grader.members))]
    if not task.leaves:
        return []
    found = requests(task, grader)
    if not protocol.adaptive:
        return [(most, most) for most, _ in found]
    how, valid = protocol.combine, protocol.minimum_valid
    return [(needed([], most, how, valid), most) for most, _ in found]
