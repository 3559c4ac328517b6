"""Random ranker: all members answer, and one answer is returned that nobody has looked at.

The placebo of `ranked`, best-of-n and every other selection: the same drafts, without the reading.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fusion_eval import prompts
from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.strategies.given import Seed, place
from fusion_eval.strategies.seats import ask_each


async def random_ranker(
    question: Question,
    ask: Ask,
    *,
    members: Annotated[tuple[Member, ...], Field(min_length=1)],
    seed: Seed = 0,
) -> Reply:
    """Ask every member and return, word for word, the answer that a hash of all of them picks."""
    replies = sorted(
        await ask_each(ask, members, prompts.answer(question)), key=lambda reply: reply.text
    )
    return replies[place(len(replies), seed, "ranker", *(reply.text for reply in replies))]
