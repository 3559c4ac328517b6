"""Cross-refine: one member answers, another criticises, the first rewrites.

Self-refine (Madaan et al. 2023, arXiv:2303.17651) with somebody else's eyes; one round of it is
the `single-verify` of OpenFusion, a primary model with a second one that checks it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fusion_eval.core import Ask, Question, Reply
from fusion_eval.strategies.reviews import reviewed
from fusion_eval.strategies.schema import Answering, Critic


async def cross_refine(
    question: Question,
    ask: Ask,
    *,
    member: Answering,
    critic: Critic,
    rounds: Annotated[int, Field(ge=1, le=8)] = 1,
) -> Reply:
    """Answer, then have the critic find faults and rewrite, `rounds` times, whatever it finds."""
    return await reviewed(question, ask, member, critic, role="critic", rounds=rounds, stops=False)
