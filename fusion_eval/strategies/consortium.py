"""Consortium: members answer and an arbiter merges, again and again until it is confident.

llm-consortium (irthomasthomas): the arbiter reports a synthesis, its confidence in it and what is
still open; below the threshold (0.8 there, at most three rounds) the members are asked again. They
then see the synthesis and the open points, and not each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts import answer
from fusion_eval.prompts.consortium import ARBITRATION, again, arbitrate
from fusion_eval.strategies.judges import ask_judge, fields
from fusion_eval.strategies.schema import Members, Writer
from fusion_eval.strategies.seats import ask_each, ask_seats, left_alone
from fusion_eval.strategies.writing import stand_in


@dataclass(frozen=True, slots=True)
class Arbitration:
    """What an arbiter makes of a round: the answer, how sure it is (0 to 1), what is open."""

    reply: Reply
    confidence: float
    areas: tuple[str, ...]


async def consortium(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    arbiter: Writer,
    rounds: Annotated[int, Field(ge=1, le=8)] = 3,
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.8,
) -> Reply:
    """Answer and merge until the arbiter is as confident as that, at most `rounds` times.

    An arbiter that cannot be read ends it with its last synthesis, or the best member's answer
    where there is none. Later rounds that nobody answers leave the last synthesis. An answer that
    is left alone is returned without asking the arbiter.
    """
    replies = await ask_each(ask, members, answer(question))
    if only := left_alone(ask, replies, len(members)):
        return only
    last = await _arbitrated(question, ask, arbiter, replies)
    best = last.reply if last else stand_in(question, replies)
    for _ in range(rounds - 1):
        if last is None or last.confidence >= confidence:
            break
        asked = again(question, last.reply.text, last.areas)
        found = await ask_seats(ask, members, [asked] * len(members))
        replies = [seat for seat in found if isinstance(seat, Reply)]
        if not replies:
            break
        if only := left_alone(ask, replies, len(members)):
            return only
        last = await _arbitrated(question, ask, arbiter, replies)
        best = last.reply if last else best
    return best


async def _arbitrated(
    question: Question, ask: Ask, arbiter: Member, replies: list[Reply]
) -> Arbitration | None:
    request = arbitrate(question, [reply.text for reply in replies])
    return await ask_judge(
        ask, arbiter, request, role="arbiter", output=ARBITRATION, read=_read, what="synthesis"
    )


def _read(reply: Reply) -> Arbitration | None:
    found = fields(reply)
    synthesis, confidence = found.get("synthesis"), found.get("confidence")
    if not isinstance(synthesis, str) or not synthesis.strip():
        return None
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        return None
    if not 0 <= confidence <= 1:
        return None
    given = found.get("refinement_areas")
    areas = [area for area in given if isinstance(area, str)] if isinstance(given, list) else []
    return Arbitration(replace(reply, text=synthesis), float(confidence), tuple(areas))
