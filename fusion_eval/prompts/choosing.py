"""Prompts that have a judge choose among answers or score them, and the replies they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fusion_eval.core import Message, Messages, Question, Schema
from fusion_eval.prompts import _asked, _fill, _listed, _numbered, _template

LOWEST, HIGHEST = 1, 10
"""The ends of a scale of scores."""


def pick(
    question: Question,
    answers: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    blind: bool = False,
) -> Messages:
    """Which answer is the best? They stand in the order of `prompts.shown`; with `names`, under
    these and as they come; `blind`, without the question."""
    return _about(_template("pick"), question, _listed(answers, names), blind)


def pick_consistent(
    question: Question,
    answers: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    blind: bool = False,
) -> Messages:
    """Which answer do most of the others agree with? Chen et al. (2023), arXiv:2311.17311."""
    return _about(_template("pick_consistent"), question, _listed(answers, names), blind)


def group(question: Question, answers: Sequence[str]) -> Messages:
    """Which answers agree in what they conclude? They stand in the order of `prompts.shown`."""
    return _about(_fill("group", keys=_keys(answers)), question, _listed(answers))


def pick_better(question: Question, first: str, second: str) -> Messages:
    """Which of two is better? They stand in the order given: whoever asks asks both orders."""
    return _about(_template("pick_better"), question, _numbered([first, second]))


def score_one(question: Question, answer: str) -> Messages:
    """How good is this answer, from 1 to 10?"""
    return _about(_template("score_one"), question, _numbered([answer]))


def score_all(
    question: Question,
    answers: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    blind: bool = False,
) -> Messages:
    """How good is each answer, from 1 to 10? Shown as in `pick`."""
    task = _fill("score_all", keys=_keys(answers))
    return _about(task, question, _listed(answers, names), blind)


def _keys(answers: Sequence[str]) -> str:
    return ", ".join(f'"{i}"' for i in range(1, len(answers) + 1))


def _about(task: str, question: Question, answers: str, blind: bool = False) -> Messages:
    if blind:
        request = _fill("compare_blind_request", answers=answers)
    else:
        request = _fill("compare_request", question=_asked(question), answers=answers)
    return (Message(role="system", content=task), Message(role="user", content=request))


def _object(name: str, **properties: Any) -> Schema:
    return Schema(
        name=name,
        json_schema={
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    )


_SCORE = {"type": "integer", "enum": list(range(LOWEST, HIGHEST + 1))}

CHOICE = _object("choice", best={"type": "integer"})
"""The number of one answer."""

SCORE = _object("score", score=_SCORE)
"""One score."""


def groups(count: int) -> Schema:
    """The number of a group for each answer, under the number of the answer."""
    number = {"type": "integer", "enum": list(range(1, count + 1))}
    each = _object("groups", **{str(i): number for i in range(1, count + 1)}).json_schema
    return _object("groups", groups=each)


def scores(count: int) -> Schema:
    """One score per answer, under its number: a list could be read one place off."""
    each = _object("scores", **{str(i): _SCORE for i in range(1, count + 1)}).json_schema
    return _object("scores", scores=each)
