"""What a request would cost under each recipe: the plan of a run of one task. Calls nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from fusion_eval.bench.experience import Experience
from fusion_eval.bench.plan import Plan, plan
from fusion_eval.core import Bench, Recipe, Task, TaskSet
from fusion_eval.engine.ledger import Ledger
from fusion_eval.engine.place import Place
from fusion_eval.serving.asked import Asked

_DOLLARS = ("low_usd", "expected_usd", "high_usd", "at_most_usd")


def estimates(
    asked: Asked, recipes: Mapping[str, Recipe], bench: Bench, ledger: Place | None
) -> list[dict[str, Any]]:
    """One row per recipe: calls, tokens and dollars; null is unknown, and never 0.

    What a ledger has seen says how long replies are. It runs event loops: not inside of one.
    """
    task = Task(id="request", question=asked.question, domain=asked.domain)
    tasks = TaskSet(name="request", tasks=(task,))
    with ExitStack() as held:
        history = held.enter_context(Ledger(ledger)).history if ledger else None
        experience = Experience(history) if history else Experience()
        return [
            _row(recipe, plan(tasks, _alone(bench, recipe), experience))
            for recipe in recipes.values()
        ]


def _alone(bench: Bench, recipe: Recipe) -> Bench:
    return replace(bench, recipes={recipe.name: recipe}, grader=None, repeats=1, sizes=())


def _row(recipe: Recipe, planned: Plan) -> dict[str, Any]:
    tokens = {name: planned.total(name) for name in ("tokens_in", "tokens_out")}
    return {
        "model": recipe.name,
        "strategy": recipe.strategy,
        "calls_low": planned.calls.low,
        "calls_high": planned.calls.high,
        **tokens,
        **{name: planned.total(name) for name in _DOLLARS},
        "assumptions": planned.assumptions,
    }
