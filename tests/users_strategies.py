"""Strategies as users write them, with what goes wrong there: racing seats, and a bug."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.prompts import answer, synthesize
from fusion_eval.strategies.panel import write_from
from fusion_eval.strategies.schema import Seat
from fusion_eval.strategies.seats import ask_each
from fusion_eval.text import final_answer


async def first_of(question: Question, ask: Ask, *, members: tuple[Member, ...]) -> Reply:
    """Ask all members and take whoever is first; give up the others."""
    seats = zip(ask.seats(members), members, strict=True)
    asked = [
        asyncio.create_task(one(member, answer(question), role="member")) for one, member in seats
    ]
    done, late = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    for task in late:
        task.cancel()
    return done.pop().result()


async def after(question: Question, ask: Ask, *, first: Member, then: Member) -> Reply:
    """Ask one member, and only then the other; when that is depends on the first."""
    await ask(first, answer(question), role="member")
    return await ask(then, answer(question), role="member")


async def self_graded(question: Question, ask: Ask, *, member: Member) -> Reply:
    """A draft, and a second answer by somebody who is called as the rubric's applier is."""
    await ask(member, answer(question), role="member")
    return await ask(member, answer(question), role="grader")


async def buggy(question: Question, ask: Ask, *, member: Member) -> Reply:
    """Two seats at once; one meets a bug while the other waits for its reply."""

    async def bug() -> Reply:
        await ask(member, answer(question), role="member")
        raise ZeroDivisionError("a bug in a strategy")

    async def slow() -> Reply:
        first = await ask.seats([member])[0](member, answer(question), role="member")
        for _ in range(50):
            first = await ask(member, answer(question), role="member")
        return first

    return (await asyncio.gather(bug(), slow()))[0]


async def third_voice(question: Question, ask: Ask, *, members: tuple[Member, ...]) -> Reply:
    """Asks the first member again when the two answers differ: it branches."""
    replies = await ask_each(ask, members, answer(question))
    answers = {final_answer(r.text, question.answer_format) for r in replies}
    return (
        replies[0]
        if len(answers) < 2
        else await ask(
            members[0], synthesize(question, [r.text for r in replies], None), role="third"
        )
    )


async def minutes(
    question: Question,
    ask: Ask,
    *,
    speakers: tuple[Member, ...],
    scribe: Annotated[Member, Seat("writer")],
    referee: Annotated[Member | None, Seat("judge")] = None,
) -> Reply:
    """A panel under names of its own, with its seats declared."""
    replies = await ask_each(ask, speakers, answer(question))
    return await write_from(question, ask, [r.text for r in replies], scribe, referee)


async def unsaid(
    question: Question, ask: Ask, *, speakers: tuple[Member, ...], scribe: Member
) -> Reply:
    """The same without a word on what the scribe does."""
    return await minutes(question, ask, speakers=speakers, scribe=scribe)
