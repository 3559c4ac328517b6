"""Panel: members answer, a judge compares, a synthesizer writes the final answer.

One layer of Mixture-of-Agents (Wang et al. 2024, arXiv:2406.04692), with comparing kept apart
from writing so that each can be priced and swapped on its own. The judge's five fields are those
of OpenRouter's Fusion; who writes sees the conversation, the answers and the analysis, as in the
public TrustedRouter runs on DRACO. Candidates are unnamed and ordered by content. The other
parameters are variants that some system ships, each of them off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from fusion_eval import prompts
from fusion_eval.core import Ask, Member, Question, Reply
from fusion_eval.strategies.judges import ask_judge, fields
from fusion_eval.strategies.layers import proposals
from fusion_eval.strategies.schema import Judge, Members, Needs, NotWith, Writer
from fusion_eval.strategies.self_refine import improved
from fusion_eval.strategies.writing import attempt, stand_in


async def panel(
    question: Question,
    ask: Ask,
    *,
    members: Members,
    synthesizer: Writer,
    judge: Judge | None = None,
    writer_sees: Annotated[
        Literal["answers", "analysis"], Needs(("judge",), when="analysis")
    ] = "answers",
    analysis: Annotated[Literal["none", "before", "after"], NotWith("judge")] = "none",
    question_blind: bool = False,
    named: bool = False,
    samples: Annotated[int, Field(ge=1, le=64)] = 1,
    layers: Annotated[int, Field(ge=1, le=8)] = 1,
    refine: Annotated[int, Field(ge=0, le=8)] = 0,
) -> Reply:
    """Answer with every member, then write one answer from theirs.

    A member that fails leaves its seat empty; NoAnswerError when all are empty. Without a judge,
    or where its analysis cannot be read, the synthesizer reads the answers as they are. A
    synthesizer that fails leaves the best member's answer (see `writing.stand_in`).

    writer_sees : with `analysis` the writer gets the judge's analysis and no answer
    analysis : one call writes and compares; `after` the answer, as openfusion does, the comparison
        cannot inform it
    question_blind : who reads the answers first (the judge, else the writer) is not shown the
        question, as in opencode-llm-fusion
    named : answers bear the names of their members and stand in the order of the seats
    samples, layers, refine : as in fusionHarness: drafts per member; layers of proposers; rounds
        in which the synthesizer criticises and rewrites its own answer
    """
    drafts = await proposals(ask, question, members, samples=samples, layers=layers)
    replies = [reply for _, reply in drafts]
    answers = [reply.text for reply in replies]
    names = [member.name for member, _ in drafts] if named else None
    notes = None
    if judge:
        notes = await compared(question, ask, judge, answers, names=names, blind=question_blind)
    if notes and writer_sees == "analysis":
        request = prompts.synthesize_analysis(question, len(answers), notes)
    else:
        blind = question_blind and judge is None
        request = prompts.synthesize(
            question, answers, notes, names=names, blind=blind, analysis=analysis
        )
    written = await attempt(ask, synthesizer, request, role="synthesizer")
    if written and analysis != "none":
        written = without_analysis(ask, written, analysis)
    reply = written or stand_in(question, replies)
    return await improved(question, ask, synthesizer, reply, rounds=refine, stops=False)


async def compared(
    question: Question,
    ask: Ask,
    judge: Member,
    answers: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    blind: bool = False,
) -> dict[str, Any] | None:
    """The judge's five fields, or None, recorded as a step down, where there is none to read."""
    request = prompts.compare(question, answers, names=names, blind=blind)
    return await ask_judge(
        ask,
        judge,
        request,
        role="judge",
        output=prompts.ANALYSIS,
        read=_five_fields,
        what="analysis",
    )


def _five_fields(reply: Reply) -> dict[str, Any] | None:
    """Only the five: a judge with a field of its own would be a member without a seat."""
    notes = fields(reply)
    if not set(prompts.FIELDS) <= notes.keys():
        return None
    return {field: notes[field] for field in prompts.FIELDS}


def without_analysis(ask: Ask, reply: Reply, place: str) -> Reply:
    """The answer of a call that wrote an analysis too; recorded where the two cannot be told."""
    lines = reply.text.splitlines()
    marks = [i for i, line in enumerate(lines) if line.strip(" *`") == prompts.MARK]
    if not marks:
        ask.degrade("synthesizer: no analysis to be told from the answer")
        return reply
    kept = lines[: marks[0]] if place == "after" else lines[marks[0] + 1 :]
    return replace(reply, text="\n".join(kept).strip())


async def write_from(
    question: Question, ask: Ask, answers: list[str], synthesizer: Member, judge: Member | None
) -> Reply:
    """One answer written from others, after a judge's analysis if there is a judge."""
    notes = await compared(question, ask, judge, answers) if judge else None
    return await ask(synthesizer, prompts.synthesize(question, answers, notes), role="synthesizer")
