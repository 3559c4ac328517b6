"""Asking several members at once, and what a strategy does about an empty seat."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace

from fusion_eval import prompts
from fusion_eval.core import Ask, Member, Messages, Question, Reply
from fusion_eval.errors import CallFailedError, NoAnswerError

ANSWERED_NOTHING = frozenset({"empty", "refused"})
"""Failures that are an outcome of the model and not of the machinery: asking again is no cure."""


@dataclass(frozen=True, slots=True)
class EmptySeat:
    """A seat without an answer, and the word for why."""

    failure: str


async def ask_seats(
    ask: Ask,
    members: Sequence[Member],
    messages: Sequence[Messages],
    *,
    role: str = "member",
    only: Sequence[int] | None = None,
) -> list[Reply | EmptySeat]:
    """Ask each member its own messages, all at once.

    With `only`, just these seats (from 0) are asked; each keeps the draw of its place.

    A seat is empty when its call failed or its answer holds no text. Each empty seat is recorded
    with `ask.degrade`. Answers come back in seat order, whoever was first.
    """
    places = range(len(members)) if only is None else only
    asks = ask.seats(members)
    replies = await asyncio.gather(
        *(_or_failure(asks[i](members[i], messages[i], role=role)) for i in places)
    )
    seats: list[Reply | EmptySeat] = []
    for i, reply in zip(places, replies, strict=True):
        if isinstance(reply, Reply) and (failure := no_text(reply)):
            reply = EmptySeat(failure)
        if isinstance(reply, EmptySeat):
            ask.degrade(f"{role} {i + 1} ({members[i].name}): {reply.failure}")
        seats.append(reply)
    return seats


async def ask_each(
    ask: Ask, members: Sequence[Member], messages: Messages, *, role: str = "member"
) -> list[Reply]:
    """Ask all members the same; the answers of the filled seats, in seat order.

    Raises NoAnswerError when every seat stayed empty.
    """
    return filled(await ask_seats(ask, members, [messages] * len(members), role=role))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a system makes of members that fail; by default their seats stay empty.

    needs_all : one empty seat fails the request
    deadline_s : so does a member that takes longer (by its recorded latency)
    shows_errors : on panels of at most so many seats, the error stands where the answer would
    """

    needs_all: bool = False
    deadline_s: float | None = None
    shows_errors: int = 0


Draft = tuple[Member, Reply]
"""Who answered, and what."""


async def ask_drafts(
    ask: Ask, question: Question, members: Sequence[Member], n: int = 1, terms: Terms | None = None
) -> list[Reply]:
    """Ask every member the question n times; the answers of the filled seats, in seat order.

    Raises NoAnswerError when every seat stayed empty.
    """
    return [reply for _, reply in await drafts(ask, question, members, n, terms)]


async def drafts(
    ask: Ask, question: Question, members: Sequence[Member], n: int = 1, terms: Terms | None = None
) -> list[Draft]:
    """The same, each answer with its member."""
    seats = [seat for member in members for seat in repeated(member, n)]
    asked = [prompts.answer(question)] * len(seats)
    replies = admitted(await ask_seats(ask, seats, asked), terms or Terms())
    filled(replies)  # raises when nobody takes part
    return answered(seats, replies)


def answered(seats: Sequence[Member], replies: Sequence[Reply | EmptySeat]) -> list[Draft]:
    """The filled seats, each with its member."""
    return [(m, reply) for m, reply in zip(seats, replies, strict=True) if isinstance(reply, Reply)]


def admitted(seats: Sequence[Reply | EmptySeat], terms: Terms) -> list[Reply | EmptySeat]:
    """The seats under the terms of a system. Raises NoAnswerError where they fail the request."""
    late = terms.deadline_s is not None and any(_late(seat, terms.deadline_s) for seat in seats)
    if late:
        raise NoAnswerError("timeout")
    empty = [seat for seat in seats if isinstance(seat, EmptySeat)]
    if terms.needs_all and empty:
        raise NoAnswerError(empty[0].failure)
    if len(seats) > terms.shows_errors:
        return list(seats)
    return [
        Reply(text=f"[failed: {seat.failure}]") if isinstance(seat, EmptySeat) else seat
        for seat in seats
    ]


def _late(seat: Reply | EmptySeat, deadline_s: float) -> bool:
    if isinstance(seat, EmptySeat):
        return seat.failure == "timeout"
    return seat.latency_s > deadline_s


def repeated(member: Member, n: int) -> tuple[Member, ...]:
    """n seats for one member, each with the model that its cycle has for it."""
    if not member.cycle:
        return (member,) * n
    models = member.cycle
    return tuple(replace(member, model=models[i % len(models)], cycle=()) for i in range(n))


def filled(seats: Sequence[Reply | EmptySeat]) -> list[Reply]:
    """The answers of the filled seats, in seat order.

    Raises NoAnswerError when there is none: with the word of a call that failed, if there was
    one, because then asking again may help; else with what the models did, such as `refused`.
    """
    answers = [seat for seat in seats if isinstance(seat, Reply)]
    if not answers:
        words = [seat.failure for seat in seats if isinstance(seat, EmptySeat)]
        raise NoAnswerError(next((w for w in words if w not in ANSWERED_NOTHING), words[0]))
    return answers


async def _or_failure(reply: Awaitable[Reply]) -> Reply | EmptySeat:
    """The reply, or its failure as a value, so that the other seats go on."""
    try:
        return await reply
    except (CallFailedError, NoAnswerError) as problem:
        return EmptySeat(problem.failure)


def left_alone(ask: Ask, replies: Sequence[Reply], of: int) -> Reply | None:
    """The one answer that is left of several, recorded as a step down; else None.

    There is nothing to compare or merge: whoever would be asked to is not.
    """
    if len(replies) != 1 or of < 2:
        return None
    ask.degrade("one answer of several is left: it is returned as it is")
    return replies[0]


def no_text(reply: Reply) -> str | None:
    """`refused` or `empty` for a reply without text, else None."""
    if reply.text.strip():
        return None
    return "refused" if reply.finish == "refusal" else "empty"


def why_empty(reply: Reply) -> str:
    """Where the tokens of a reply without text went, and the way out; empty where nobody says."""
    tokens = reply.usage.tokens_out if reply.usage else None
    thought = reply.thoughts or (reply.usage is not None and reply.usage.reasoning > 0)
    if not thought or no_text(reply) != "empty":
        return ""
    spent = f"all {tokens:,} output tokens" if tokens else "all output tokens"
    cut = ", and it was cut off" if reply.finish == "length" else ""
    return f"{spent} went into thinking{cut}; raise `max_tokens`, or ask for less thinking"
