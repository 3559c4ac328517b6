"""Writing one answer from several, and what stands in where the writer has none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fusion_eval.answers.final import final_answer
from fusion_eval.core import Ask, Member, Messages, Question, Reply
from fusion_eval.errors import CallFailedError, NoAnswerError
from fusion_eval.strategies.seats import no_text


async def write(
    question: Question,
    ask: Ask,
    writer: Member,
    messages: Messages,
    replies: Sequence[Reply],
    *,
    role: str = "synthesizer",
    must: bool = False,
) -> Reply:
    """The writer's answer, or, recorded as a step down, the best member's where it has none."""
    written = await attempt(ask, writer, messages, role=role, must=must)
    return written or stand_in(question, replies)


async def attempt(
    ask: Ask, member: Member, messages: Messages, *, role: str, must: bool = False
) -> Reply | None:
    """A reply with text in it, or None, recorded as a step down.

    With `must`, a call that fails fails the request: CallFailedError or NoAnswerError.
    """
    try:
        reply = await ask(member, messages, role=role)
    except (CallFailedError, NoAnswerError) as problem:
        if must:
            raise
        ask.degrade(f"{role} ({member.name}): {problem.failure}")
        return None
    if failure := no_text(reply):
        if must:
            raise NoAnswerError(failure)
        ask.degrade(f"{role} ({member.name}): {failure}")
        return None
    return reply


def stand_in(question: Question, replies: Sequence[Reply]) -> Reply:
    """The best member's answer, as far as it can be told without a judge.

    The plurality's where final answers can be compared, else that of the earliest filled seat: so
    a bench file lists the best member first.
    """
    return most_frequent(question, replies) or replies[0]


def most_frequent(question: Question, replies: Sequence[Reply]) -> Reply | None:
    """The earliest reply with the most frequent final answer; None where none can be read.

    Ties go to the earliest seat.
    """
    answers = [final_answer(reply.text, question.answer_format) for reply in replies]
    votes = Counter(answer for answer in answers if answer is not None)
    return replies[answers.index(votes.most_common(1)[0][0])] if votes else None
