"""Review loop: a reviewer accepts an answer or sends it back with what is wrong, so many times.

As swival's self-review loop: accept, try again with feedback, or give up; member and reviewer may
be one model. At most `rounds` reviews; what comes back after the last one is not reviewed again.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fusion_eval.core import Ask, Question, Reply
from fusion_eval.strategies.reviews import reviewed
from fusion_eval.strategies.schema import Answering, Critic


async def review_loop(
    question: Question,
    ask: Ask,
    *,
    member: Answering,
    reviewer: Critic,
    rounds: Annotated[int, Field(ge=1, le=8)] = 3,
) -> Reply:
    """Answer, and rewrite until the reviewer accepts, at most `rounds` times."""
    return await reviewed(
        question, ask, member, reviewer, role="reviewer", rounds=rounds, stops=True
    )
