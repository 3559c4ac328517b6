"""Solo: one member, one call, the question untouched. The baseline of every claim."""

from __future__ import annotations

from fusion_eval.core import Ask, Question, Reply
from fusion_eval.prompts import answer
from fusion_eval.strategies.schema import Answering, control


@control
async def solo(question: Question, ask: Ask, *, member: Answering) -> Reply:
    """Ask one member."""
    return await ask(member, answer(question), role="member")
