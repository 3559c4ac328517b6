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
from fusion_eval.core import Ask, Member, Messages, Question, Reply, canonical
from fusion_eval.prompts.wording import Wording, cut, flattened, worded
from fusion_eval.strategies.judges import ask_judge, fields
from fusion_eval.strategies.layers import proposals
from fusion_eval.strategies.schema import (
    FailsWith,
    Judge,
    Members,
    Needs,
    NotWith,
    Worded,
    Writer,
)
from fusion_eval.strategies.seats import Terms, left_alone
from fusion_eval.strategies.self_refine import improved
from fusion_eval.strategies.writing import attempt, stand_in

Part = Literal["consensus", "contradictions", "partial_coverage", "unique_insights", "blind_spots"]


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
    judge_writes: Annotated[
        Literal["fields", "text"], Needs(("judge", "judge_wording"), when="text")
    ] = "fields",
    analysis_fields: tuple[Part, ...] = (),
    question_blind: bool = False,
    named: bool = False,
    wording: Annotated[Worded, NotWith("analysis")] = None,
    judge_wording: Worded = None,
    flat: bool = False,
    max_panel_tokens: Annotated[int, Field(ge=100)] | None = None,
    samples: Annotated[int, Field(ge=1, le=64)] = 1,
    layers: Annotated[int, Field(ge=1, le=8)] = 1,
    refine: Annotated[int, Field(ge=0, le=8)] = 0,
    refine_in_one_call: bool = False,
    alone: Literal["returned", "rewritten"] = "returned",
    fails_with: FailsWith = (),
    panel_deadline_s: Annotated[float, Field(gt=0)] | None = None,
    shows_errors: Annotated[int, Field(ge=0)] = 0,
) -> Reply:
    """Answer with every member, then write one answer from theirs.

    A member that fails leaves its seat empty; NoAnswerError when all are empty. Where one of
    several is left, its answer is returned. Without a judge, or where its analysis cannot be read,
    the synthesizer reads the answers as they are. A synthesizer that fails leaves the best
    member's answer (see `writing.stand_in`).

    writer_sees : with `analysis` the writer gets the judge's analysis and no answer
    analysis : one call writes and compares; `after` the answer, as openfusion can, the comparison
        cannot inform it
    judge_writes, analysis_fields : a judge without a form, as in OpenFusion, or with some of the
        five fields (none named: all), as in fusionHarness
    question_blind : who reads the answers first (the judge, else the writer) is not shown the
        question, as in opencode-llm-fusion
    named : answers bear the names of their members and stand in the order of the seats
    wording, judge_wording : the recipe's own words, see `prompts.wording`
    flat : the conversation is one message of the user, its system prompt included, as in OpenFusion
    max_panel_tokens : the longest answers are halved until all fit, as in openfusion
    samples, layers, refine : as in fusionHarness: drafts per member; layers of proposers; rounds
        in which the synthesizer criticises and rewrites its own answer, two calls or one
    alone : whether an answer that is left alone is written again all the same, as in openfusion
    fails_with, panel_deadline_s, shows_errors : what a failure does, see `seats.Terms`
    """
    question = flattened(question) if flat else question
    must = "readers" in fails_with
    terms = Terms(
        needs_all="members" in fails_with, deadline_s=panel_deadline_s, shows_errors=shows_errors
    )
    drafts = await proposals(ask, question, members, samples=samples, layers=layers, terms=terms)
    replies = [reply for _, reply in drafts]
    if alone == "returned" and (only := left_alone(ask, replies, len(members) * samples)):
        return only
    answers = [reply.text for reply in replies]
    if max_panel_tokens is not None:
        answers = cut(answers, max_panel_tokens)
    authors = [member for member, _ in drafts]
    names = [member.name for member in authors] if named else None
    notes: dict[str, Any] | str | None = None
    if judge and judge_writes == "text":
        request = worded(judge_wording or Wording(), question, answers, authors)
        said = await attempt(ask, judge, request, role="judge", must=must)
        notes = said.text if said else None
    elif judge:
        own = worded(judge_wording, question, answers, authors) if judge_wording else None
        notes = await compared(
            question, ask, judge, answers, names=names, blind=question_blind,
            wanted=analysis_fields or prompts.FIELDS, request=own, must=must,
        )  # fmt: skip
    if wording is not None:
        told = notes if isinstance(notes, str) else canonical(notes) if notes else ""
        request = worded(wording, question, answers, authors, notes=told)
    elif notes and writer_sees == "analysis":
        request = prompts.synthesize_analysis(question, len(answers), notes)
    else:
        blind = question_blind and judge is None
        request = prompts.synthesize(
            question, answers, notes, names=names, blind=blind, analysis=analysis
        )
    written = await attempt(ask, synthesizer, request, role="synthesizer", must=must)
    if written and analysis != "none":
        written = without_analysis(ask, written, analysis)
    reply = written or stand_in(question, replies)
    return await improved(
        question, ask, synthesizer, reply, rounds=refine, stops=False,
        in_one_call=refine_in_one_call,
    )  # fmt: skip


async def compared(
    question: Question,
    ask: Ask,
    judge: Member,
    answers: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    blind: bool = False,
    wanted: Sequence[str] = prompts.FIELDS,
    request: Messages | None = None,
    must: bool = False,
) -> dict[str, Any] | None:
    """The judge's fields, or None, recorded as a step down, where there is none to read.

    Only those that are wanted: a judge with a field of its own would be a member without a seat.
    """

    def read(reply: Reply) -> dict[str, Any] | None:
        notes = fields(reply)
        return {name: notes[name] for name in wanted} if set(wanted) <= notes.keys() else None

    asked = prompts.compare(question, answers, names=names, blind=blind, fields=wanted)
    return await ask_judge(
        ask, judge, request or asked, role="judge", output=prompts.analysis_of(wanted), read=read,
        what="analysis", must=must,
    )  # fmt: skip


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
