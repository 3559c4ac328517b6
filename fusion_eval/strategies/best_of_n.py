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
from fusion_eval.core import Ask, Member, Messages, Question, Reply, Schema
from fusion_eval.prompts import choosing, shown
from fusion_eval.prompts.wording import worded
from fusion_eval.strategies import judges
from fusion_eval.strategies.schema import Chooser, FailsWith, LengthOf, Members, Worded
from fusion_eval.strategies.seats import Terms, admitted, ask_seats, filled, repeated

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
    question_blind: bool = False,
    named: bool = False,
    reads: Literal["object", "array"] = "object",
    wording: Worded = None,
    weights_slip: bool = False,
    fails_with: FailsWith = (),
    panel_deadline_s: Annotated[float, Field(gt=0)] | None = None,
    shows_errors: Annotated[int, Field(ge=0)] = 0,
) -> Reply:
    """Ask every member n times and return the answer with the highest score times weight.

    Of equal scores the one shown first wins, which follows from the content: no seat owns a tie.
    A draft without a readable score is left out; without any, all count as equal. An only answer
    is returned as it is.

    question_blind, named, reads (`array`: a bare list of numbers), wording : as in `ranked`, of a
        listwise scorer; answers then stand in the order of the seats, and the earliest owns a tie
    weights_slip : after an empty seat the later answers get the weights of the seats before them,
        as in opencode-llm-fusion
    fails_with, panel_deadline_s, shows_errors : what a failure does, see `seats.Terms`
    """
    seats = [seat for member in members for seat in repeated(member, n)]
    each = [weight for weight in weights or (1.0,) * len(members) for _ in range(n)]
    terms = Terms(
        needs_all="members" in fails_with, deadline_s=panel_deadline_s, shows_errors=shows_errors
    )
    asked = await ask_seats(ask, seats, [prompts.answer(question)] * len(seats))
    found = admitted(asked, terms)
    replies = filled(found)
    if len(replies) == 1:
        return replies[0]
    kept = [i for i, seat in enumerate(found) if isinstance(seat, Reply)]
    worth = each[: len(kept)] if weights_slip else [each[i] for i in kept]
    answers = [reply.text for reply in replies]
    authors = [seats[i] for i in kept]
    as_seated = named or wording is not None
    order = list(range(len(answers))) if as_seated else shown(answers)
    must = "readers" in fails_with
    if scoring == "pointwise":
        scores = await _pointwise(question, ask, scorer, answers, must)
    else:
        names = [author.name for author in authors] if named else None
        request = (
            choosing.score_all(question, answers, names=names, blind=question_blind)
            if wording is None
            else worded(wording, question, answers, authors)
        )
        by_place = await _listwise(ask, scorer, request, len(answers), reads, must)
        scores = [by_place[order.index(i)] for i in range(len(answers))]
    known = [s is not None for s in scores]
    total = [w * (1 if s is None else s) for w, s in zip(worth, scores, strict=True)]
    return replies[max(order, key=lambda i: (known[i], total[i]))]


async def _pointwise(
    question: Question, ask: Ask, scorer: Member, answers: Sequence[str], must: bool
) -> Sequence[float | None]:
    requests = [choosing.score_one(question, answer) for answer in answers]
    return await judges.ask_judges(
        ask, scorer, requests, role="scorer", output=choosing.SCORE, read=judges.score,
        what="score", must=must,
    )  # fmt: skip


async def _listwise(
    ask: Ask, scorer: Member, request: Messages, count: int, reads: str, must: bool
) -> Sequence[float | None]:
    """A score for each answer, in the order in which they are shown."""
    output: Schema | None = None if reads == "array" else choosing.scores(count)
    found = await judges.ask_judge(
        ask, scorer, request, role="scorer", output=output, what="scores", must=must,
        read=judges.plain_scores(count) if reads == "array" else judges.scores(count),
    )  # fmt: skip
    return [None] * count if found is None else list(found)
