"""Prompts of a council: ranking each other's answers, answering again, and writing from both."""

from __future__ import annotations

from collections.abc import Sequence

from fusion_eval.core import Message, Messages, Question, Schema, canonical
from fusion_eval.prompts import _asked, _fill, _format, _listed, _numbered, _template, answer


def rank(question: Question, answers: Sequence[str]) -> Messages:
    """Rank all answers and say a word about each. They stand in the order of `prompts.shown`."""
    request = _fill("compare_request", question=_asked(question), answers=_listed(answers))
    return (
        Message(role="system", content=_template("rank")),
        Message(role="user", content=request),
    )


def reconsider(
    question: Question, own: str, others: Sequence[str], remarks: Sequence[str]
) -> Messages:
    """The question, the member's answer, the others' answers and what was said of its own."""
    said = f"What was said about yours:\n\n{canonical(sorted(remarks))}" if remarks else ""
    request = _fill("reconsider", answers=_listed(others), remarks=said, format=_format(question))
    return (
        *answer(question),
        Message(role="assistant", content=own),
        Message(role="user", content=request),
    )


def chair(question: Question, answers: Sequence[str], *, ranked: bool) -> Messages:
    """The conversation, then the answers, the one with the best mean position first."""
    note = (
        " Their authors ranked them without names; the best ranked comes first." if ranked else ""
    )
    request = _fill(
        "chair",
        count=str(len(answers)),
        ranked=note,
        answers=_numbered(answers) if ranked else _listed(answers),
        format=_format(question),
    )
    return (*question.messages, Message(role="user", content=request))


RANKING = Schema(
    name="ranking",
    json_schema={
        "type": "object",
        "properties": {
            "remarks": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "answer": {"type": "integer"},
                        "remark": {"type": "string"},
                    },
                    "required": ["answer", "remark"],
                    "additionalProperties": False,
                },
            },
            "ranking": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["remarks", "ranking"],
        "additionalProperties": False,
    },
)
"""A word about each answer first, then their numbers from best to worst."""
