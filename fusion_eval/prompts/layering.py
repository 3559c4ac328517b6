"""The prompt of a layer of mixture of agents: all earlier answers, in the system message."""

from __future__ import annotations

from collections.abc import Sequence

from fusion_eval.core import Message, Messages, Question
from fusion_eval.prompts import _fill, _listed, answer


def propose(question: Question, answers: Sequence[str]) -> Messages:
    """The question as it was asked, with earlier answers behind the system prompt.

    Wang et al. (2024), arXiv:2406.04692: the messages of the user stay as they are.
    """
    told = _fill("propose", count=str(len(answers)), answers=_listed(answers))
    asked = answer(question)
    own = [m.content for m in asked if m.role == "system"]
    rest = (m for m in asked if m.role != "system")
    return (Message(role="system", content="\n\n".join([*own, told])), *rest)
