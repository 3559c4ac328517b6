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
from fusion_eval.prompts.wording import worded
from fusion_eval.strategies.schema import FailsWith, Seat, Worded, Writer
from fusion_eval.strategies.seats import Draft, Terms, admitted, ask_seats, filled, left_alone
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
    revision_wording: Worded = None,
    wording: Worded = None,
    fails_with: FailsWith = (),
) -> Reply:
    """Answer, then revise `rounds` times. A member that fails to revise keeps its last answer.

    A member without a first answer takes no part. The synthesizer is the first member unless one
    is named; where it fails, the best member's answer stands in. `revision_drops_system`, without
    history, leaves the system prompt out of revisions, as openfusion does.

    revision_wording, wording : the recipe's own words for revisions without history, and for the
        synthesizer; answers then stand in the order of the seats
    fails_with : as in `panel`
    """
    opening = prompts.answer(question)
    terms = Terms(needs_all="members" in fails_with)
    first = admitted(await ask_seats(ask, members, [opening] * len(members)), terms)
    filled(first)  # raises when nobody takes part
    seats = [(m, opening, r) for m, r in zip(members, first, strict=True) if isinstance(r, Reply)]

    def revision(seen: Messages, own: str, others: list[Draft]) -> Messages:
        texts = [reply.text for _, reply in others]
        if revision_wording is not None:
            return worded(revision_wording, question, texts, [m for m, _ in others], own=own)
        if history == "growing":
            return prompts.revise(seen, own, question, texts)
        return prompts.revise_alone(question, own, texts, drops_system=revision_drops_system)

    for _ in range(rounds if len(seats) > 1 else 0):
        seats = await _revised(ask, seats, revision)
    last = [reply for _, _, reply in seats]
    if aggregate == "vote":
        return plurality(question, ask, last)
    if only := left_alone(ask, last, len(members)):
        return only
    texts = [reply.text for reply in last]
    if wording is None:
        request = prompts.synthesize(question, texts)
    else:
        request = worded(wording, question, texts, [member for member, _, _ in seats])
    must = "readers" in fails_with
    return await write(question, ask, synthesizer or members[0], request, last, must=must)


Debater = tuple[Member, Messages, Reply]
"""Who speaks, all that was said to it and by it before, and its last answer."""


async def _revised(
    ask: Ask,
    seats: list[Debater],
    revision: Callable[[Messages, str, list[Draft]], Messages],
) -> list[Debater]:
    requests = []
    for i, (_, seen, own) in enumerate(seats):
        others = [(member, reply) for j, (member, _, reply) in enumerate(seats) if j != i]
        requests.append(revision(seen, own.text, others))
    replies = await ask_seats(ask, [member for member, _, _ in seats], requests)
    return [
        (member, request, reply) if isinstance(reply, Reply) else (member, seen, own)
        for (member, seen, own), request, reply in zip(seats, requests, replies, strict=True)
    ]
