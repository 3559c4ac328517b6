"""Self-fusion: one member answers n times, and one answer is written from its own drafts.

Fusion-of-N (arXiv:2510.00931) and Generative Self-Aggregation (arXiv:2503.04104); the
`self_fusion` of openfusion with one temperature for all drafts, so that they are shared with
every other recipe that asks this member.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.strategies.panel import panel
from fusion_eval.strategies.schema import Answering, Judge, Seat
from fusion_eval.strategies.seats import repeated


async def self_fusion(
    question: Question,
    ask: Ask,
    *,
    member: Answering,
    n: Annotated[int, Field(ge=1, le=64)] = 3,
    synthesizer: Annotated[Member | None, Seat("writer", otherwise="member")] = None,
    judge: Judge | None = None,
) -> Reply:
    """A panel of n seats for one member, who also writes unless a synthesizer is named."""
    seats = repeated(member, n)
    return await panel(question, ask, members=seats, synthesizer=synthesizer or member, judge=judge)
