"""Copies: one draft, shown to the writer as often as the panel has seats.

Separates rewriting from combining: judge and writer work as in the panel, and there is nothing to
combine. The draft is that of the random member, so the two recipes share it, and their difference
is what rewriting one answer is worth.
"""

from __future__ import annotations

from fusion_eval import prompts
from fusion_eval.core import Ask, Question, Reply
from fusion_eval.strategies.given import Seed
from fusion_eval.strategies.panel import compared
from fusion_eval.strategies.random_member import picked
from fusion_eval.strategies.schema import Judge, Members, Writer, control
from fusion_eval.strategies.seats import ask_each
from fusion_eval.strategies.writing import write


@control
async def copies(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    synthesizer: Writer,
    judge: Judge | None = None,
    seed: Seed = 0,
) -> Reply:
    """Ask one member once, and write from its answer copied `len(members)` times."""
    (draft,) = await ask_each(ask, [picked(question, members, seed)], prompts.answer(question))
    answers = [draft.text] * len(members)
    notes = await compared(question, ask, judge, answers) if judge else None
    request = prompts.synthesize(question, answers, notes)
    return await write(question, ask, synthesizer, request, [draft])
