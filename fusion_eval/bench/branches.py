"""Where replies decide what is asked next: the fewest calls, the most, and the longest path.

The strategies are traced again with judges that are content with everything and with nothing, with
answers that agree and differ, with each label that a judge may name, and with no answers at all. A
strategy that branches on something else, such as the length of a draft, can still hide a branch.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fusion_eval.bench.blocks import longest, most_labels, units
from fusion_eval.bench.grading_calls import most_to_graders
from fusion_eval.bench.trials import run_trial
from fusion_eval.core import Bench, Call, Recipe, TaskSet, Trial
from fusion_eval.core.task import COMPARED
from fusion_eval.engine.trace import Expected, Says, Trace

SALTS = ("a", "b", "c", "d")
"""Traces in which two judges of one recipe may name different labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Distinct calls of a run: `expected` without failures, which it makes exactly where `exact`.

    Failures, what judges say, and which of some free texts wins a vote and is graded, change the
    number within `low` to `high`.
    """

    low: int
    expected: int
    high: int
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PerTrial:
    """Calls of one trial without failures and grading, and its depth: the longest path in calls.

    `again_high`: so many of them at most are sent back once, because a judge cannot be read.
    """

    recipe: str
    strategy: str
    calls_low: int
    calls_high: int
    depth_low: int
    depth_high: int
    again_high: int


async def tracing(tasks: TaskSet, bench: Bench, trace: Trace) -> list[Trial]:
    """Every trial of a bench, through a trace."""
    return [
        await run_trial(task, recipe, repeat, trace.send, bench)
        for task in tasks.tasks
        for _, repeat, recipe in units(bench, task)
    ]


def traced(tasks: TaskSet, bench: Bench, trace: Trace) -> list[Trial]:
    """The same where no loop is running."""
    return asyncio.run(tracing(tasks, bench, trace))


def branches(
    tasks: TaskSet, bench: Bench, trials: list[Trial], trace: Trace
) -> tuple[Range, tuple[PerTrial, ...]]:
    """How many calls a run makes and each of its trials, given what was expected."""
    once = replace(bench, repeats=1)
    content, strict = Trace(_short, says=Says(alike=True, content=True)), Trace(_long)
    both = [traced(tasks, once, content), traced(tasks, once, strict)]
    nothing = traced(tasks, once, Trace(lambda _: Expected(characters=0)))
    ungraded = replace(once, grader=None)
    decided = [Trace(_short, says=says) for says in ways(trace.calls.values(), bench)]
    others = [traced(tasks, ungraded, each) for each in decided]
    forms = {k for t in (content, strict, *decided) for k, call in t.calls.items() if call.output}
    charged = [_charged(found) for found in both]
    expected = len(trace.calls)
    calls = Range(
        low=min(_fewest([*both, nothing, *others]) * bench.repeats, expected),
        expected=expected,
        high=max(_most(tasks, bench, [*both, *others], forms) * bench.repeats, expected),
        exact=charged[0] == charged[1]
        and len(content.calls) == len(strict.calls)
        and _alike([*both, *others])
        and not votes_on_text(tasks, bench),
    )
    return calls, _per_trial(bench, [*both, *others], forms)


_VOTES = frozenset({"vote", "self_consistency"})


def votes_on_text(tasks: TaskSet, bench: Bench) -> list[str]:
    """The recipes that count votes on tasks without final answers that could be compared."""
    if all(task.question.answer_format in COMPARED for task in tasks.tasks):
        return []
    return [name for name, recipe in bench.recipes.items() if _counts(recipe)]


def _counts(recipe: Recipe) -> bool:
    nested = [member.recipe for member in recipe.members if member.recipe is not None]
    voting = recipe.strategy in _VOTES or (
        recipe.strategy == "debate" and recipe.params.get("aggregate", "vote") == "vote"
    )
    return voting or any(map(_counts, nested))


def ways(calls: Iterable[Call], bench: Bench) -> list[Says]:
    """What judges may say beside yes and no, given what they are asked."""
    most = most_labels(calls, bench)
    named = [Says(choice=i, content=yes) for i in range(1, most) for yes in (False, True)]
    return [Says(same=True, content=True), *named, *(Says(salt=s) for s in SALTS if most)]


def _short(_: Call) -> Expected:
    return Expected(characters=1, latency_s=1.0)


def _long(call: Call) -> Expected:
    return replace(longest(call), latency_s=1.0)


def _charged(trials: list[Trial]) -> Counter[tuple[str, str]]:
    return Counter((u.role, u.model) for t in trials for u in (*t.uses, *t.grading))


def _fewest(found: list[list[Trial]]) -> int:
    """Distinct calls, task by task in whichever way makes the fewest."""
    sets: list[dict[str, set[str]]] = [{} for _ in found]
    for per_task, trials in zip(sets, found, strict=True):
        for trial in trials:
            keys = {use.key for use in (*trial.uses, *trial.grading)}
            per_task.setdefault(trial.task, set()).update(keys)
    return sum(min(len(one[task]) for one in sets) for task in sets[0])


def _alike(found: list[list[Trial]]) -> bool:
    """Whether every trial asks as much in every way."""
    return all(len({len(trial.uses) for trial in same}) == 1 for same in zip(*found, strict=True))


def _most(tasks: TaskSet, bench: Bench, found: list[list[Trial]], forms: set[str]) -> int:
    """Charged calls, trial by trial in whichever way makes the most; nothing that must be an
    object can be read at first."""
    graded = {task.id: most_to_graders(task, bench.grader) for task in tasks.tasks}
    return sum(
        max(len(trial.uses) + _again(trial, forms) for trial in same)
        + max(graded[same[0].task], *(2 * len(trial.grading) for trial in same))
        for same in zip(*found, strict=True)
    )


def _again(trial: Trial, forms: set[str]) -> int:
    """How many replies may be sent back once."""
    return sum(use.key in forms for use in trial.uses)


def _per_trial(bench: Bench, found: list[list[Trial]], forms: set[str]) -> tuple[PerTrial, ...]:
    lines = []
    for name, recipe in bench.recipes.items():
        trials = [trial for one in found for trial in one if trial.recipe == name]
        calls = [len(trial.uses) for trial in trials]
        depths = [round(trial.latency_s) for trial in trials]
        lines.append(
            PerTrial(
                recipe=name,
                strategy=recipe.strategy,
                calls_low=min(calls, default=0),
                calls_high=max(calls, default=0),
                depth_low=min(depths, default=0),
                depth_high=max(depths, default=0),
                again_high=max((_again(trial, forms) for trial in trials), default=0),
            )
        )
    return tuple(lines)
