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
from fusion_eval.bench.blocks import again
from fusion_eval.bench.branches import PerTrial, Range, branches, traced
from fusion_eval.bench.dollars import dollars_of
from fusion_eval.bench.experience import Experience
from fusion_eval.bench.grading_calls import GradingCalls, grading_calls
from fusion_eval.bench.lint import Warned
from fusion_eval.core import Bench, Purpose, Reply, TaskSet, Trial
from fusion_eval.core.recipe import Size
from fusion_eval.core.sampling import SIXTH, Saving, saving
from fusion_eval.engine import prices
from fusion_eval.engine.trace import Trace, never

SIMULATED_CALL_S = 0.005
"""A simulator in this process reports latencies and does not take them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Calls of one role to one model; None is unknown.

    `shared` counts distinct calls, `known` those of them whose reply is in the ledger. Tokens and
    dollars are those of the others, sent once each; `at_most_usd` has every reply at its longest,
    and each that must be an object said again.
    """

    role: str
    model: str
    purpose: Purpose
    charged: int
    shared: int
    known: int
    tokens_in: int
    tokens_out: int
    low_usd: float | None
    expected_usd: float | None
    high_usd: float | None
    at_most_usd: float | None
    price_source: str
    tokens_source: str


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
    equal_dollars: tuple[Size, ...] = ()
    warnings: tuple[Warned, ...] = ()
    two_phase: Saving | None = None
    checked: int = 0

    @property
    def too_dear(self) -> bool:
        """Even the low estimate is above the budget."""
        low = self.total("low_usd")
        return self.budget_usd is not None and low is not None and low > self.budget_usd

    def total(self, name: str) -> float | None:
        """Sum of a column over all lines; None when a part of it is unknown."""
        values = [getattr(line, name) for line in self.lines]
        return None if any(value is None for value in values) else sum(values)

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
    groups: dict[tuple[str, str, Purpose], list[str]] = {}
    for trial in trials:
        for use in (*trial.uses, *trial.grading):
            role = use.role.split("/")[0]
            groups.setdefault((role, use.model, use.purpose), []).append(use.key)
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
        lines=tuple(_line(*group, keys, trace, experience) for group, keys in groups.items()),
        minutes=_minutes(trials, trace, bench.limits.max_in_flight),
        assumptions=_assumptions(trace, experience),
        budget_usd=bench.limits.budget_usd,
        equal_dollars=bench.sizes,
    )


def _line(
    role: str, model: str, purpose: Purpose, keys: list[str], trace: Trace, experience: Experience
) -> Line:
    shared = list(dict.fromkeys(keys))
    new = [trace.calls[key] for key in shared if key not in trace.known_calls]
    repeated = [again(call) for call in new if call.output]
    replies = [trace.expected[call.key] for call in new]
    example = trace.calls[shared[0]]
    price = prices.price_of(example.model)
    usd = dollars_of(new, replies, experience)
    at_most = _sum([prices.worst_case(call) for call in [*new, *repeated]])
    if usd is not None and at_most is not None:
        usd = usd.capped(at_most)
    low, expected, high = (usd.low, usd.expected, usd.high) if usd else (None, None, None)
    reported = price is None and expected is not None and bool(new)
    return Line(
        role=role,
        model=model,
        purpose=purpose,
        charged=len(keys),
        shared=len(shared),
        known=len(shared) - len(new),
        tokens_in=sum(reply.tokens_in for reply in replies),
        tokens_out=sum(reply.tokens_out for reply in replies),
        low_usd=low,
        expected_usd=expected,
        high_usd=high,
        at_most_usd=at_most,
        price_source=price.source if price else "reported before" if reported else "unknown",
        tokens_source=experience.source(*(new or [example])),
    )


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


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
