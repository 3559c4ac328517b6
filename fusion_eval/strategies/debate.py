"""Debate: members answer, read each other, and answer again.

Du et al. (2023), arXiv:2305.14325: every agent keeps its own growing history, all revise at the
same time, and the plurality of the last answers wins. With `aggregate: synthesize` a synthesizer
writes from the last answers instead, as in openfusion, so that a free text has something to end
with.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fusion_eval import prompts
from fusion_eval.core import Ask, Member, Messages, Question, Reply
from fusion_eval.strategies.seats import ask_seats, filled
from fusion_eval.strategies.vote import plurality


async def debate(
    question: Question,
    ask: Ask,
    *,
    members: Annotated[tuple[Member, ...], Field(min_length=2)],
    rounds: Annotated[int, Field(ge=1, le=8)] = 1,
    aggregate: Literal["vote", "synthesize"] = "vote",
    synthesizer: Member | None = None,
) -> Reply:
    """Answer, then revise `rounds` times. An agent that fails to revise keeps its last answer.

    An agent without a first answer takes no part. The synthesizer is the first member unless one
    is named.
    """
    opening = prompts.answer(question)
    first = await ask_seats(ask, members, [opening] * len(members))
    filled(first)  # raises when nobody takes part
    agents = [(m, opening, r) for m, r in zip(members, first, strict=True) if isinstance(r, Reply)]
    for _ in range(rounds if len(agents) > 1 else 0):
        agents = await _revised(question, ask, agents)
    last = [reply for _, _, reply in agents]
    if aggregate == "vote":
        return plurality(question, ask, last)
    request = prompts.synthesize(question, [reply.text for reply in last])
    return await ask(synthesizer or members[0], request, role="synthesizer")


Agent = tuple[Member, Messages, Reply]
"""Who speaks, all that was said to it and by it before, and its last answer."""


async def _revised(question: Question, ask: Ask, agents: list[Agent]) -> list[Agent]:
    requests = []
    for i, (_, history, own) in enumerate(agents):
        others = [reply.text for j, (_, _, reply) in enumerate(agents) if j != i]
        requests.append(prompts.revise(history, own.text, question, others))
    seats = [member for member, _, _ in agents]
    replies = await ask_seats(ask, seats, requests, role="member")
    return [
        (member, request, reply) if isinstance(reply, Reply) else (member, history, own)
        for (member, history, own), request, reply in zip(agents, requests, replies, strict=True)
    ]
