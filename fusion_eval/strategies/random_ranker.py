"""Random ranker: all members answer, and one answer is returned that nobody has looked at.

The placebo of `ranked`, best-of-n and every other selection: the same drafts, without the reading.
"""

from __future__ import annotations

from fusion_eval import prompts
from fusion_eval.core import Ask, Question, Reply
from fusion_eval.strategies.given import Seed, place
from fusion_eval.strategies.schema import Members, control
from fusion_eval.strategies.seats import ask_each


@control
async def random_ranker(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    seed: Seed = 0,
) -> Reply:
    """Ask every member and return, word for word, the answer that a hash of all of them picks."""
    replies = sorted(
        await ask_each(ask, members, prompts.answer(question)), key=lambda reply: reply.text
    )
    return replies[place(len(replies), seed, "ranker", *(reply.text for reply in replies))]
