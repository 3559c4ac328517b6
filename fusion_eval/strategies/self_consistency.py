"""Self-consistency: one member answers n times, and the most frequent final answer wins.

Wang et al. (2022), arXiv:2203.11171: samples of one model at one temperature (0.5 to 0.7 there,
up to 40 samples), whose reasoning is discarded; only final answers are compared. Over several
models it is a plurality `vote`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fusion_eval.core import Ask, Question, Reply
from fusion_eval.strategies.schema import Answering
from fusion_eval.strategies.seats import repeated
from fusion_eval.strategies.vote import vote


async def self_consistency(
    question: Question,
    ask: Ask,
    *,
    member: Answering,
    n: Annotated[int, Field(ge=1, le=1000)] = 5,
) -> Reply:
    """Return, word for word, the earliest of n answers with the most frequent final answer.

    Ties go to the earliest draw. Free text has nothing to count: use
    `universal_self_consistency`.
    """
    return await vote(question, ask, members=repeated(member, n))
