"""Whose words can be shown while they are written: found by tracing the recipe, not by its name.

The recipe is traced as `plan` traces it, in every way that judges and answers may send it. A role
of a model whose reply, wherever it is asked at all, is the last one and comes out word for word as
the answer, is a writer. A user's own strategy may do anything with a text, so its answer is shown
when it is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from fusion_eval.bench.branches import ways
from fusion_eval.bench.trials import asking, run_recipe
from fusion_eval.core import Bench, Call, Recipe, Reply, Task
from fusion_eval.engine.trace import Expected, Says, Trace
from fusion_eval.errors import CallFailedError, NoAnswerError
from fusion_eval.prompts import MARK
from fusion_eval.strategies import STRATEGIES

Writer = tuple[str, str]
"""Role and name of a model."""

_LONG = Expected(characters=400)


async def writers(task: Task, recipe: Recipe, bench: Bench) -> frozenset[Writer]:
    """The writers of a recipe for this very question. Calls nothing."""
    if not _ours(recipe):
        return frozenset()
    bench = replace(bench, grader=None)
    first = await _traced(task, recipe, bench, Says())
    others = [Says(alike=True, content=True), *ways(first[0], bench)]
    seen = [first, *[await _traced(task, recipe, bench, says) for says in others]]
    final, not_final = set[Writer](), set[Writer]()
    for calls, last in seen:
        for who, count in Counter(map(_who, calls)).items():
            (final if count == 1 and who == last else not_final).add(who)
    return frozenset(final - not_final)


def _ours(recipe: Recipe) -> bool:
    inside = (member.recipe for member in recipe.members if member.recipe is not None)
    return recipe.strategy in STRATEGIES and all(map(_ours, inside))


async def _traced(
    task: Task, recipe: Recipe, bench: Bench, says: Says
) -> tuple[Iterable[Call], Writer | None]:
    """The calls that are made, and who made the last one, where its text is the answer."""
    trace = Trace(lambda _: _LONG, says=says)
    texts: dict[str, str] = {}

    async def send(call: Call) -> Reply:
        reply = await trace.send(call)
        if any(MARK in message.content for message in call.messages):
            reply = replace(reply, text=f"{reply.text}\n{MARK}\n{reply.text}")
        texts[call.key] = reply.text
        return reply

    try:
        reply = await run_recipe(recipe, task.question, asking(task, 0, send, bench))
    except (CallFailedError, NoAnswerError):
        return trace.calls.values(), None
    *_, last = trace.calls.values()
    is_last = reply.key == last.key and reply.text == texts[last.key]
    return trace.calls.values(), _who(last) if is_last else None


def _who(call: Call) -> Writer:
    return call.role, call.model.name
