"""Self-MoA: n samples of one model, aggregated by that model, at once or in a sliding window.

Li et al. (2025), arXiv:2502.00674: a mixture of agents whose agents are one good model. Its
sequential version keeps the context short: an aggregation reads at most `window` texts, of which
`reserved` places are held for what was aggregated so far, so each step takes in `window - reserved`
new drafts. Theirs are window 6 and 3 reserved. Which model is the best one must be known from
other tasks, or it is an oracle.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts.layering import propose
from fusion_eval.strategies.schema import Answering, Seat
from fusion_eval.strategies.seats import ask_drafts, left_alone
from fusion_eval.strategies.writing import write


async def self_moa(
    question: Question,
    ask: Ask,
    *,
    member: Answering,
    n: Annotated[int, Field(ge=1, le=64)] = 6,
    aggregator: Annotated[Member | None, Seat("writer", otherwise="member")] = None,
    window: Annotated[int, Field(ge=2, le=64)] | None = None,
) -> Reply:
    """Draft n times and aggregate: without a window in one call, with one in several.

    Half of the window is reserved. A step that fails leaves what was aggregated so far.
    """
    writer = aggregator or member
    drafts = await ask_drafts(ask, question, [member], n)
    if only := left_alone(ask, drafts, n):
        return only
    first = window or len(drafts)
    step = first - first // 2
    best = await _aggregated(question, ask, writer, drafts[:first])
    for start in range(first, len(drafts), step):
        best = await _aggregated(question, ask, writer, [best, *drafts[start : start + step]])
    return best


async def _aggregated(question: Question, ask: Ask, writer: Member, texts: list[Reply]) -> Reply:
    """One text from several; the first of them stands in for a writer that fails."""
    request = propose(question, [reply.text for reply in texts])
    return await write(question, ask, writer, request, texts, role="aggregator")


def aggregations(n: int, window: int | None) -> int:
    """How many calls aggregate n drafts."""
    if window is None or n <= window:
        return 1
    return 1 + math.ceil((n - window) / (window - window // 2))
