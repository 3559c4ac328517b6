"""How long replies are taken to be, and how long they take, while nothing is known of a model."""

from __future__ import annotations

from functools import cache
from typing import Any

from fusion_eval.core import Call, Model
from fusion_eval.engine.trace import Expected
from fusion_eval.simulator import load_world

CHARACTERS_PER_TOKEN = 3.6
_SHORT = {"choice": 8, "score": 8, "scores": 40, "route": 8}
OUTPUT_TOKENS = {"answer": 700, "analysis": 450, "verdict": 70, "review": 200, "ranking": 150}
OUTPUT_TOKENS |= {"arbitration": 800, **_SHORT}
SIMULATED_TOKENS = {"answer": 150, "analysis": 130, "verdict": 20, "review": 60, "ranking": 40}
SIMULATED_TOKENS |= {"arbitration": 170, **_SHORT}
"""Visible tokens by the name of the form, without experience; simulated models write less."""


def assumed(call: Call, characters_in: int, most: int) -> Expected:
    """Length, tokens and time of a reply, given the characters of the request and a cap."""
    kind = call.output.name if call.output else "answer"
    table = SIMULATED_TOKENS if call.model.endpoint.simulator else OUTPUT_TOKENS
    visible = min(most, table.get(kind, table["answer"]))
    tokens = min(most, visible + _hidden(call.model, kind))
    return Expected(
        characters=max(1, round(visible * CHARACTERS_PER_TOKEN)),
        tokens_in=round(characters_in / CHARACTERS_PER_TOKEN) + 8,
        tokens_out=tokens,
        latency_s=1.0 + 0.012 * tokens,
    )


def _hidden(model: Model, kind: str) -> int:
    """Reasoning tokens: a world says how many its models use; of others nobody knows."""
    if model.endpoint.simulator is None:
        return 0
    world = _world(model.endpoint.simulator)
    bird = world.models.get(model.id)
    share = 1.0 if kind in ("answer", "arbitration") else world.thinking_when_grading
    return round(bird.reasoning_tokens * share) if bird else 0


@cache
def _world(name: str) -> Any:
    return load_world(name)
