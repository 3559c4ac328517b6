"""Solo: one member, one call, the question untouched. The baseline of every claim."""

from __future__ import annotations

from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts import answer


async def solo(question: Question, ask: Ask, *, member: Member) -> Reply:
    """Ask one member."""
    return await ask(member, answer(question), role="member")
