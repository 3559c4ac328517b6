"""What makes two benches the same: everything that can change an answer or its score."""

from __future__ import annotations

from typing import Any

from fusion_eval.bench.parameters import given, strategy
from fusion_eval.core import Bench, digest


def fingerprint(bench: Bench) -> str:
    """SHA-256 (16 hex digits) of all that a bench file declares, limits left out."""
    left_out = {"limits", "ledger", "name", "controls", "justified"}
    content = {k: v for k, v in bench.resolved.items() if k not in left_out}
    worlds = {e.name: e.base_url for e in bench.endpoints if e.simulator is not None}
    if bench.answers is not None:
        only = {name: content.get(name) for name in ("endpoints", "models", "grader", "seed")}
        return digest({**only, "worlds": worlds, "answers": bench.answers.hash})[:16]
    chosen = {"recipes": definitions(bench), "chosen": sorted(bench.recipes)}
    return digest({**content, **chosen, **_foreign(bench), "worlds": worlds})[:16]


def _foreign(bench: Bench) -> dict[str, str]:
    """Digest of the questions of all tasks, where a recipe gets to see them."""
    waiting, kinds = list(bench.recipes.values()), set()
    while waiting:
        recipe = waiting.pop()
        kinds.add(recipe.strategy)
        waiting += [m.recipe for m in recipe.members if m.recipe is not None]
    if not any("questions" in given(strategy(kind)) for kind in kinds):
        return {}
    return {"questions": digest([q.model_dump() for q in bench.questions])}


def definitions(bench: Bench) -> dict[str, Any]:
    """What the file says of the bench's recipes and of every recipe that sits in one of them."""
    names: set[str] = set()
    waiting = list(bench.recipes.values())
    while waiting:
        recipe = waiting.pop()
        names.add(recipe.name)
        waiting += [m.recipe for m in recipe.members if m.recipe is not None]
        waiting += [recipe.equal_dollars] if recipe.equal_dollars else []
    return {name: entry for name, entry in bench.resolved["recipes"].items() if name in names}
