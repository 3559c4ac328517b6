"""Pairwise rank: a judge compares answers two by two, in both orders, and the most wins win.

PairRM of LLM-Blender (Jiang et al. 2023, arXiv:2306.02561) with a language model as comparator:
it ranks all ordered pairs by wins, or in a bubble pass that carries the better of two on to the
next. LLM-Blender then fuses the top three: that is `keep: 3` with a synthesizer. Both orders are
asked, because a judge that favours a place would else decide by it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from fusion_eval import prompts
from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts.choosing import CHOICE, pick_better
from fusion_eval.strategies.judges import ask_judges, number
from fusion_eval.strategies.schema import Chooser, FailsWith, Members, Needs, Writer
from fusion_eval.strategies.seats import Terms, ask_drafts, left_alone
from fusion_eval.strategies.writing import write


async def pairwise_rank(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    ranker: Chooser,
    n: Annotated[int, Field(ge=1, le=64)] = 1,
    pairs: Literal["all", "bubble"] = "all",
    keep: Annotated[int, Field(ge=2, le=64), Needs(("synthesizer",))] = 3,
    synthesizer: Writer | None = None,
    fails_with: FailsWith = (),
) -> Reply:
    """Ask every member n times and return the answer that wins most comparisons.

    With a synthesizer, an answer written from the `keep` best. A comparison that cannot be read
    counts for nobody; of equals the one shown first wins, which follows from the content. An answer
    that is left alone is returned.

    fails_with : as in `panel`
    """
    must = "readers" in fails_with
    terms = Terms(needs_all="members" in fails_with)
    drafts = await ask_drafts(ask, question, members, n, terms)
    if only := left_alone(ask, drafts, len(members) * n):
        return only
    order = prompts.shown([draft.text for draft in drafts])
    replies = [drafts[i] for i in order]
    sort = _by_wins if pairs == "all" else _by_bubble
    best = await sort(question, ask, ranker, replies, must)
    if synthesizer is None:
        return best[0]
    request = prompts.synthesize(question, [reply.text for reply in best[:keep]])
    return await write(question, ask, synthesizer, request, best, must=must)


async def _by_wins(
    question: Question, ask: Ask, ranker: Member, replies: Sequence[Reply], must: bool
) -> list[Reply]:
    pairs = list(itertools.permutations(range(len(replies)), 2))
    wins = await _wins(question, ask, ranker, replies, pairs, must)
    return [replies[i] for i in sorted(range(len(replies)), key=lambda i: -wins[i])]


async def _by_bubble(
    question: Question, ask: Ask, ranker: Member, replies: Sequence[Reply], must: bool
) -> list[Reply]:
    """One pass from the last to the first; what was left behind follows, the latest first."""
    best = len(replies) - 1
    behind: list[int] = []
    for i in reversed(range(len(replies) - 1)):
        wins = await _wins(question, ask, ranker, replies, [(i, best), (best, i)], must)
        winner, loser = (best, i) if wins[best] > wins[i] else (i, best)
        best, behind = winner, [loser, *behind]
    return [replies[i] for i in (best, *behind)]


async def _wins(
    question: Question,
    ask: Ask,
    ranker: Member,
    replies: Sequence[Reply],
    pairs: Sequence[tuple[int, int]],
    must: bool,
) -> list[int]:
    """How many of some comparisons each answer won."""
    requests = [pick_better(question, replies[a].text, replies[b].text) for a, b in pairs]
    read = number(2)
    named = await ask_judges(
        ask, ranker, requests, role="ranker", output=CHOICE, read=read, what="choice", must=must
    )
    wins = [0] * len(replies)
    for pair, place in zip(pairs, named, strict=True):
        if place is not None:
            wins[pair[place]] += 1
    return wins
