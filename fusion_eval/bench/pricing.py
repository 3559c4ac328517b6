"""The prices of a run, settled once: what it began with holds until its end, also after a stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from fusion_eval.core import Bench, Member, Model, Price, Rate, Recipe
from fusion_eval.engine.prices import price_of


def priced(bench: Bench, frozen: Mapping[str, Any]) -> Bench:
    """The bench with a price in each of its models: those of a manifest, else what holds now."""

    def settled(model: Model) -> Model:
        known = model.name in frozen
        return replace(model, price=thawed(frozen[model.name]) if known else price_of(model))

    def seated(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(seated(each) for each in value)
        if not isinstance(value, Member):
            return value
        model = settled(value.model) if value.model else None
        return replace(value, model=model, recipe=cooked(value.recipe) if value.recipe else None)

    def cooked(recipe: Recipe) -> Recipe:
        target = recipe.equal_dollars and cooked(recipe.equal_dollars)
        params = {k: seated(v) for k, v in recipe.params.items()}
        return replace(recipe, params=params, equal_dollars=target)

    grader = bench.grader and replace(bench.grader, members=seated(bench.grader.members))
    models = {name: settled(model) for name, model in bench.models.items()}
    recipes = {name: cooked(recipe) for name, recipe in bench.recipes.items()}
    return replace(bench, models=models, recipes=recipes, grader=grader)


def frozen(prices: Mapping[str, Price | None]) -> dict[str, Any]:
    """Prices as they stand in a manifest, exceptions and all."""
    return {name: asdict(price) if price else None for name, price in prices.items()}


def thawed(value: Mapping[str, Any] | None) -> Price | None:
    """A price out of a manifest."""
    if value is None:
        return None
    exceptions = tuple(
        Rate(**{**rate, "between": rate["between"] and tuple(rate["between"])})
        for rate in value.get("exceptions", ())
    )
    return Price(**{**value, "exceptions": exceptions})
