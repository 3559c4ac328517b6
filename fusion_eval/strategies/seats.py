"""Asking several members at once, and what a strategy does about an empty seat."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

from fusion_eval.core import Ask, Member, Messages, Reply
from fusion_eval.errors import CallFailedError, NoAnswerError


async def ask_seats(
    ask: Ask, members: Sequence[Member], messages: Sequence[Messages], *, role: str = "member"
) -> list[Reply | None]:
    """Ask each member its own messages, all at once; None where a seat stays empty.

    A seat is empty when its call failed or its answer holds no text. Each empty seat is recorded
    with `ask.degrade`. Answers come back in seat order, whoever was first.
    """
    asks = zip(ask.seats(members), members, messages, strict=True)
    replies = await asyncio.gather(
        *(_or_failure(one(member, asked, role=role)) for one, member, asked in asks)
    )
    answers: list[Reply | None] = []
    for seat, (member, reply) in enumerate(zip(members, replies, strict=True), 1):
        failure = reply.failure if isinstance(reply, _Failure) else no_text(reply)
        if failure:
            ask.degrade(f"{role} {seat} ({member.name}): {failure}")
        answers.append(None if isinstance(reply, _Failure) or failure else reply)
    return answers


async def ask_each(
    ask: Ask, members: Sequence[Member], messages: Messages, *, role: str = "member"
) -> list[Reply]:
    """Ask all members the same; the answers of the filled seats, in seat order.

    Raises NoAnswerError when every seat stayed empty.
    """
    replies = await ask_seats(ask, members, [messages] * len(members), role=role)
    answers = [reply for reply in replies if reply is not None]
    if not answers:
        raise NoAnswerError
    return answers


class _Failure:
    """A call that failed, as a value, so that the other seats go on."""

    def __init__(self, failure: str) -> None:
        self.failure = failure


async def _or_failure(reply: Awaitable[Reply]) -> Reply | _Failure:
    """The reply, or its failure as a value."""
    try:
        return await reply
    except (CallFailedError, NoAnswerError) as problem:
        return _Failure(problem.failure)


def no_text(reply: Reply) -> str | None:
    """`refused` or `empty` for a reply without text, else None."""
    if reply.text.strip():
        return None
    return "refused" if reply.finish == "refusal" else "empty"
