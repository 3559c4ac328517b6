"""Layers of proposers: from the second on, each reads all answers of the layer before."""

from __future__ import annotations

from collections.abc import Sequence

from fusion_eval.core import Ask, Member, Question
from fusion_eval.prompts.layering import propose
from fusion_eval.strategies.seats import Draft, Terms, answered, ask_seats, drafts, repeated


async def proposals(
    ask: Ask,
    question: Question,
    members: Sequence[Member],
    *,
    samples: int = 1,
    layers: int = 1,
    terms: Terms | None = None,
) -> list[Draft]:
    """The answers of the last layer, in seat order, each with its member.

    A seat that stays empty in one layer is asked again in the next; a layer that nobody fills
    leaves the answers of the one before. Raises NoAnswerError when the first stays empty.
    """
    last = await drafts(ask, question, members, samples, terms)
    seats = [seat for member in members for seat in repeated(member, samples)]
    for _ in range(layers - 1):
        request = propose(question, [reply.text for _, reply in last])
        last = answered(seats, await ask_seats(ask, seats, [request] * len(seats))) or last
    return last
