"""Vote: the answer that most seats arrive at.

Self-consistency (Wang et al. 2022, arXiv:2203.11171) when all seats are one model, a plurality
vote over a panel otherwise. Reasoning is not compared, only the extracted final answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from fusion_eval import prompts
from fusion_eval.core import Ask, Question, Reply
from fusion_eval.strategies.schema import Members
from fusion_eval.strategies.seats import ask_each
from fusion_eval.strategies.writing import most_frequent


async def vote(
    question: Question,
    ask: Ask,
    *,
    members: Members,
) -> Reply:
    """Ask every member and return, word for word, the earliest answer of the plurality."""
    replies = await ask_each(ask, members, prompts.answer(question))
    return plurality(question, ask, replies)


def plurality(question: Question, ask: Ask, replies: Sequence[Reply]) -> Reply:
    """The earliest reply with the most frequent final answer; ties go to the earliest seat.

    Where no final answer can be read, as in free text, the earliest reply, and the step down is
    recorded.
    """
    if (winner := most_frequent(question, replies)) is None:
        ask.degrade("nothing to count: the earliest seat's answer")
        return replies[0]
    return winner
