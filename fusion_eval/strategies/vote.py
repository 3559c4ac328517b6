"""Vote: the answer that most seats arrive at.

Self-consistency (Wang et al. 2022, arXiv:2203.11171) when all seats are one model, a plurality
vote over a panel otherwise. Where final answers can be compared, reasoning is not. Free texts are
grouped by their words (llm-consortium counts texts with half of their words in common as one), or
by a model that says which of them agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts import shown
from fusion_eval.prompts.choosing import group, groups
from fusion_eval.strategies import judges
from fusion_eval.strategies.grouping import Rule, by_key, groups_of, largest, typical
from fusion_eval.strategies.schema import Members, Seat
from fusion_eval.strategies.seats import ask_drafts

NOTHING = "nothing to count"
"""How the step down begins that says of a vote that there was none."""


async def vote(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    rule: Rule = "auto",
    similarity: Annotated[float, Field(gt=0, le=1)] = 0.5,
    grouper: Annotated[Member | None, Seat("judge")] = None,
) -> Reply:
    """Ask every member and return, word for word, an answer of the largest group.

    Where final answers are counted it is the earliest of them; of free texts the one whose words
    are most like the others'. Ties go to the group with the earliest seat. Where no final answer
    can be read and no two texts agree, the earliest is returned, and the step down is recorded.

    rule, similarity : which answers are one, see `grouping.Rule`; the share of words from which on
        they are alike
    grouper : who says which answers agree, in place of the rule; what cannot be read of that is
        recorded, and the rule decides
    """
    replies = await ask_drafts(ask, question, members)
    texts = [reply.text for reply in replies]
    if grouper is not None and len(texts) > 1:
        request = group(question, texts)
        numbers = await judges.ask_judge(
            ask, grouper, request, role="grouper", output=groups(len(texts)),
            read=judges.groups(len(texts)), what="groups",
        )  # fmt: skip
        if numbers is not None:
            order = shown(texts)
            found = by_key([numbers[order.index(i)] for i in range(len(texts))])
            return _best(ask, replies, [one for one in found if len(one) > 1])
    return plurality(question, ask, replies, rule, similarity)


def plurality(
    question: Question,
    ask: Ask,
    replies: Sequence[Reply],
    rule: Rule = "auto",
    similarity: float = 0.5,
) -> Reply:
    """An answer of the largest group, as in `vote`."""
    return _best(
        ask, replies, groups_of(question, [reply.text for reply in replies], rule, similarity)
    )


def _best(ask: Ask, replies: Sequence[Reply], found: Sequence[list[int]]) -> Reply:
    if not (best := largest(found)):
        ask.degrade(f"{NOTHING}: the earliest seat's answer")
        return replies[0]
    return replies[typical([reply.text for reply in replies], best)]
