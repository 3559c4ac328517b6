"""Equal dollars: how often one model may be asked for the price of another recipe.

The size (n of a recipe that draws, `max_tokens` of one that does not) is worked out from what the
plan expects both to cost, before anything is called, and frozen in the manifest and the resolved
bench file. It is an expectation: what both really cost stands in the report.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fusion_eval.bench.dollars import Dollars, dollars_of
from fusion_eval.bench.experience import Experience
from fusion_eval.bench.trials import run_trial
from fusion_eval.core import Bench, Member, Model, Recipe, TaskSet, Usage
from fusion_eval.core.recipe import Size
from fusion_eval.engine import prices
from fusion_eval.engine.trace import Trace
from fusion_eval.errors import BenchFileError

TASKS = 24
"""Tasks that are traced for a size, spread over the file."""
MOST = 64
"""Draws at most: what is shown to one chooser must fit."""


Cost = Callable[[Recipe], Awaitable[Dollars | None]]


@dataclass(frozen=True, slots=True)
class _Costing:
    """What a recipe is expected to cost per answer, by tracing it."""

    tasks: TaskSet
    bench: Bench
    experience: Experience

    async def __call__(self, recipe: Recipe) -> Dollars | None:
        step = max(1, len(self.tasks.tasks) // TASKS)
        chosen = self.tasks.tasks[::step]
        trace = Trace(self.experience.expect)
        keys = await self._keys(recipe, chosen, trace)
        each = [trace.calls[key] for key in keys]
        found = dollars_of(each, [trace.expected[key] for key in keys], self.experience)
        return found.per(len(chosen)) if found else None

    async def _keys(self, recipe: Recipe, tasks: Any, trace: Trace) -> list[str]:
        bench = replace(self.bench, grader=None)
        trials = [await run_trial(task, recipe, 0, trace.send, bench) for task in tasks]
        return [use.key for trial in trials for use in trial.uses]


async def sized(
    tasks: TaskSet,
    bench: Bench,
    experience: Experience,
    frozen: Mapping[str, Mapping[str, Any]] | None = None,
) -> Bench:
    """The bench with a size for every recipe that has `equal_dollars`; the sizes stand in it.

    A size that the file gives is kept, as is one that a run has `frozen` when it began. Raises
    BenchFileError where the price of one of the two is unknown.
    """
    waiting = {name: r for name, r in bench.recipes.items() if r.equal_dollars is not None}
    if not waiting:
        return bench
    cost, problems = _Costing(tasks, bench, experience), []
    recipes, sizes = dict(bench.recipes), []
    for name, recipe in waiting.items():
        try:
            ready, size = await _sized(recipe, bench, cost, (frozen or {}).get(name))
        except ValueError as problem:
            problems.append(f"{bench.where(f'recipes/{name}')}: recipe {name!r}: {problem}")
            continue
        recipes[name] = ready
        sizes.append(size)
    if problems:
        raise BenchFileError(problems)
    return replace(bench, recipes=recipes, sizes=tuple(sizes))


def resolved(bench: Bench) -> dict[str, Any]:
    """What the bench file of a run says: everything as it was settled, sizes included."""
    entries = dict(bench.resolved.get("recipes", {}))
    for size in bench.sizes:
        if size.source != "bench file":
            entries[size.recipe] = _entry(entries[size.recipe], size)
    return {**bench.resolved, "recipes": entries}


async def _sized(
    recipe: Recipe, bench: Bench, cost: Cost, frozen: Mapping[str, Any] | None
) -> tuple[Recipe, Size]:
    target = recipe.equal_dollars
    assert target is not None
    parameter = "max_tokens" if recipe.strategy == "solo" else "n"
    wanted = await cost(target)
    if frozen is not None:
        value, source = int(frozen["value"]), "the run as it began"
    elif (written := _written(recipe, bench)) is not None:
        value, source = written, "bench file"
    elif wanted is None:
        raise ValueError(
            f"the cost of {target.name!r} is unknown; give prices, or write `{parameter}` yourself"
        )
    else:
        find = _tokens if parameter == "max_tokens" else _draws
        value, source = await find(recipe, wanted.expected, cost), "plan"
    ready = _with(recipe, parameter, value)
    low, expected, high = _ends(await cost(ready))
    target_low, target_expected, target_high = _ends(wanted)
    return ready, Size(
        recipe=recipe.name, of=target.name, parameter=parameter, value=value, source=source,
        low_usd=low, expected_usd=expected, high_usd=high,
        target_low_usd=target_low, target_usd=target_expected, target_high_usd=target_high,
    )  # fmt: skip


def _written(recipe: Recipe, bench: Bench) -> int | None:
    """The size that the file gives: an n, or a cap of the seat that differs from its model's."""
    if recipe.strategy != "solo":
        return recipe.params.get("n")
    model = _model(recipe)
    given, usual = model.params.get(_cap(model)), bench.models[recipe.params["member"].name]
    return given if given != usual.params.get(_cap(model)) else None


def _ends(usd: Dollars | None) -> tuple[float | None, float | None, float | None]:
    return (usd.low, usd.expected, usd.high) if usd else (None, None, None)


async def _draws(recipe: Recipe, wanted: float, cost: Cost) -> int:
    """The n whose expected price is nearest to what is wanted; prices grow with n."""

    async def price(n: int) -> float:
        found = await cost(_with(recipe, "n", n))
        if found is None:
            raise ValueError("its price is unknown; give one, or write `n` yourself")
        return found.expected

    low, high = 1, MOST
    while low < high:  # the largest n that costs no more, or 1
        middle = (low + high + 1) // 2
        low, high = (middle, high) if await price(middle) <= wanted else (low, middle - 1)
    if low < MOST and abs(await price(low + 1) - wanted) < abs(await price(low) - wanted):
        return low + 1
    return low


async def _tokens(recipe: Recipe, wanted: float, _: Cost) -> int:
    """The tokens that the same dollars buy in one answer, and never fewer than it had."""
    model = _model(recipe)
    cheap, dear = (_price(model, tokens) for tokens in (1_000, 2_000))
    if cheap is None or dear is None or dear <= cheap:
        raise ValueError("its price per token is unknown; give one")
    return max(prices.most_out(model), round(1_000 * wanted / (dear - cheap)))


def _price(model: Model, tokens: int) -> float | None:
    return prices.paid(model, Usage(output=tokens), None).usd


def _model(recipe: Recipe) -> Model:
    member = recipe.params["member"]
    if not isinstance(member, Member) or member.model is None:
        raise ValueError("more tokens can be given to a model, not to a recipe in the seat")
    return member.model


def _cap(model: Model) -> str:
    name = "max_completion_tokens"
    return name if name in model.params else "max_tokens"


def _with(recipe: Recipe, parameter: str, value: int) -> Recipe:
    if parameter == "n":
        return replace(recipe, params={**recipe.params, "n": value})
    model = _model(recipe)
    longer = replace(model, params={**model.params, _cap(model): value})
    member = replace(recipe.params["member"], model=longer)
    return replace(recipe, params={**recipe.params, "member": member})


def _entry(entry: Mapping[str, Any], size: Size) -> dict[str, Any]:
    """The recipe as the resolved file has it, with its size."""
    if size.parameter == "n":
        return {**entry, "n": size.value}
    seat = entry["member"]
    seat = {"model": seat} if isinstance(seat, str) else dict(seat)
    cap = "max_completion_tokens" if "max_completion_tokens" in seat else "max_tokens"
    return {**entry, "member": {**seat, cap: size.value}}
