"""Agreement router: two cheap probes, and the expensive way only where they disagree.

The selective mode of chimera-agent: probes that agree (there by a text similarity of 0.8) are
taken at their word, and the panel is not convened.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Annotated

from pydantic import Field

from fusion_eval.answers.final import final_answer
from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.core.task import COMPARED
from fusion_eval.prompts import answer
from fusion_eval.strategies.grouping import are_alike
from fusion_eval.strategies.schema import Answering, Seat
from fusion_eval.strategies.seats import ask_each
from fusion_eval.strategies.writing import attempt, stand_in


async def agreement_router(
    question: Question,
    ask: Ask,
    *,
    probes: Annotated[tuple[Member, ...], Field(min_length=2), Seat("member")],
    fallback: Answering,
    similarity: Annotated[float, Field(gt=0, le=1)] = 0.8,
) -> Reply:
    """Ask the probes; where all answered and agree, the first one's answer, else the fallback's.

    Final answers that can be compared agree when they are equal, free texts when their words are
    similar enough. A fallback that fails leaves the best probe's answer.
    """
    replies = await ask_each(ask, probes, answer(question), role="probe")
    if len(replies) == len(probes) and agree(question, replies, similarity):
        return replies[0]
    reply = await attempt(ask, fallback, answer(question), role="fallback")
    return reply or stand_in(question, replies)


def agree(question: Question, replies: Sequence[Reply], similarity: float) -> bool:
    """Whether all replies say the same."""
    if question.answer_format in COMPARED:
        answers = {final_answer(r.text, question.answer_format) for r in replies}
        return len(answers) == 1 and None not in answers
    texts = [reply.text for reply in replies]
    return all(are_alike(one, other, similarity) for one, other in combinations(texts, 2))
