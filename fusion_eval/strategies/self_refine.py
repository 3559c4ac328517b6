"""Self-refine: one member answers, criticises its own answer and rewrites it.

Madaan et al. (2023), arXiv:2303.17651: feedback and refinement by the same model, with everything
said so far in view, until the feedback finds nothing more (at most four rounds there). Without
anything from outside it is not expected to gain on tasks that can be checked (Huang et al. 2023,
arXiv:2310.01798).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts import answer
from fusion_eval.prompts.reviewing import REVIEW, improve, refine_once, reflect
from fusion_eval.strategies.judges import ask_judge
from fusion_eval.strategies.reviews import review_of
from fusion_eval.strategies.schema import Answering
from fusion_eval.strategies.seats import no_text
from fusion_eval.strategies.writing import attempt


async def self_refine(
    question: Question,
    ask: Ask,
    *,
    member: Answering,
    rounds: Annotated[int, Field(ge=1, le=8)] = 1,
    stops: bool = True,
    in_one_call: bool = False,
) -> Reply:
    """Answer, then criticise and rewrite at most `rounds` times; with `stops`, until content.

    A criticism that cannot be read, or a rewriting that fails, leaves the last answer. With
    `in_one_call` the same call checks and rewrites, as in fusionHarness, and nothing stops it.
    """
    draft = await ask(member, answer(question), role="member")
    return await improved(
        question, ask, member, draft, rounds=rounds, stops=stops, in_one_call=in_one_call
    )


async def improved(
    question: Question,
    ask: Ask,
    member: Member,
    draft: Reply,
    *,
    rounds: int,
    stops: bool,
    in_one_call: bool = False,
) -> Reply:
    """A draft after so many rounds of the member's own criticism, all of it in view."""
    history = answer(question)
    for _ in range(0 if no_text(draft) else rounds):
        if in_one_call:
            history = refine_once(history, draft.text, question)
            if (better := await attempt(ask, member, history, role="refiner")) is None:
                break
            draft = better
            continue
        history = reflect(history, draft.text)
        review = await ask_judge(
            ask, member, history, role="critic", output=REVIEW, read=review_of, what="review"
        )
        if review is None or (stops and review.accepts):
            break
        history = improve(history, review.text, question)
        better = await attempt(ask, member, history, role="refiner")
        if better is None:
            break
        draft = better
    return draft
