"""Random subset: a panel of which k seats, picked by a hash, take part.

For curves over the number of drafts. A panel of the first two, three, four … drafts is one nested
order: its steps share their drafts, and whoever comes third is always the same. Here each number
of seats has a subset of its own for every question, from one pool of drafts that all share.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fusion_eval import prompts
from fusion_eval.core import Ask, Question, Reply, canonical, digest
from fusion_eval.strategies.given import Seed
from fusion_eval.strategies.panel import write_from
from fusion_eval.strategies.schema import AtMost, Judge, Members, Writer, control
from fusion_eval.strategies.seats import ask_seats, filled


@control
async def random_subset(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    k: Annotated[int, Field(ge=1, le=64), AtMost("members")],
    synthesizer: Writer,
    judge: Judge | None = None,
    seed: Seed = 0,
) -> Reply:
    """Ask k of the members and write one answer from theirs; seats not asked cost nothing."""
    seats = subset(question, len(members), k, seed)
    asked = [prompts.answer(question)] * len(members)
    replies = filled(await ask_seats(ask, members, asked, only=seats))
    return await write_from(question, ask, [r.text for r in replies], synthesizer, judge)


def subset(question: Question, count: int, k: int, seed: int) -> list[int]:
    """The seats that take part, in order."""
    asked = canonical(question.model_dump())
    order = sorted(range(count), key=lambda seat: digest([seed, k, seat, asked]))
    return sorted(order[:k])
