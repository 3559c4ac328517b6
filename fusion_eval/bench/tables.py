"""Rows of the three tables, from trials and what is known about each call.

Every trial is charged every call behind it in full (`cost_usd`); what the run really paid
(`spent_usd`) stands at the first trial that used the call, in the order of tasks, repeats and
recipes. Two names of one model share a call, and each trial is charged by its own name's price.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from fusion_eval.bench.external import columns as product_columns
from fusion_eval.bench.external import is_product
from fusion_eval.bench.facts import Fact, Facts
from fusion_eval.core import (
    POLICIES,
    Attempt,
    Recipe,
    Task,
    Trial,
    Use,
    Verdict,
    dollars_of_trial,
    score_of,
)
from fusion_eval.engine import prices
from fusion_eval.engine.ledger import short
from fusion_eval.tapping.joining import Tapped

Row = dict[str, Any]
TOKENS_IN = ("tokens_input", "tokens_cache_read", "tokens_cache_write", "tokens_cache_write_1h")
TOKENS_OUT = ("tokens_output", "tokens_reasoning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Rows of trials, verdicts and calls."""

    trials: list[Row]
    verdicts: list[Row]
    calls: list[Row]


def tables(
    trials: Iterable[Trial],
    tasks: Mapping[str, Task],
    recipes: Mapping[str, Recipe],
    facts: Facts,
    failed: Mapping[str, Sequence[Attempt]],
    billed: set[int],
    behind: Mapping[str, Tapped] = MappingProxyType({}),
) -> Tables:
    """All rows; trials must come in the order in which spending is attributed.

    `failed` holds, by key, the attempts of this run that ended without a reply; `billed` the calls
    (short keys) that stand in earlier rows, to which those of these trials are added; `behind`
    what taps saw behind the calls of products.
    """
    made = Tables(trials=[], verdicts=[], calls=[])
    for trial in trials:
        task = tasks[trial.task]
        answering = [_call(trial, use, facts, failed, billed, behind) for use in trial.uses]
        grading = [_call(trial, use, facts, failed, billed, {}) for use in trial.grading]
        made.calls.extend([*answering, *grading])
        made.verdicts.extend(_verdict(task, trial, verdict) for verdict in trial.verdicts)
        row = _trial(task, recipes[trial.recipe], trial, answering, facts)
        row |= product_columns(recipes[trial.recipe], trial, facts, behind)
        made.trials.append({**row, **dollars_of_trial([*answering, *grading]), **_recorded(trial)})
    return made


def _recorded(trial: Trial) -> Row:
    """What is known about an answer that was not made here."""
    return trial.recorded or {}


def _trial(task: Task, recipe: Recipe, trial: Trial, answering: Sequence[Row], facts: Facts) -> Row:
    return {
        "task": task.id,
        "task_hash": task.hash,
        "rubric_hash": task.rubric_hash,
        "criteria": len(task.leaves) or None,
        "policy": task.score,
        "domain": task.domain,
        "cluster": task.cluster,
        "recipe": recipe.name,
        "strategy": recipe.strategy,
        "repeat": trial.repeat,
        **_scores(task, trial),
        "failure": trial.failure,
        "degraded": "; ".join(trial.degraded) or None,
        "latency_s": trial.latency_s,
        "latency_sum_s": sum(use.end_s - use.start_s for use in trial.uses),
        "latency_source": _latency_source(facts[use.key, use.model] for use in trial.uses),
        "first_token_s": _first_token(trial, facts),
        "calls": len(answering),
        "tokens_in": tokens(answering, TOKENS_IN),
        "tokens_out": tokens(answering, TOKENS_OUT),
        "finish": trial.finish,
        "answer_hash": answer_hash(trial.answer),
        "protocol": trial.protocol,
    }


def answer_hash(answer: str | None) -> str | None:
    """SHA-256 (16 hex digits) of an answer: equal answers of several recipes have equal hashes."""
    return hashlib.sha256(answer.encode()).hexdigest()[:16] if answer is not None else None


def _scores(task: Task, trial: Trial) -> Row:
    """Score, bounds and coverage, each grader and pass scored on its own and then averaged.

    A failed trial has none; where people compare, it counts 0 and is named.
    """
    names = ("score", "score_raw", "score_min", "score_max", "coverage")
    if trial.failure is not None or not trial.scored:
        return dict.fromkeys(names)
    score = score_of(POLICIES[task.score], trial.scored)
    return {
        "score": score.value,
        "score_raw": score.raw,
        "score_min": score.low,
        "score_max": score.high,
        "coverage": score.coverage,
    }


