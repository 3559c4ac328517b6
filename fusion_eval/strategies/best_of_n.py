"""Best of n: every draft gets a score, and the one with the highest is returned word for word.

Pointwise, each draft is scored alone in a call of its own; listwise, one call scores them all, as
`best_of_n` of opencode-llm-fusion does, with its weights per member. The oracle that picks by the
rubric is a control and no strategy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from fusion_eval import prompts
from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts import choosing, shown
from fusion_eval.strategies import judges
from fusion_eval.strategies.schema import Chooser, LengthOf, Members
from fusion_eval.strategies.seats import ask_seats, filled, repeated

Weight = Annotated[float, Field(gt=0)]


async def best_of_n(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    scorer: Chooser,
    n: Annotated[int, Field(ge=1, le=1000)] = 1,
    scoring: Literal["pointwise", "listwise"] = "pointwise",
    weights: Annotated[tuple[Weight, ...], LengthOf("members")] = (),
) -> Reply:
    """Ask every member n times and return the answer with the highest score times weight.

    Of equal scores the one shown first wins, which follows from the content: no seat owns a tie.
    A draft without a readable score is left out; without any, all count as equal.
    """
    seats = [seat for member in members for seat in repeated(member, n)]
    each = [weight for weight in weights or (1.0,) * len(members) for _ in range(n)]
    found = await ask_seats(ask, seats, [prompts.answer(question)] * len(seats))
    replies = filled(found)
    worth = [w for w, seat in zip(each, found, strict=True) if isinstance(seat, Reply)]
    answers = [reply.text for reply in replies]
    score = _pointwise if scoring == "pointwise" else _listwise
    scores = await score(question, ask, scorer, answers)
    known = [s is not None for s in scores]
    total = [w * (1 if s is None else s) for w, s in zip(worth, scores, strict=True)]
    return replies[max(shown(answers), key=lambda i: (known[i], total[i]))]


async def _pointwise(
    question: Question, ask: Ask, scorer: Member, answers: Sequence[str]
) -> Sequence[int | None]:
    requests = [choosing.score_one(question, answer) for answer in answers]
    return await judges.ask_judges(
        ask, scorer, requests, role="scorer", output=choosing.SCORE, read=judges.score, what="score"
    )


async def _listwise(
    question: Question, ask: Ask, scorer: Member, answers: Sequence[str]
) -> Sequence[int | None]:
    found = await judges.ask_judge(
        ask,
        scorer,
        choosing.score_all(question, answers),
        role="scorer",
        output=choosing.scores(len(answers)),
        read=judges.scores(len(answers)),
        what="scores",
    )
    if found is None:
        return [None] * len(answers)
    return [found[place] for place in _places(answers)]


def _places(answers: Sequence[str]) -> list[int]:
    """Where each answer was shown."""
    order = shown(answers)
    return [order.index(i) for i in range(len(answers))]
