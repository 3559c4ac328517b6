"""Requests that only a single model can answer: with tools, images or a form of the answer.

They go to the one model that the server was started with, as they are. Of the client's fields only
those below are passed: none of them names another model, a URL or a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fusion_eval.core import Member, Model, Recipe, canonical
from fusion_eval.engine.prices import most_out
from fusion_eval.openai_api import BadRequestError
from fusion_eval.serving.asked import Asked

_PASSED = [
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "temperature",
    "top_p",
    "stop",
    "frequency_penalty",
    "presence_penalty",
    "reasoning_effort",
]
_CAPS = ("max_tokens", "max_completion_tokens")


def passed(asked: Asked, recipe: Recipe, model: Model | None) -> tuple[Asked, Recipe]:
    """The request and the recipe that answers it: the model alone.

    Raises BadRequestError where the server was started without such a model.
    """
    needs = " and ".join(asked.needs)
    if model is None:
        raise BadRequestError(
            f"{needs} cannot be answered by recipe {recipe.name!r}: it writes one text from "
            "several. This server has no model to pass such requests to (`--tools-to`).",
            asked.needs[0],
            "unsupported_value",
        )
    body = {name: asked.body[name] for name in _PASSED if asked.body.get(name) is not None}
    body |= _cap(asked.body, model)
    single = replace(model, extra_body={**model.extra_body, **body})
    member = Member(name=model.name, model=single)
    question = asked.question.model_copy(update={"prompt": canonical(body), "turns": ()})
    alone = Recipe(name=recipe.name, strategy="solo", params={"member": member})
    used = set(body)
    ignored = tuple(name for name in asked.ignored if name not in used)
    return replace(asked, question=question, ignored=ignored, stops=()), alone


def _cap(body: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """The client's limit on the reply, where it is below the model's own."""
    given = [body[name] for name in _CAPS if isinstance(body.get(name), int)]
    if not given or min(given) >= most_out(model) or min(given) < 1:
        return {}
    own = next((name for name in _CAPS if name in model.params), "max_tokens")
    return {own: min(given)}
