"""Which families of models sit in a run's recipes, and which one grades."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fusion_eval.core.model import maker_of
from fusion_eval.store import Run, read_bench


def families(run: Run) -> tuple[dict[str, set[str]], dict[str, str]]:
    """(recipe -> families in its seats, model name -> family), from the run's bench file.

    Both are empty where the run has none, as after `import`.
    """
    bench = read_bench(run)
    models = {
        str(name): maker_of(str(model["id"]))
        for name, model in (bench.get("models") or {}).items()
        if isinstance(model, dict) and model.get("id")
    }
    recipes = bench.get("recipes") or {}
    return {str(name): _seated(name, recipes, models, ()) for name in recipes}, models


def _seated(
    name: object, recipes: Mapping[Any, Any], models: Mapping[str, str], above: tuple[object, ...]
) -> set[str]:
    """Families of all models that a recipe names, also through recipes in its seats."""
    found: set[str] = set()
    for word in _words(recipes.get(name)):
        if word in models:
            found.add(models[word])
        elif word in recipes and word not in above:
            found |= _seated(word, recipes, models, (*above, name))
    return found


def _words(value: object) -> Iterator[str]:
    """Every text in the values of a recipe, but its strategy."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key != "strategy":
                yield from _words(item)
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
