"""Debate: members answer, read each other, and answer again.

Du et al. (2023), arXiv:2305.14325: every member keeps its own growing history, all revise at the
same time, and the plurality of the last answers wins. With `aggregate: synthesize` a synthesizer
writes from the last answers instead, as in openfusion, so that a free text has something to end
with. With `history: none` each revision is one message that knows only the last round, as there.
The control is self-consistency with as many calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from fusion_eval import prompts
from fusion_eval.core import Ask, Member, Messages, Question, Reply
from fusion_eval.strategies.schema import Seat, Writer
from fusion_eval.strategies.seats import ask_seats, filled
from fusion_eval.strategies.vote import plurality
from fusion_eval.strategies.writing import write


async def debate(
    question: Question,
    ask: Ask,
    *,
    members: Annotated[tuple[Member, ...], Field(min_length=2), Seat("member")],
    rounds: Annotated[int, Field(ge=1, le=8)] = 1,
    aggregate: Literal["vote", "synthesize"] = "vote",
    synthesizer: Writer | None = None,
    history: Literal["growing", "none"] = "growing",
    revision_drops_system: bool = False,
) -> Reply:
    """Answer, then revise `rounds` times. A member that fails to revise keeps its last answer.

    A member without a first answer takes no part. The synthesizer is the first member unless one
    is named; where it fails, the best member's answer stands in. `revision_drops_system`, without
    history, leaves the system prompt out of revisions, as openfusion does.
    """
    opening = prompts.answer(question)
    first = await ask_seats(ask, members, [opening] * len(members))
    filled(first)  # raises when nobody takes part
    seats = [(m, opening, r) for m, r in zip(members, first, strict=True) if isinstance(r, Reply)]

    def revision(seen: Messages, own: str, others: list[str]) -> Messages:
        if history == "growing":
            return prompts.revise(seen, own, question, others)
        return prompts.revise_alone(question, own, others, drops_system=revision_drops_system)

    for _ in range(rounds if len(seats) > 1 else 0):
        seats = await _revised(ask, seats, revision)
    last = [reply for _, _, reply in seats]
    if aggregate == "vote":
        return plurality(question, ask, last)
    request = prompts.synthesize(question, [reply.text for reply in last])
    return await write(question, ask, synthesizer or members[0], request, last)


Debater = tuple[Member, Messages, Reply]
"""Who speaks, all that was said to it and by it before, and its last answer."""


async def _revised(
    ask: Ask,
    seats: list[Debater],
    revision: Callable[[Messages, str, list[str]], Messages],
) -> list[Debater]:
    requests = []
    for i, (_, seen, own) in enumerate(seats):
        others = [reply.text for j, (_, _, reply) in enumerate(seats) if j != i]
        requests.append(revision(seen, own.text, others))
    replies = await ask_seats(ask, [member for member, _, _ in seats], requests)
    return [
        (member, request, reply) if isinstance(reply, Reply) else (member, seen, own)
        for (member, seen, own), request, reply in zip(seats, requests, replies, strict=True)
    ]
