"""Ranked: members answer, and one short call names the best answer, returned word for word.

The `ranked` aggregator of openfusion and the `majority_vote` of opencode-llm-fusion (which counts
no votes). Against one-call synthesis it saves the writing and not the reading. What these systems
do otherwise are parameters, each of them off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from pydantic import Field

from fusion_eval.core import Ask, Member, Messages, Question, Reply, Schema
from fusion_eval.prompts import shown
from fusion_eval.prompts.choosing import CHOICE, pick
from fusion_eval.prompts.wording import worded
from fusion_eval.strategies.judges import ask_judge, number, plain_number
from fusion_eval.strategies.schema import Chooser, FailsWith, Members, Worded
from fusion_eval.strategies.seats import Draft, Terms, drafts

Reads = Literal["object", "first_number", "leading_number"]
"""What a choice is read from: an object with a schema, asked for again where it cannot be read, or
the first number of a plain text (anywhere, or only where the text begins with it)."""


class Prompt(Protocol):
    """Asks which of several answers to take."""

    def __call__(
        self,
        question: Question,
        answers: Sequence[str],
        *,
        names: Sequence[str] | None = None,
        blind: bool = False,
    ) -> Messages:
        """The request."""


async def ranked(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    ranker: Chooser,
    n: Annotated[int, Field(ge=1, le=64)] = 1,
    fallback: Literal["random", "first"] = "random",
    question_blind: bool = False,
    named: bool = False,
    reads: Reads = "object",
    wording: Worded = None,
    fails_with: FailsWith = (),
    panel_deadline_s: Annotated[float, Field(gt=0)] | None = None,
    shows_errors: Annotated[int, Field(ge=0)] = 0,
) -> Reply:
    """Ask every member n times, and have the ranker name the best answer.

    Where its choice cannot be read, `fallback` decides, and the step down is recorded: `random`
    takes whichever answer is shown first, which follows from the answers' content; `first` takes
    the earliest seat, as openfusion and opencode-llm-fusion do. An only answer is returned as it
    is.

    question_blind, named : as in `panel`
    reads : what the choice is read from, see `Reads`
    wording : the recipe's own words, with answers in the order of the seats
    fails_with, panel_deadline_s, shows_errors : what a failure does, see `seats.Terms`
    """
    terms = Terms(
        needs_all="members" in fails_with, deadline_s=panel_deadline_s, shows_errors=shows_errors
    )
    given = await drafts(ask, question, members, n, terms)
    names = [member.name for member, _ in given] if named else None
    answers = [reply.text for _, reply in given]
    if wording is None:
        request = pick(question, answers, names=names, blind=question_blind)
    else:
        request = worded(wording, question, answers, [member for member, _ in given])
    return await chosen(
        ask, ranker, given, request, as_seated=named or wording is not None, role="ranker",
        fallback=fallback, reads=reads, must="readers" in fails_with,
    )  # fmt: skip


async def pick_one(
    question: Question,
    ask: Ask,
    chooser: Member,
    given: Sequence[Draft],
    prompt: Prompt,
    role: str,
    fallback: str,
) -> Reply:
    """The reply that the chooser names, asked in our words."""
    request = prompt(question, [reply.text for _, reply in given])
    return await chosen(ask, chooser, given, request, role=role, fallback=fallback)


async def chosen(
    ask: Ask,
    chooser: Member,
    given: Sequence[Draft],
    request: Messages,
    *,
    role: str,
    fallback: str,
    as_seated: bool = False,
    reads: Reads = "object",
    must: bool = False,
) -> Reply:
    """The reply that the chooser names; an only one without asking."""
    replies = [reply for _, reply in given]
    if len(replies) == 1:
        return replies[0]
    read = number(len(replies))
    output: Schema | None = CHOICE
    if reads != "object":
        read, output = plain_number(len(replies), leading=reads == "leading_number"), None
    best = await ask_judge(
        ask, chooser, request, role=role, output=output, read=read, what="choice", must=must
    )
    order = list(range(len(replies))) if as_seated else shown([reply.text for reply in replies])
    if best is None:
        return replies[0] if fallback == "first" else replies[order[0]]
    return replies[order[best]]
