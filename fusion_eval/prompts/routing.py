"""The prompt that has a model decide who answers."""

from __future__ import annotations

from collections.abc import Sequence

from fusion_eval.core import Message, Messages, Question, Schema
from fusion_eval.prompts import _asked, _fill


def classify(question: Question, labels: Sequence[str]) -> Messages:
    """Which route is this question for? `labels` say what each is for; 0 is none of them."""
    routes = "\n".join(f"{i}: {label}" for i, label in enumerate(labels, 1))
    return (
        Message(role="system", content=_fill("classify", routes=routes)),
        Message(role="user", content=_asked(question)),
    )


def route(count: int) -> Schema:
    """The number of one of `count` routes, or 0: a label, and not an amount."""
    return Schema(
        name="route",
        json_schema={
            "type": "object",
            "properties": {"route": {"type": "string", "enum": [str(i) for i in range(count + 1)]}},
            "required": ["route"],
            "additionalProperties": False,
        },
    )