def _call(
    trial: Trial,
    use: Use,
    facts: Facts,
    failed: Mapping[str, Sequence[Attempt]],
    billed: set[int],
    behind: Mapping[str, Tapped],
) -> Row:
    fact = facts[use.key, use.model]
    reply = fact.reply
    usage = reply.usage if reply else None
    first = (key := short(use.key)) not in billed
    billed.add(key)
    cost = prices.Cost(usd=0.0, source="not billed")
    paid = cost
    if reply is not None:
        bill = (usage, reply.cost_reported, reply.asked_at, reply.service_tier)
        cost = prices.stand_alone(fact.model, *bill)
        paid = prices.bill_of(fact.payer or fact.model, reply)
        if is_product(use):
            cost = paid = _product_cost(fact, cost, behind.get(use.key))
    mine = fact.mine and first
    lost = failed.get(use.key, ())
    return {
        "key": use.key,
        "task": trial.task,
        "recipe": trial.recipe,
        "repeat": trial.repeat,
        "role": use.role,
        "purpose": use.purpose,
        "model": fact.model.name,
        "model_requested": fact.model.id,
        "model_served": reply.model_served if reply else None,
        "service_tier": reply.service_tier if reply else None,
        "attempt": len(lost) + (reply is not None),
        "draw": use.draw,
        "cached": not mine,
        "tokens_input": usage.input if usage else None,
        "tokens_cache_read": usage.cache_read if usage else None,
        "tokens_cache_write": usage.cache_write if usage else None,
        "tokens_cache_write_1h": usage.cache_write_1h if usage else None,
        "tokens_output": usage.output if usage else None,
        "tokens_reasoning": usage.reasoning if usage else None,
        "cost_usd": cost.usd,
        "cost_source": cost.source,
        "rate_input": cost.rate.input if cost.rate else None,
        "rate_output": cost.rate.output if cost.rate else None,
        "price_date": _date(reply.asked_at) if reply and reply.asked_at else None,
        "spent_usd": paid.usd if mine else 0.0,
        "possibly_paid_usd": prices.possibly(lost) if first else 0.0,
        "start_s": use.start_s,
        "end_s": use.end_s,
        "latency_s": use.end_s - use.start_s,
        "first_token_s": reply.first_token_s if reply else None,
        "finish": reply.finish if reply else None,
        "failure": fact.failure or (reply.extra.get("tool_failure") if reply else None),
        "detail": fact.detail or None,
        "leaks": "; ".join(use.leaks) or None,
    }


def _product_cost(fact: Fact, own: prices.Cost, seen: Tapped | None) -> prices.Cost:
    """What a tap counted; without a tap what the product says, under that name."""
    if seen is not None:
        return prices.Cost(usd=seen.usd, source="tap" if seen.usd is not None else "unknown")
    if fact.model.endpoint.tap:  # a tap that saw nothing: the cost is not 0
        return prices.Cost(usd=None, source="unknown")
    return replace(own, source="told by the product") if own.source == "provider" else own


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _verdict(task: Task, trial: Trial, verdict: Verdict) -> Row:
    return {
        "task": task.id,
        "task_hash": task.hash,
        "recipe": trial.recipe,
        "repeat": trial.repeat,
        "criterion": verdict.criterion,
        "section": verdict.section,
        "weight": verdict.weight,
        "grader": verdict.grader,
        "grader_pass": verdict.grader_pass,
        "verdict": verdict.verdict,
        "value": verdict.value,
        "reference_value": verdict.reference_value,
        "reason": verdict.reason,
        "call_key": verdict.call_key,
        "protocol": trial.protocol,
        "position": verdict.position,
        "strict": verdict.strict,
        "flexible": verdict.flexible,
    }


def _latency_source(facts: Iterable[Fact]) -> str | None:
    sources = {
        "simulated" if fact.reply.simulated else "measured"
        for fact in facts
        if fact.reply is not None
    }
    return "+".join(sorted(sources)) or None


def _first_token(trial: Trial, facts: Facts) -> float | None:
    """When an answer begins to come on the trial's clock: with the first text of its last call."""
    if trial.answer is None or not trial.uses:
        return None
    last = max(trial.uses, key=lambda use: use.end_s)
    reply = facts[last.key, last.model].reply
    if reply is None or reply.first_token_s is None:
        return None
    return last.start_s + reply.first_token_s


def tokens(rows: Sequence[Row], names: Sequence[str]) -> int | None:
    """Tokens of several calls; None where a reply came and does not say them."""
    if any(row["tokens_input"] is None and row["failure"] is None for row in rows):
        return None
    return sum(row[name] or 0 for row in rows for name in names)
