"""What a run would ask, before it asks: calls by role and model, tokens, dollars, minutes.

The very strategies run over a tracing `Send`, so calls are counted and not estimated; what is in
the ledger already is left out of tokens and dollars, which are estimates and say what they rest
on. Where a judge's word decides what is asked next, it is expected to ask for more. Calls nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from fusion_eval.bench.assumed import CHARACTERS_PER_TOKEN, OUTPUT_TOKENS
from fusion_eval.bench.branches import PerTrial, Range, branches, traced, tracing
from fusion_eval.bench.experience import Experience
from fusion_eval.bench.forecast import Forecast, forecast, needs
from fusion_eval.bench.grading_calls import GradingCalls, grading_calls
from fusion_eval.bench.lines import Line, lines_of, total
from fusion_eval.bench.lint import Warned
from fusion_eval.bench.parameters import imported
from fusion_eval.core import Bench, Reply, TaskSet, Trial
from fusion_eval.core.recipe import Size
from fusion_eval.core.sampling import SIXTH, Saving, saving
from fusion_eval.engine.trace import Trace, never

SIMULATED_CALL_S = 0.005
"""A simulator in this process reports latencies and does not take them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Calls of a run, charged to its recipes and shared among them, with a range of dollars."""

    tasks: int
    recipes: int
    repeats: int
    trials: int
    calls: Range
    grading: GradingCalls
    per_trial: tuple[PerTrial, ...]
    lines: tuple[Line, ...]
    minutes: float
    assumptions: str
    budget_usd: float | None = None
    forecast: Forecast | None = None
    equal_dollars: tuple[Size, ...] = ()
    warnings: tuple[Warned, ...] = ()
    two_phase: Saving | None = None
    imports: tuple[str, ...] = ()
    checked: int = 0

    @property
    def too_dear(self) -> bool:
        """Even the low estimate is above the budget."""
        low = self.total("low_usd")
        return self.budget_usd is not None and low is not None and low > self.budget_usd

    def total(self, name: str) -> float | None:
        """Sum of a column over all lines; None when a part of it is unknown."""
        return total(self.lines, name)

    def as_json(self) -> dict[str, Any]:
        """The plan as one JSON document."""
        names = ("charged", "shared", "known", "tokens_in", "tokens_out")
        dollars = ("low_usd", "expected_usd", "high_usd", "at_most_usd")
        totals = {name: self.total(name) for name in (*names, *dollars)}
        return {**asdict(self), "total": totals}


def _two_phase(tasks: TaskSet, bench: Bench) -> Saving | None:
    """What grading at once, and a sixth one by one, would save; None without a rubric to grade."""
    rubrics = [{c.id: c.weight for c in task.leaves} for task in tasks.tasks if task.leaves]
    return saving(rubrics, share=SIXTH) if rubrics and bench.grader else None


def plan(
    tasks: TaskSet,
    bench: Bench,
    experience: Experience | None = None,
    known: Callable[[str], Reply | None] = never,
) -> Plan:
    """Trace every trial of a bench on a task set.

    `experience` says how long replies are, `known` which calls need not be made any more.
    """
    experience = experience or Experience()
    trace = Trace(experience.expect, known)
    trials = traced(tasks, bench, trace)
    calls, per_trial = branches(tasks, bench, trials, trace)
    lines = lines_of(trials, trace, experience)
    budget, high = bench.limits.budget_usd, total(lines, "high_usd")
    return Plan(
        tasks=len(tasks.tasks),
        checked=sum(task.check is not None for task in tasks.tasks),
        recipes=len(bench.recipes),
        repeats=bench.repeats,
        trials=len(trials),
        calls=calls,
        grading=grading_calls(tasks, bench, trials),
        two_phase=_two_phase(tasks, bench),
        per_trial=per_trial,
        lines=lines,
        minutes=_minutes(trials, trace, bench.limits.max_in_flight),
        assumptions=_assumptions(trace, experience),
        budget_usd=budget,
        forecast=forecast(needs(trials, trace, experience), high, budget),
        equal_dollars=bench.sizes,
        imports=imported(bench.recipes.values()),
    )


async def foreseen(
    tasks: TaskSet,
    bench: Bench,
    experience: Experience,
    known: Callable[[str], Reply | None],
    *,
    paid_usd: float,
    refused_usd: float = 0.0,
) -> Forecast | None:
    """What a run that has stopped needs to go on, given what it has paid."""
    trace = Trace(experience.expect, known)
    trials = await tracing(tasks, bench, trace)
    high = total(lines_of(trials, trace, experience), "high_usd")
    return forecast(
        needs(trials, trace, experience), high, bench.limits.budget_usd, paid_usd, refused_usd
    )


def _minutes(trials: list[Trial], trace: Trace, max_in_flight: int) -> float:
    """All calls through the slots of their endpoint, or the longest trial, whichever is longer."""
    per_endpoint: Counter[str] = Counter()
    for key, reply in trace.expected.items():
        endpoint = trace.calls[key].model.endpoint
        per_endpoint[endpoint.name] += (  # type: ignore[assignment]
            SIMULATED_CALL_S * max_in_flight if endpoint.simulator else reply.latency_s
        )
    real = any(trace.calls[key].model.endpoint.simulator is None for key in trace.expected)
    longest_trial = max((trial.latency_s for trial in trials), default=0.0) if real else 0.0
    most = max(per_endpoint.values(), default=0) / max_in_flight
    return round(max(most, longest_trial) / 60, 2)


def _assumptions(trace: Trace, experience: Experience) -> str:
    assumed = "assumed" in experience.source(*trace.calls.values())
    low = "low and high are where the total should lie"
    if not assumed:
        return f"lengths as in the ledger; {low}"
    kinds = {c.output.name if c.output else "answer" for c in trace.calls.values()}
    lengths = ", ".join(f"{k} {tokens}" for k, tokens in OUTPUT_TOKENS.items() if k in kinds)
    return (
        f"without experience {CHARACTERS_PER_TOKEN} characters per token and visible output "
        f"tokens {lengths} (simulated models less); a run with --limit 2 teaches better; {low}"
    )
