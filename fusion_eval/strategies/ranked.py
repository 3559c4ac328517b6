"""Ranked: members answer, and one short call names the best answer, returned word for word.

The `ranked` aggregator of openfusion and the `majority_vote` of opencode-llm-fusion (which counts
no votes). Against one-call synthesis it saves the writing and not the reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from pydantic import Field

from fusion_eval.core import Ask, Member, Messages, Question, Reply
from fusion_eval.prompts import shown
from fusion_eval.prompts.choosing import CHOICE, pick
from fusion_eval.strategies.judges import ask_judge, number
from fusion_eval.strategies.schema import Chooser, Members
from fusion_eval.strategies.seats import ask_drafts


async def ranked(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    ranker: Chooser,
    n: Annotated[int, Field(ge=1, le=64)] = 1,
    fallback: Literal["random", "first"] = "random",
) -> Reply:
    """Ask every member n times, and have the ranker name the best answer.

    Where its choice cannot be read, `fallback` decides, and the step down is recorded: `random`
    takes whichever answer is shown first, which follows from the answers' content; `first` takes
    the earliest seat, as openfusion and opencode-llm-fusion do.
    """
    replies = await ask_drafts(ask, question, members, n)
    return await pick_one(question, ask, ranker, replies, pick, "ranker", fallback)


async def pick_one(
    question: Question,
    ask: Ask,
    chooser: Member,
    replies: Sequence[Reply],
    prompt: Callable[[Question, Sequence[str]], Messages],
    role: str,
    fallback: str,
) -> Reply:
    """The reply that the chooser names."""
    answers = [reply.text for reply in replies]
    read = number(len(replies))
    request = prompt(question, answers)
    best = await ask_judge(
        ask, chooser, request, role=role, output=CHOICE, read=read, what="choice"
    )
    order = shown(answers)
    if best is None:
        return replies[0] if fallback == "first" else replies[order[0]]
    return replies[order[best]]
