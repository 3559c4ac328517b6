"""What graders are sent: criteria, question and answer, and the form of their reply.

The marker around an answer follows from its content, so no answer can contain its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from fusion_eval.core import Criterion, Message, Messages, Question, Schema
from fusion_eval.core.protocol import Order
from fusion_eval.prompts.templates import block, fill, template

FIELDS_OF = {
    "binary": ("verdict",),
    "ternary": ("verdict_ternary",),
    "ordinal": ("grade",),
    "reference": ("grade", "reference_grade"),
}
"""Fields of a reply, by the kind of its criteria."""
_COUNTS = {1: "this one field", 2: "these two fields", 3: "these three fields"}


def grade(
    question: Question,
    text: str,
    *criteria: Criterion,
    order: Order = "criteria_first",
    weights: bool = False,
    explained: bool = True,
    part: tuple[int, int] | None = None,
    reference: str | None = None,
) -> Messages:
    """One criterion, or several of one kind, and the answer. As it stands, DRACO's request.

    The grader learns the sign of a criterion, and its weight only on request. `part` is (number,
    count) where only a part of the answer is shown; `reference` is what criteria of that kind
    compare with.
    """
    blocks = [_criteria(criteria, weights), block("grade_question", question=asked(question))]
    if reference is not None and criteria[0].kind == "reference":
        blocks.append(block("grade_reference_answer", marker=marker(reference), answer=reference))
    blocks.append(_answer(text, part))
    if order == "answer_first":
        blocks = [*blocks[1:], blocks[0]]
    return (
        Message(role="system", content=_rules(criteria, explained)),
        Message(role="user", content="\n\n".join(blocks).strip()),
    )


def _rules(criteria: Sequence[Criterion], explained: bool) -> str:
    one, kind = len(criteria) == 1, criteria[0].kind
    name = f"grade_{kind}"
    if one and kind == "binary":
        name = "grade_negative" if criteria[0].weight < 0 else "grade_positive"
    fields = [*(("explanation",) if explained else ()), *FIELDS_OF[kind]]
    lines = "\n".join(template(f"grade_field_{field}") for field in fields)
    count = _COUNTS.get(len(fields), "these fields")
    reply = fill(
        "grade_reply" if one else "grade_reply_many",
        count=count if len(fields) == 1 else f"{count}, in this order",
        fields=lines,
    )
    if one:
        return fill("grade", kind=template(name), reply=reply)
    return fill("grade_many", count=str(len(criteria)), kind=template(name), reply=reply)


def _criteria(criteria: Sequence[Criterion], weights: bool) -> str:
    marks = [_marks(criterion, weights) for criterion in criteria]
    if len(criteria) == 1:
        plain = criteria[0].kind == "binary"
        mark = (
            (f" ({marks[0].partition(', ')[2]})" if weights else "") if plain else f" ({marks[0]})"
        )
        return block("grade_criterion", marks=mark, criterion=criteria[0].requirement)
    listed = (
        f"Criterion {i} ({mark}):\n{criterion.requirement}"
        for i, (criterion, mark) in enumerate(zip(criteria, marks, strict=True), 1)
    )
    return "\n\n".join(["The criteria:", *listed])


def _marks(criterion: Criterion, weights: bool) -> str:
    marks = ["error" if criterion.weight < 0 else "good"]
    if criterion.kind in {"ordinal", "reference"}:
        marks.append("{:g} to {:g}".format(*criterion.scale))
    if weights:
        marks.append(f"weight {criterion.weight:g}")
    return ", ".join(marks)


def _answer(text: str, part: tuple[int, int] | None) -> str:
    which = "" if part is None else f", part {part[0]} of {part[1]}, the others not shown"
    return block("grade_answer", part=which, marker=marker(text), answer=text)


def marker(text: str) -> str:
    """The line above and below an answer. Whoever writes it into the answer changes it."""
    return f"-----{hashlib.sha256(text.encode()).hexdigest()[:16]}-----"


def asked(question: Question) -> str:
    """The conversation as one text: a single question stays as it is."""
    if not question.turns and not question.system:
        return question.prompt
    return "\n\n".join(f"[{m.role}] {m.content}" for m in question.messages)


def form(criteria: Sequence[Criterion], *, explained: bool = True) -> Schema:
    """The JSON Schema of a reply about some criteria of one kind, explanation first."""
    low, high = criteria[0].scale
    number = {"type": "number", "minimum": low, "maximum": high}
    types: dict[str, dict[str, Any]] = {
        "verdict": {"type": "string", "enum": ["MET", "UNMET"]},
        "verdict_ternary": {"type": "string", "enum": ["MET", "PARTLY", "UNMET"]},
        "grade": number,
        "reference_grade": number,
    }
    fields = {name.removesuffix("_ternary"): types[name] for name in FIELDS_OF[criteria[0].kind]}
    if explained:
        fields = {"explanation": {"type": "string"}, **fields}
    if len(criteria) == 1:
        return Schema(name="verdict", json_schema=_object(fields))
    each = {str(i): _object(fields) for i in range(1, len(criteria) + 1)}
    return Schema(name="verdicts", json_schema=_object({"verdicts": _object(each)}))


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


VERDICT = form((Criterion(id="any", requirement="any", weight=1.0),))
"""The verdict on one criterion as a JSON Schema, explanation first."""
