"""Cascade: cheap members first, and the next one only where a scorer is not content.

FrugalGPT (Chen et al. 2023, arXiv:2305.05176): an ordered chain, of at most three models there,
and a scorer after each but the last; the first answer that reaches its threshold is returned. The
scorer there is learned; here it is a model that scores from 1 to 10.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fusion_eval.core import Ask, Question, Reply
from fusion_eval.errors import NoAnswerError
from fusion_eval.prompts import answer
from fusion_eval.prompts.choosing import SCORE, score_one
from fusion_eval.strategies.judges import ask_judge, score
from fusion_eval.strategies.schema import Chooser, LengthOf, Members
from fusion_eval.strategies.writing import attempt

Threshold = Annotated[float, Field(ge=1, le=10)]


async def cascade(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    thresholds: Annotated[tuple[Threshold, ...], LengthOf("members", less=1)],
    scorer: Chooser,
) -> Reply:
    """Ask one member after the other until a score reaches the member's threshold (1 to 10).

    The last member's answer is not scored. A member that fails hands on to the next; an answer
    whose score cannot be read is not accepted. Where the last member fails, the answer with the
    highest score stands in. Raises NoAnswerError when no member answered.
    """
    best: tuple[int, Reply] | None = None
    for i, member in enumerate(members):
        reply = await attempt(ask, member, answer(question), role="member")
        if reply is None:
            continue
        if i == len(members) - 1:
            return reply
        asked = score_one(question, reply.text)
        points = await ask_judge(
            ask, scorer, asked, role="scorer", output=SCORE, read=score, what="score"
        )
        if points is not None and points >= thresholds[i]:
            return reply
        best = max(best or (0, reply), (points or 0, reply), key=lambda scored: scored[0])
    if best is None:
        raise NoAnswerError("every_stage_failed")
    return best[1]
