"""The protocols that are ready, and how one is told from another."""

from __future__ import annotations

from typing import Any

from fusion_eval import prompts
from fusion_eval.core import Grader, Member, digest
from fusion_eval.core.protocol import Protocol

PROTOCOLS = {
    "draco": Protocol(),
    "draco-chunk3": Protocol(name="draco-chunk3", criteria_per_call=3),
    "one-shot": Protocol(name="one-shot", criteria_per_call=None),
    "pairwise": Protocol(name="pairwise", kind="pairwise"),
}
"""`draco` is the official one: one criterion per request, blind to weight and company. The others
are cheaper, and lenient by several points in public runs: see docs/grading.md."""

_ALWAYS = (
    "grade",
    "grade_answer",
    "grade_criterion",
    "grade_field_verdict",
    "grade_negative",
    "grade_positive",
    "grade_question",
    "grade_reply",
    "repair",
)
_MANY = ("grade_many", "grade_reply_many", "grade_binary")


def templates(protocol: Protocol) -> tuple[str, ...]:
    """Names of the templates that a protocol sends about binary criteria."""
    if protocol.kind == "pairwise":
        return ("answers.md", "compare_request.md", "prefer.md", "repair.md")
    names = [*_ALWAYS, *(_MANY if protocol.criteria_per_call != 1 else ())]
    names += ["grade_field_explanation"] if protocol.explained else []
    return tuple(sorted(f"{name}.md" for name in names))


def protocol_hash(grader: Grader) -> str:
    """SHA-256 (12 hex digits) of all that can move a verdict: rules, graders, prompts.

    A grader is a model id with its parameters; where it is served does not matter.
    """
    known = prompts.digests()
    sent = {name: known[name] for name in templates(grader.protocol)}
    who = [_identity(member) for member in grader.members]
    return digest([grader.protocol.content(), who, sent])[:12]


def _identity(member: Member) -> list[Any]:
    model = member.model
    if model is None:
        return [member.name]
    return [model.id, model.params, model.extra_body]


def label(grader: Grader) -> str:
    """`draco@0123456789ab`: what stands in the tables."""
    return f"{grader.protocol.name}@{protocol_hash(grader)}"
