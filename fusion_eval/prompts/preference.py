"""What a grader is asked where there is no rubric: which of two answers is better."""

from __future__ import annotations

from fusion_eval.core import Message, Messages, Question, Schema
from fusion_eval.prompts import _numbered
from fusion_eval.prompts.grading import asked
from fusion_eval.prompts.templates import fill, template


def prefer(question: Question, first: str, second: str) -> Messages:
    """Two answers in the order given, below headings that none of them can forge."""
    answers = _numbered([first, second])
    request = fill("compare_request", question=asked(question), answers=answers)
    return (
        Message(role="system", content=template("prefer")),
        Message(role="user", content=request),
    )


PREFERENCE = Schema(
    name="preference",
    json_schema={
        "type": "object",
        "properties": {
            "explanation": {"type": "string"},
            "best": {"type": "integer", "enum": [0, 1, 2]},
        },
        "required": ["explanation", "best"],
        "additionalProperties": False,
    },
)
"""The better answer, or 0 for neither."""
