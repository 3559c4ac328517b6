"""Every text that we send, one template per file; digests of all stand in each run's manifest.

Templates are filled once with `string.Template`, so a `$` in model text stays a `$`.
Answers are numbered, unnamed, and ordered by their content: no seat owns a place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

from fusion_eval.core import Message, Messages, Question, Schema, canonical, digest
from fusion_eval.prompts.grading import VERDICT, asked, form, grade, marker
from fusion_eval.prompts.repairing import repair
from fusion_eval.prompts.templates import digests, fill, template

_asked, _fill, _template = asked, fill, template

__all__ = [
    "ANALYSIS",
    "FIELDS",
    "MARK",
    "VERDICT",
    "analysis_of",
    "answer",
    "compare",
    "digests",
    "form",
    "grade",
    "marker",
    "repair",
    "revise",
    "revise_alone",
    "shown",
    "synthesize",
    "synthesize_analysis",
    "unformatted",
]

FIELDS = ("consensus", "contradictions", "partial_coverage", "unique_insights", "blind_spots")
"""The five fields of a judge's analysis (OpenRouter's Fusion names them so)."""


def answer(question: Question) -> Messages:
    """The question as it was asked; where answers are compared, with the form of the last line."""
    messages = question.messages
    if question.answer_format == "text":
        return messages
    *earlier, last = messages
    return (*earlier, Message(role="user", content=f"{last.content}\n\n{_format(question)}"))


def answer_form(question: Question) -> str:
    """What `answer` adds to the last message; empty where no form is asked for."""
    return _format(question)


def unformatted(question: Question) -> Question:
    """The question without the form of the last line, which `answer` will add again.

    A recipe in a seat is asked what a model there would be asked, and so makes the same calls as
    standing alone.
    """
    if question.answer_format == "text":
        return question
    prompt = question.prompt.removesuffix(f"\n\n{_format(question)}")
    return question.model_copy(update={"prompt": prompt})


def compare(
    question: Question,
    answers: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    blind: bool = False,
    fields: Sequence[str] = FIELDS,
) -> Messages:
    """Ask a judge for some of the five fields; it sees question and answers, and no author.

    As some systems ship it: with `names` it is told who wrote what, in that order; `blind`, it is
    not shown the question.
    """
    told = _listed(answers, names)
    if blind:
        request = _fill("compare_blind_request", answers=told)
    else:
        request = _fill("compare_request", question=_asked(question), answers=told)
    system = _template("compare")
    if tuple(fields) != FIELDS:
        lines = system.split("\n")
        left = [
            line for line in lines if not line.startswith('- "') or line.split('"')[1] in fields
        ]
        system = "\n".join(left).replace("these five fields", "these fields")
    return (Message(role="system", content=system), Message(role="user", content=request))


MARK = "=== analysis ==="
"""The line between an answer and an analysis where one call writes both."""


def synthesize(
    question: Question,
    answers: Sequence[str],
    notes: dict[str, Any] | str | None = None,
    *,
    names: Sequence[str] | None = None,
    blind: bool = False,
    analysis: Literal["none", "before", "after"] = "none",
) -> Messages:
    """The conversation, then the answers (and a judge's analysis, if any) to write one from.

    As some systems ship it: `names` and `blind` as in `compare`; with `analysis`, the same call
    compares the answers, before or after it writes, with MARK between the two.
    """
    both = "" if analysis == "none" else _fill(f"analysis_{analysis}", mark=MARK)
    request = _fill(
        "synthesize_blind" if blind else "synthesize",
        count=str(len(answers)),
        answers=_listed(answers, names),
        analysis_note=" A comparison of them follows." if notes else "",
        analysis=f"\nThe comparison:\n\n{_told(notes)}\n" if notes else "",
        format="\n\n".join(part for part in (both, _format(question)) if part),
    )
    conversation = () if blind else question.messages
    return (*conversation, Message(role="user", content=request))


def _told(notes: dict[str, Any] | str) -> str:
    return notes if isinstance(notes, str) else canonical(notes)


def synthesize_analysis(question: Question, count: int, notes: dict[str, Any] | str) -> Messages:
    """The conversation, then a judge's analysis of `count` answers and none of the answers."""
    request = _fill(
        "synthesize_analysis",
        count=str(count),
        analysis=_told(notes),
        format=_format(question),
    )
    return (*question.messages, Message(role="user", content=request))


def revise(history: Messages, own: str, question: Question, others: Sequence[str]) -> Messages:
    """One round of debate: the member's own history, its last answer, and what the others said.

    Du et al. (2023), arXiv:2305.14325: histories grow, and the question is repeated.
    """
    request = _fill(
        "revise", answers=_listed(others), question=_asked(question), format=_format(question)
    )
    return (
        *history,
        Message(role="assistant", content=own),
        Message(role="user", content=request),
    )


def revise_alone(
    question: Question, own: str, others: Sequence[str], *, drops_system: bool = False
) -> Messages:
    """One round of debate in a single message: no history, as openfusion asks for it.

    With `drops_system` the system prompt is left out, as it is there.
    """
    request = _fill(
        "revise_alone",
        answers=_listed(others),
        own=own,
        question=_asked(question.model_copy(update={"system": None})),
        format=_format(question),
    )
    told = tuple(m for m in question.messages if m.role == "system" and not drops_system)
    return (*told, Message(role="user", content=request))


ANALYSIS = Schema(
    name="analysis",
    json_schema={
        "type": "object",
        "properties": {
            "consensus": {"type": "array", "items": {"type": "string"}},
            "contradictions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "topic": {"type": "string"},
                        "stances": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {
                                    "answer": {"type": "integer"},
                                    "stance": {"type": "string"},
                                },
                                "required": ["answer", "stance"],
                                "additionalProperties": False,
                            },
                        },
                    },
                    "required": ["topic", "stances"],
                    "additionalProperties": False,
                },
            },
            "partial_coverage": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "answers": {"type": "array", "items": {"type": "integer"}},
                        "point": {"type": "string"},
                    },
                    "required": ["answers", "point"],
                    "additionalProperties": False,
                },
            },
            "unique_insights": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "answer": {"type": "integer"},
                        "insight": {"type": "string"},
                    },
                    "required": ["answer", "insight"],
                    "additionalProperties": False,
                },
            },
            "blind_spots": {"type": "array", "items": {"type": "string"}},
        },
        "required": list(FIELDS),
        "additionalProperties": False,
    },
)
"""The judge's analysis as a JSON Schema."""


