"""One trial: run the recipe, then grade its answer, and record what happened."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import replace
from typing import Any

from fusion_eval.bench.asking import Asking
from fusion_eval.bench.guard import Guard
from fusion_eval.bench.numbering import Numbering
from fusion_eval.bench.parameters import given, strategy
from fusion_eval.core import Bench, Question, Recipe, Reply, Send, Task, Trial, Use, Verdict
from fusion_eval.core.protocol import Reading
from fusion_eval.core.sampling import chosen
from fusion_eval.core.votes import scored
from fusion_eval.errors import (
    CallFailedError,
    FusionEvalError,
    NoAnswerError,
    StrategyError,
)
from fusion_eval.grading import check, grade_answer, grade_preference, label, takes_a_while
from fusion_eval.strategies import STRATEGIES
from fusion_eval.strategies.seats import no_text, why_empty


async def run_recipe(recipe: Recipe, question: Question, ask: Asking) -> Reply:
    """Call the strategy with its parameters; also what a seat that holds a recipe does.

    Raises StrategyError, with the place, where a user's own strategy breaks.
    """
    function = strategy(recipe.strategy)
    params = recipe.params | {name: ask.given[name] for name in given(function)}
    if recipe.strategy in STRATEGIES:
        return await function(question, ask, **params)
    try:
        reply = await function(question, ask, **params)
    except FusionEvalError:
        raise
    except Exception as problem:
        place = traceback.extract_tb(problem.__traceback__)[-1]
        raise StrategyError(
            f"{place.filename}:{place.lineno}: strategy {recipe.strategy!r} of recipe "
            f"{recipe.name!r} raised {type(problem).__name__}: {problem}"
        ) from problem
    if not isinstance(reply, Reply):
        raise StrategyError(
            f"strategy {recipe.strategy!r} of recipe {recipe.name!r} returned "
            f"{type(reply).__name__}; return the Reply that `ask` gave"
        )
    return reply


async def run_trial(task: Task, recipe: Recipe, repeat: int, through: Send, bench: Bench) -> Trial:
    """One task under one recipe, once: an answer with its verdicts, or a failure."""
    if bench.answers is not None:
        trial = bench.answers.trials[task.id][recipe.name, repeat]
    else:
        trial = await answer_task(task, recipe, repeat, through, bench)
    return await _graded(task, trial, through, bench)


def asking(task: Task, repeat: int, through: Send, bench: Bench) -> Asking:
    """What the recipe of a trial asks through."""
    return Asking(
        through,
        run_recipe,
        Numbering(repeat),
        seed=bench.seed,
        answer_format=task.question.answer_format,
        given={"questions": bench.questions, "seed": bench.seed},
        domain=task.domain,
        guard=Guard(task),
    )


async def answer_task(
    task: Task, recipe: Recipe, repeat: int, through: Send, bench: Bench
) -> Trial:
    """One task under one recipe, once, without verdicts."""
    ask = asking(task, repeat, through, bench)
    outcome: dict[str, Any]
    try:
        reply = await run_recipe(recipe, task.question, ask)
    except (CallFailedError, NoAnswerError) as problem:
        outcome = {"failure": problem.failure, "detail": str(problem)}
    else:
        failure, text = no_text(reply), reply.text
        outcome = {"answer": None if failure else text, "failure": failure, "finish": reply.finish}
        if failure is not None:
            outcome["detail"] = why_empty(reply)
    return Trial(
        task=task.id,
        recipe=recipe.name,
        repeat=repeat,
        uses=tuple(sorted(ask.uses, key=lambda use: (use.start_s, use.role, use.draw, use.key))),
        degraded=tuple(sorted(ask.steps_down)),
        latency_s=ask.clock,
        **outcome,
    )


async def _graded(task: Task, trial: Trial, through: Send, bench: Bench) -> Trial:
    """The trial with its verdicts; an answer that another trial also gave asks the same calls."""
    if trial.answer is None:
        return trial
    if task.target is not None:
        verdict = await _checked(task, trial.answer, bench.reading)
        return replace(trial, verdicts=(verdict,), scored=(verdict,))
    pairwise = bench.grader is not None and bench.grader.protocol.kind == "pairwise"
    if bench.grader is None or not (task.leaves or pairwise):
        return trial
    passes: dict[int, Asking] = {}

    def asks(one_pass: int) -> Asking:
        if one_pass not in passes:
            numbering = Numbering(one_pass)
            passes[one_pass] = Asking(
                through, run_recipe, numbering, seed=bench.seed, domain=task.domain,
                purpose="grading",
            )  # fmt: skip
        return passes[one_pass]

    only: frozenset[str] | None = None
    if pairwise:
        other = _reference(task, trial, bench)
        verdicts = await grade_preference(task, trial.answer, other, bench.grader, asks)
    else:
        only = _drawn(task, trial, bench)
        verdicts = await grade_answer(
            task, trial.answer, bench.grader, asks, seed=bench.seed, only=only
        )
    protocol = bench.grader.protocol
    uses = (use for _, ask in sorted(passes.items()) for use in sorted(ask.uses, key=_by_key))
    return replace(
        trial,
        verdicts=tuple(verdicts),
        scored=scored(verdicts, protocol.combine, protocol.minimum_valid) if only is None else (),
        protocol=label(bench.grader),
        grading=tuple(uses),
    )


def _drawn(task: Task, trial: Trial, bench: Bench) -> frozenset[str] | None:
    """The criteria that were drawn for this repeat; None where all are graded."""
    if bench.answers is None or bench.answers.sample is None:
        return None
    weights = {criterion.id: criterion.weight for criterion in task.leaves}
    share = bench.answers.sample
    drawn = chosen(task.hash, weights, range(bench.repeats), seed=bench.seed, share=share)
    return frozenset(name for repeat, name in drawn if repeat == trial.repeat)


def _reference(task: Task, trial: Trial, bench: Bench) -> str | None:
    """The answer of the reference recipe to the same task in the same repeat."""
    if bench.answers is None or bench.grader is None:
        return None
    name = bench.grader.protocol.against or ""
    found = bench.answers.trials[task.id].get((name, trial.repeat))
    return found.answer if found else None


def _by_key(use: Use) -> str:
    return use.key


async def _checked(task: Task, answer: str, reading: Reading) -> Verdict:
    """The verdict of the task's check; one that starts a process holds nobody up."""
    if takes_a_while(task.check):
        return await asyncio.to_thread(check, task, answer, reading)
    return check(task, answer, reading)
