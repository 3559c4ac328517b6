"""What a run is likely to cost, task by task, and how far a budget goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fusion_eval.bench.blocks import units
from fusion_eval.bench.dollars import dollars_of
from fusion_eval.bench.experience import Experience
from fusion_eval.bench.trials import run_trial
from fusion_eval.core import Bench, Call, Reply, Task, Trial
from fusion_eval.engine import prices
from fusion_eval.engine.budget import Need
from fusion_eval.engine.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """US dollars of a whole run, what is paid already included.

    tasks, ends_at_task : all tasks, and those of them that `budget_usd` is likely to finish, in
        their order; None without a budget
    expected_usd : of the whole run
    finish_usd : the high estimate and the worst case of the most expensive call
    begin_usd : the smallest budget with which the next call may be sent
    call_usd : the worst case of the most expensive call
    """

    tasks: int
    ends_at_task: int | None
    budget_usd: float | None
    paid_usd: float
    expected_usd: float
    finish_usd: float
    begin_usd: float
    call_usd: float


async def need(
    task: Task, bench: Bench, experience: Experience, known: Callable[[str], Reply | None]
) -> Need:
    """What the calls of a block that are not `known` are likely to cost."""
    trace, by_recipe = Trace(experience.expect, known), dict[str, float]()
    for _, repeat, recipe in units(bench, task):
        trial = await run_trial(task, recipe, repeat, trace.send, bench)
        keys = {use.key for use in (*trial.uses, *trial.grading)} - trace.known_calls
        worst = [prices.worst_case(trace.calls[key]) or 0.0 for key in keys]
        by_recipe[recipe.name] = max([by_recipe.get(recipe.name, 0.0), *worst])
    return replace(_need(trace.new, trace, experience), by_recipe=by_recipe)


def _need(calls: Iterable[Call], trace: Trace, experience: Experience) -> Need:
    likely = most = 0.0
    for call in calls:
        usd = dollars_of([call], [trace.expected[call.key]], experience)
        likely += usd.expected if usd else 0.0
        most = max(most, prices.worst_case(call) or 0.0)
    return Need(likely=likely, call=most)


def needs(trials: Iterable[Trial], trace: Trace, experience: Experience) -> list[Need]:
    """The need of each task, in order; a call that several tasks share is paid by the first."""
    new = {call.key: call for call in trace.new}
    tasks: dict[str, list[Call]] = {}
    for trial in trials:
        mine = tasks.setdefault(trial.task, [])
        mine += [new.pop(use.key) for use in (*trial.uses, *trial.grading) if use.key in new]
    return [_need(calls, trace, experience) for calls in tasks.values()]


def forecast(
    tasks: list[Need],
    high_usd: float | None,
    budget_usd: float | None,
    paid_usd: float = 0.0,
    refused_usd: float = 0.0,
) -> Forecast | None:
    """The forecast of a run with these tasks; None where a price is unknown.

    `high_usd` is the high estimate of what is not paid yet; `refused_usd` the worst case of a call
    that the budget has refused already.
    """
    if high_usd is None:
        return None
    call = max([refused_usd, *(task.call for task in tasks)])
    begin = next((max(task.likely, task.call) for task in tasks if task.likely), 0.0)
    begin = max(begin, refused_usd)
    return Forecast(
        tasks=len(tasks),
        ends_at_task=None if budget_usd is None else _reached(tasks, budget_usd - paid_usd),
        budget_usd=budget_usd,
        paid_usd=paid_usd,
        expected_usd=paid_usd + sum(task.likely for task in tasks),
        finish_usd=rounded_up(paid_usd + max(high_usd + call, begin)),
        begin_usd=rounded_up(paid_usd + begin),
        call_usd=call,
    )


def _reached(tasks: list[Need], left: float) -> int:
    """How many tasks are likely to be finished with so much."""
    for done, task in enumerate(tasks):
        if task.likely and max(task.likely, task.call) > left:
            return done
        left -= task.likely
    return len(tasks)


def rounded_up(usd: float) -> float:
    """To cents; less than ten cents to two digits."""
    if usd <= 0:
        return 0.0
    digits = max(2, 1 - math.floor(math.log10(usd)))
    return float(math.ceil(usd * 10**digits * (1 - 1e-12)) / 10**digits)


def usd(value: float) -> str:
    """`$12.34`, `$0.0041`: as many digits as tell something."""
    digits = 2 if value >= 0.1 or value <= 0 else 1 - math.floor(math.log10(value))
    return f"${value:,.{digits}f}"


def sentences(found: Mapping[str, Any]) -> str:
    """What is expected, what finishes for sure, and where the budget ends; before a run."""
    finish, most, ends = found["finish_usd"], found["budget_usd"], found["ends_at_task"]
    lines = [
        f"Expected: {usd(found['expected_usd'])}. To finish for sure: about {usd(finish)}, the "
        f"high estimate and the worst case of one call ({usd(found['call_usd'])})."
    ]
    if found["call_usd"] > found["expected_usd"] > 0:
        lines.append(
            "One call may cost more than the whole run is expected to; `max_tokens` of its model "
            "bounds it."
        )
    if most is not None and ends is not None:
        if most >= finish:
            lines.append(f"Your {usd(most)} is enough.")
        elif ends == found["tasks"]:
            lines.append(f"Your {usd(most)} is likely to be enough.")
        elif ends:
            lines.append(f"Your {usd(most)} ends at about task {ends} of {found['tasks']}.")
        else:
            lines.append(
                f"Your {usd(most)} does not finish the first of {found['tasks']} tasks; it begins "
                f"with {usd(found['begin_usd'])}."
            )
    return " ".join(lines)


def after_a_stop(found: Mapping[str, Any]) -> str:
    """The same where a budget has ended a run."""
    return (
        f"{usd(found['budget_usd'])} ended at task {found['ends_at_task']} of {found['tasks']}; "
        f"the whole run is expected to cost {usd(found['expected_usd'])}. To finish for sure: "
        f"about {usd(found['finish_usd'])}; the next call may be sent with "
        f"{usd(found['begin_usd'])}."
    )
