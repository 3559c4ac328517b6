"""Prompts of a consortium: merging answers with a confidence, and asking again."""

from __future__ import annotations

from collections.abc import Sequence

from fusion_eval.core import Message, Messages, Question, Schema, canonical
from fusion_eval.prompts import _fill, _format, _listed, _numbered


def arbitrate(question: Question, answers: Sequence[str]) -> Messages:
    """The conversation, then the answers to merge, with a confidence and what is open."""
    wanted = f'In "synthesis": {form}' if (form := _format(question)) else ""
    request = _fill("arbitrate", count=str(len(answers)), answers=_listed(answers), format=wanted)
    return (*question.messages, Message(role="user", content=request))


def again(question: Question, synthesis: str, areas: Sequence[str]) -> Messages:
    """The conversation, then what was made of the last round, and what is open."""
    request = _fill(
        "again",
        synthesis=_numbered([synthesis]),
        areas=canonical(list(areas)),
        format=_format(question),
    )
    return (*question.messages, Message(role="user", content=request))


ARBITRATION = Schema(
    name="arbitration",
    json_schema={
        "type": "object",
        "properties": {
            "synthesis": {"type": "string"},
            "confidence": {"type": "number"},
            "dissent": {"type": "string"},
            "refinement_areas": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["synthesis", "confidence", "dissent", "refinement_areas"],
        "additionalProperties": False,
    },
)
"""The merged answer, how sure the arbiter is, and what is left to do."""
