"""Recipes on arrays: what strategies ask of whom, and what it costs.

The simulator may not import `strategies` (nobody who answers may know who asks), so they are told
again here, in the same order of calls; a test holds both against each other through the wire.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from fusion_eval.core import Member, Recipe
from fusion_eval.errors import BenchFileError
from fusion_eval.simulator.direct.answers import Pick
from fusion_eval.simulator.direct.cooking import Dish, Kitchen, plurality, total_cost
from fusion_eval.simulator.direct.debating import debate
from fusion_eval.simulator.direct.picking import at_random, choose, score_each


def cook(kitchen: Kitchen, recipe: Recipe) -> Dish:
    """Run a recipe. Raises BenchFileError for what only the wire can do."""
    check(recipe, kitchen.scene.world.models)
    return _STRATEGIES[recipe.strategy](kitchen, **recipe.params)


def check(recipe: Recipe, models: Any) -> None:
    """Raises BenchFileError for what the direct sampler cannot tell."""
    way_out = "; run it through the wire (fusion-eval run)"
    if recipe.strategy not in _STRATEGIES:
        known = ", ".join(sorted(_STRATEGIES))
        raise BenchFileError(
            f"recipe {recipe.name!r}: strategy {recipe.strategy!r} has no direct sampler "
            f"(there are {known}){way_out}"
        )
    takes = inspect.signature(_STRATEGIES[recipe.strategy]).parameters
    if others := [name for name in recipe.params if name not in takes]:
        raise BenchFileError(
            f"recipe {recipe.name!r}: {', '.join(others)} has no direct sampler{way_out}"
        )
    for member in recipe.members:
        if member.model is None:
            raise BenchFileError(
                f"recipe {recipe.name!r}: a recipe in a seat ({member.name!r}) has no direct "
                f"sampler{way_out}"
            )
        if member.model.id not in models:
            raise BenchFileError(
                f"recipe {recipe.name!r}: this world has no model {member.model.id!r}; "
                f"there are {', '.join(models)}"
            )


def _solo(kitchen: Kitchen, *, member: Member) -> Dish:
    answers = kitchen.drafts([member])[0][0]
    return Dish(Pick.of(answers), answers.cost)


def _panel(
    kitchen: Kitchen,
    *,
    members: tuple[Member, ...],
    synthesizer: Member,
    judge: Member | None = None,
) -> Dish:
    drafts, keys = kitchen.drafts(members)
    dish = kitchen.written(synthesizer, [Pick.of(d) for d in drafts], keys, judge)
    return Dish(dish.pick, dish.cost + total_cost(drafts))


def _self_fusion(
    kitchen: Kitchen,
    *,
    member: Member,
    n: int = 3,
    synthesizer: Member | None = None,
    judge: Member | None = None,
) -> Dish:
    seats = (member,) * n
    return _panel(kitchen, members=seats, synthesizer=synthesizer or member, judge=judge)


def _repeated(members: tuple[Member, ...], n: int) -> tuple[Member, ...]:
    return tuple(member for member in members for _ in range(n))


def _ranked(
    kitchen: Kitchen,
    *,
    members: tuple[Member, ...],
    ranker: Member,
    n: int = 1,
    fallback: str = "random",
) -> Dish:
    """`fallback` does not matter: a model here always names one."""
    drafts, keys = kitchen.drafts(_repeated(members, n))
    return kitchen.chosen(choose, ranker, drafts, keys)


def _best_of_n(
    kitchen: Kitchen,
    *,
    members: tuple[Member, ...],
    scorer: Member,
    n: int = 1,
    scoring: str = "pointwise",
    weights: tuple[float, ...] = (),
) -> Dish:
    if scoring != "pointwise" or weights:
        raise BenchFileError(
            "best_of_n has a direct sampler for pointwise scores without weights; run it through "
            "the wire (fusion-eval run)"
        )
    drafts, keys = kitchen.drafts(_repeated(members, n))
    return kitchen.chosen(score_each, scorer, drafts, keys)


def _random_subset(
    kitchen: Kitchen,
    *,
    members: tuple[Member, ...],
    k: int,
    synthesizer: Member,
    judge: Member | None = None,
) -> Dish:
    """k seats of each run by chance; equal subsets of two recipes are drawn anew."""
    drafts, keys = kitchen.drafts(members)
    order = kitchen.scene.rng.random((len(members), kitchen.scene.runs)).argsort(axis=0)
    inside = order.argsort(axis=0) < k
    shown = [Pick.of(d).where(Pick.of(d).there & i) for d, i in zip(drafts, inside, strict=True)]
    dish = kitchen.written(synthesizer, shown, [*keys, ("subset", k)], judge)
    cost = sum(d.cost * i for d, i in zip(drafts, inside, strict=True))
    return Dish(dish.pick, dish.cost + cost)


def _random_ranker(kitchen: Kitchen, *, members: tuple[Member, ...]) -> Dish:
    drafts, keys = kitchen.drafts(members)
    return kitchen.chosen(at_random, members[0], drafts, keys)


def _self_consistency(kitchen: Kitchen, *, member: Member, n: int = 5) -> Dish:
    return _vote(kitchen, members=(member,) * n)


def _vote(kitchen: Kitchen, *, members: tuple[Member, ...]) -> Dish:
    drafts, _ = kitchen.drafts(members)
    return Dish(plurality(kitchen.scene, [Pick.of(d) for d in drafts]), total_cost(drafts))


_STRATEGIES: dict[str, Callable[..., Dish]] = {
    "solo": _solo,
    "self_fusion": _self_fusion,
    "panel": _panel,
    "debate": debate,
    "vote": _vote,
    "ranked": _ranked,
    "best_of_n": _best_of_n,
    "self_consistency": _self_consistency,
    "random_ranker": _random_ranker,
    "random_subset": _random_subset,
}
