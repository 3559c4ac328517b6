"""Universal self-consistency: n answers of one member, and one call that names the typical one.

Chen et al. (2023), arXiv:2311.17311: the model reads its own samples and names the one that is
most consistent with the majority, so that free text can be voted on too. `ranked` asks for the
best one instead.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts.choosing import pick_consistent
from fusion_eval.strategies.ranked import pick_one
from fusion_eval.strategies.schema import Answering, Seat
from fusion_eval.strategies.seats import drafts


async def universal_self_consistency(
    question: Question,
    ask: Ask,
    *,
    member: Answering,
    n: Annotated[int, Field(ge=1, le=64)] = 5,
    chooser: Annotated[Member | None, Seat("chooser", otherwise="member")] = None,
    fallback: Literal["random", "first"] = "random",
) -> Reply:
    """Return, word for word, the most consistent of n answers; the member chooses itself.

    Where the choice cannot be read, `fallback` decides as in `ranked`.
    """
    given = await drafts(ask, question, [member], n)
    chooser = chooser or member
    return await pick_one(question, ask, chooser, given, pick_consistent, "chooser", fallback)
