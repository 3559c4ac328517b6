"""Prompts that have an answer reviewed and rewritten, and the review they ask for."""

from __future__ import annotations

from fusion_eval.core import Message, Messages, Question, Schema
from fusion_eval.prompts import _asked, _fill, _format, _numbered, _template


def reflect(history: Messages, own: str) -> Messages:
    """All that was said, the member's own answer, and the request to criticise it."""
    return (
        *history,
        Message(role="assistant", content=own),
        Message(role="user", content=_template("reflect")),
    )


def refine_once(history: Messages, own: str, question: Question) -> Messages:
    """All that was said, the member's own answer, and the request to check and rewrite it."""
    return (
        *history,
        Message(role="assistant", content=own),
        Message(role="user", content=_fill("refine_once", format=_format(question))),
    )


def improve(history: Messages, review: str, question: Question) -> Messages:
    """All that was said, the member's own criticism, and the request to rewrite."""
    return (
        *history,
        Message(role="assistant", content=review),
        Message(role="user", content=_fill("improve", format=_format(question))),
    )


def review(question: Question, answer: str) -> Messages:
    """A question and somebody's answer, to be reviewed."""
    request = _fill("compare_request", question=_asked(question), answers=_numbered([answer]))
    return (
        Message(role="system", content=_template("review")),
        Message(role="user", content=request),
    )


def rework(history: Messages, own: str, review: str, question: Question) -> Messages:
    """What the author asked and answered so far, and a review to rewrite its answer by."""
    request = _fill("rework", review=review, format=_format(question))
    return (
        *history,
        Message(role="assistant", content=own),
        Message(role="user", content=request),
    )


_TEXTS = {"type": "array", "items": {"type": "string"}}

REVIEW = Schema(
    name="review",
    json_schema={
        "type": "object",
        "properties": {"errors": _TEXTS, "missing": _TEXTS, "accept": {"type": "boolean"}},
        "required": ["errors", "missing", "accept"],
        "additionalProperties": False,
    },
)
"""What is wrong, what is missing, and whether the answer is accepted all the same."""