def analysis_of(fields: Sequence[str]) -> Schema:
    """The same with some of its fields only."""
    if tuple(fields) == FIELDS:
        return ANALYSIS
    kept = {name: ANALYSIS.json_schema["properties"][name] for name in fields}
    schema = {**ANALYSIS.json_schema, "properties": kept, "required": list(fields)}
    return Schema(name="analysis", json_schema=schema)


def shown(answers: Sequence[str]) -> list[int]:
    """Indices of the answers in the order in which they are shown: by a hash of their content."""
    return sorted(range(len(answers)), key=lambda i: hashlib.sha256(answers[i].encode()).digest())


def _listed(answers: Sequence[str], names: Sequence[str] | None = None) -> str:
    """Answers numbered from 1, in the order of `shown`; with names, as they come."""
    if names is not None:
        return _numbered(answers, names)
    return _numbered([answers[i] for i in shown(answers)])


def _numbered(answers: Sequence[str], names: Sequence[str] | None = None) -> str:
    """Answers numbered from 1, as they come, below headings that bear a mark.

    The mark follows from all of them, so an answer that writes a heading changes the mark.
    """
    mark = digest(answers)[:16]
    heads = (
        [f"=== {mark} {name} · " for name in names] if names else [f"=== {mark} "] * len(answers)
    )
    each = zip(heads, answers, strict=True)
    parts = [f"{head}Answer {i} ===\n{text}" for i, (head, text) in enumerate(each, 1)]
    return _fill("answers", mark=mark, answers="\n\n".join([*parts, f"=== {mark} end ==="]))


def _format(question: Question) -> str:
    if question.answer_format == "text":
        return ""
    return _template(f"format_{question.answer_format}")
