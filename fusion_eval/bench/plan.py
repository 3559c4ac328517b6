"""What a run would ask, before it asks: calls by role and model, tokens, dollars. Calls nothing.

The very strategies run over a tracing `Send`, so calls are counted and not estimated; tokens and
dollars are estimates, and say what they assume.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import asdict, dataclass
from typing import Any

from fusion_eval.bench.trials import run_trial
from fusion_eval.core import Bench, Call, TaskSet, Trial, Usage
from fusion_eval.engine import prices
from fusion_eval.engine.trace import CHARACTERS_PER_TOKEN, OUTPUT_TOKENS, Trace

PAIRED_SD = (6.7, 10.5, 14.8)
"""Points: lowest, median and highest SD of paired differences of 153 pairs of public DRACO runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Calls of one role to one model. Dollars are those of the shared calls; None is unknown."""

    role: str
    model: str
    charged: int
    shared: int
    tokens_in: int
    tokens_out: int
    low_usd: float | None
    expected_usd: float | None
    high_usd: float | None
    price_source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Calls of a run, charged to its recipes and shared among them, with a range of dollars."""

    tasks: int
    recipes: int
    repeats: int
    trials: int
    lines: tuple[Line, ...]
    detectable_points: tuple[float, float, float]
    assumptions: str

    def total(self, name: str) -> float | None:
        """Sum of a column over all lines; None when a part of it is unknown."""
        values = [getattr(line, name) for line in self.lines]
        return None if any(value is None for value in values) else sum(values)

    def as_json(self) -> dict[str, Any]:
        """The plan as one JSON document."""
        names = ("charged", "shared", "tokens_in", "tokens_out")
        dollars = ("low_usd", "expected_usd", "high_usd")
        totals = {name: self.total(name) for name in (*names, *dollars)}
        return {**asdict(self), "total": totals}


def plan(tasks: TaskSet, bench: Bench) -> Plan:
    """Trace every trial of a bench on a task set."""
    trace = Trace()
    trials = asyncio.run(_traced(tasks, bench, trace))
    groups: dict[tuple[str, str], list[str]] = {}
    for trial in trials:
        for use in (*trial.uses, *trial.grading):
            role = use.role.split("/")[0]
            groups.setdefault((role, use.model), []).append(use.key)
    return Plan(
        tasks=len(tasks.tasks),
        recipes=len(bench.recipes),
        repeats=bench.repeats,
        trials=len(trials),
        lines=tuple(_line(role, model, keys, trace) for (role, model), keys in groups.items()),
        detectable_points=_detectable(len(tasks.tasks)),
        assumptions=(
            f"{CHARACTERS_PER_TOKEN} characters per token; visible output tokens "
            + ", ".join(f"{kind} {tokens}" for kind, tokens in OUTPUT_TOKENS.items())
            + "; low: half the output, high: every call at its max_tokens"
        ),
    )


async def _traced(tasks: TaskSet, bench: Bench, trace: Trace) -> list[Trial]:
    return [
        await run_trial(task, recipe, repeat, trace.send, bench)
        for task in tasks.tasks
        for repeat in range(bench.repeats)
        for recipe in bench.recipes.values()
    ]


def _line(role: str, model: str, keys: list[str], trace: Trace) -> Line:
    shared = list(dict.fromkeys(keys))
    calls = [trace.calls[key] for key in shared]
    usages = [trace.usage[key] for key in shared]
    price = prices.price_of(calls[0].model)
    return Line(
        role=role,
        model=model,
        charged=len(keys),
        shared=len(shared),
        tokens_in=sum(usage.input for usage in usages),
        tokens_out=sum(usage.output for usage in usages),
        low_usd=_dollars(calls, usages, 0.5),
        expected_usd=_dollars(calls, usages, 1.0),
        high_usd=_worst(calls),
        price_source=price.source if price is not None else "unknown",
    )


def _dollars(calls: list[Call], usages: list[Usage], share: float) -> float | None:
    costs = [
        prices.paid(call.model, Usage(input=u.input, output=round(u.output * share)), None).usd
        for call, u in zip(calls, usages, strict=True)
    ]
    return _sum(costs)


def _worst(calls: list[Call]) -> float | None:
    return _sum([prices.worst_case(call) for call in calls])


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _detectable(tasks: int) -> tuple[float, float, float]:
    """Points that a paired comparison finds with 80 % power at two-sided 5 %, for `PAIRED_SD`.

    (z_.975 + z_.80) SD / sqrt(n), which is a little low for a handful of tasks.
    """
    low, middle, high = (round(2.8016 * sd / math.sqrt(tasks), 1) for sd in PAIRED_SD)
    return low, middle, high
