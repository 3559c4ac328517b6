"""Layers of proposers: from the second on, each reads all answers of the layer before."""

from __future__ import annotations

from collections.abc import Sequence

from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts import answer
from fusion_eval.prompts.layering import propose
from fusion_eval.strategies.seats import EmptySeat, ask_seats, filled, repeated

Draft = tuple[Member, Reply]
"""Who answered, and what."""


async def proposals(
    ask: Ask, question: Question, members: Sequence[Member], *, samples: int = 1, layers: int = 1
) -> list[Draft]:
    """The answers of the last layer, in seat order, each with its member.

    A seat that stays empty in one layer is asked again in the next; a layer that nobody fills
    leaves the answers of the one before. Raises NoAnswerError when the first stays empty.
    """
    seats = [seat for member in members for seat in repeated(member, samples)]
    found = await ask_seats(ask, seats, [answer(question)] * len(seats))
    filled(found)  # raises when nobody takes part
    drafts = _drafts(seats, found)
    for _ in range(layers - 1):
        request = propose(question, [reply.text for _, reply in drafts])
        found = await ask_seats(ask, seats, [request] * len(seats))
        drafts = _drafts(seats, found) or drafts
    return drafts


def _drafts(seats: Sequence[Member], found: Sequence[Reply | EmptySeat]) -> list[Draft]:
    return [(m, reply) for m, reply in zip(seats, found, strict=True) if isinstance(reply, Reply)]
