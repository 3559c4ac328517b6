"""Mixture of agents: layers of proposers that read each other, and an aggregator at the end.

Wang et al. (2024), arXiv:2406.04692, laid out as in their code: from the second layer on every
proposer gets all answers of the layer before, its own included, as a numbered list without names
behind an instruction in the system message; the messages of the user stay as they are. The
aggregator is asked in the same way. Theirs are six proposers at temperature 0.7.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fusion_eval.core import Ask, Question, Reply
from fusion_eval.prompts.layering import propose
from fusion_eval.strategies.layers import proposals
from fusion_eval.strategies.schema import Members, Writer
from fusion_eval.strategies.seats import left_alone
from fusion_eval.strategies.writing import write


async def mixture_of_agents(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    aggregator: Writer,
    layers: Annotated[int, Field(ge=1, le=8)] = 2,
) -> Reply:
    """Have the members answer in `layers` rounds, each round reading the last, then aggregate.

    `layers` counts rounds of proposers: the paper's three-layer model has two, and its aggregator.
    An aggregator that fails leaves the best member's answer.
    """
    drafts = await proposals(ask, question, members, layers=layers)
    replies = [reply for _, reply in drafts]
    if only := left_alone(ask, replies, len(members)):
        return only
    request = propose(question, [reply.text for reply in replies])
    return await write(question, ask, aggregator, request, replies, role="aggregator")
