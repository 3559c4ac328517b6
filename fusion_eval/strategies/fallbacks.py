"""Fallbacks: one member answers, and the next one only where the call fails.

The chains that gateways put behind one model name (OpenFusion's fallback candidates, OpenRouter's
`models`). Nobody looks at what is answered: a `cascade` does.
"""

from __future__ import annotations

from fusion_eval.core import Ask, Question, Reply
from fusion_eval.errors import NoAnswerError
from fusion_eval.prompts import answer
from fusion_eval.strategies.schema import Members
from fusion_eval.strategies.writing import attempt


async def fallbacks(question: Question, ask: Ask, *, members: Members) -> Reply:
    """The first answer that a member gives, in their order; each failure is a step down.

    Raises NoAnswerError when no member answered.
    """
    for member in members:
        if reply := await attempt(ask, member, answer(question), role="member"):
            return reply
    raise NoAnswerError("no_answer")
