"""Random member: one member, picked by a hash of the question, answers alone.

The placebo of every way of choosing a model: what a panel is worth that has no idea. Which member
it is follows from question and seed, so it is the same one in every repeat.
"""

from __future__ import annotations

from fusion_eval.core import Ask, Member, Question, Reply, canonical
from fusion_eval.prompts import answer
from fusion_eval.strategies.given import Seed, place
from fusion_eval.strategies.schema import Members, control


@control
async def random_member(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    seed: Seed = 0,
) -> Reply:
    """Ask one of the members."""
    return await ask(picked(question, members, seed), answer(question), role="member")


def picked(question: Question, members: tuple[Member, ...], seed: int) -> Member:
    """The member that question and seed point at."""
    return members[place(len(members), seed, "member", canonical(question.model_dump()))]
