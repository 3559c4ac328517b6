"""The models that a server offers: recipes, perhaps models alone, and `auto`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from fusion_eval.bench.refuse import models_used
from fusion_eval.core import Bench, Member, Model, Recipe
from fusion_eval.openai_api import BadRequestError

AUTO = "auto"
_CAPS = ("max_tokens", "max_completion_tokens")


def offered(bench: Bench, *, members: bool) -> dict[str, Recipe]:
    """Recipes by the names that requests give; with `members` each model of the file alone too."""
    alone = {
        name: Recipe(name=name, strategy="solo", params={"member": Member(name=name, model=model)})
        for name, model in bench.models.items()
        if members
    }
    return {**bench.recipes, **alone}


def rows(
    bench: Bench, recipes: dict[str, Recipe], routes: Collection[str], created: int
) -> dict[str, dict[str, Any]]:
    """What is told of each model, by its name.

    routes : the recipes that `auto` may choose; none without a rule file
    created : when the server began (Unix seconds)
    """
    behind = {name: [recipe] for name, recipe in recipes.items()}
    if routes:
        behind[AUTO] = [recipes[name] for name in routes]
    return {name: _row(bench, name, those, created) for name, those in behind.items()}


def _row(bench: Bench, name: str, recipes: list[Recipe], created: int) -> dict[str, Any]:
    """One model, with the smallest limits of those behind it; null where one of them is unknown."""
    reached = {recipe.name: recipe for recipe in recipes}
    members = models_used(replace(bench, recipes=reached, grader=None))
    return {
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": "fusion-eval",
        "context_length": _least([model.context_window for model in members]),
        "max_completion_tokens": _least([_most_out(model) for model in members]),
        "strategy": AUTO if name == AUTO else recipes[0].strategy,
        "members": sorted(model.name for model in members),
        "simulated": any(model.endpoint.simulator is not None for model in members),
    }


def _least(values: list[int | None]) -> int | None:
    limits = [value for value in values if value is not None]
    return min(limits) if limits and len(limits) == len(values) else None


def _most_out(model: Model) -> int | None:
    caps = [value for name in _CAPS if isinstance(value := model.params.get(name), int)]
    return min(caps, default=None)


def unknown(name: str, names: Collection[str]) -> BadRequestError:
    """The error for a model that is not offered."""
    message = f"The model {name[:80]!r} does not exist; this server has {', '.join(names)}."
    return BadRequestError(message, "model", "model_not_found", status=404)
