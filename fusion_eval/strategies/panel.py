"""Panel: members answer, a judge compares, a synthesizer writes the final answer.

One layer of Mixture-of-Agents (Wang et al. 2024, arXiv:2406.04692), with comparing kept apart
from writing so that each can be priced and swapped on its own. The judge's five fields are those
of OpenRouter's Fusion; who writes sees the conversation, the answers and the analysis, as in the
public TrustedRouter runs on DRACO. Candidates are unnamed and ordered by content.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from fusion_eval import prompts, text
from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.errors import CallFailedError, NoAnswerError
from fusion_eval.strategies.seats import ask_each


async def panel(
    question: Question,
    ask: Ask,
    *,
    members: Annotated[tuple[Member, ...], Field(min_length=1)],
    synthesizer: Member,
    judge: Member | None = None,
) -> Reply:
    """Answer with every member, then write one answer from theirs.

    A member that fails leaves its seat empty; `ask_each` raises NoAnswerError when all are empty.
    Without a judge, or where its analysis cannot be read, the synthesizer reads the answers as
    they are.
    """
    replies = await ask_each(ask, members, prompts.answer(question))
    return await write_from(question, ask, [reply.text for reply in replies], synthesizer, judge)


async def write_from(
    question: Question, ask: Ask, answers: list[str], synthesizer: Member, judge: Member | None
) -> Reply:
    """One answer written from others, after a judge's analysis if there is a judge."""
    notes = await analysis(question, ask, judge, answers) if judge else None
    return await ask(synthesizer, prompts.synthesize(question, answers, notes), role="synthesizer")


async def analysis(
    question: Question, ask: Ask, judge: Member, answers: list[str]
) -> dict[str, Any] | None:
    """The judge's five fields, or None, recorded as a step down, where there is none to read."""
    try:
        reply = await ask(
            judge, prompts.compare(question, answers), role="judge", output=prompts.ANALYSIS
        )
    except (CallFailedError, NoAnswerError) as problem:
        ask.degrade(f"judge ({judge.name}): {problem.failure}")
        return None
    notes = text.json_object(reply.text, truncated=reply.finish == "length")
    if notes is None or not set(prompts.FIELDS) <= notes.keys():
        ask.degrade(f"judge ({judge.name}): analysis unreadable")
        return None
    return {field: notes[field] for field in prompts.FIELDS}
