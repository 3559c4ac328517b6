"""DRACO's protocol: one call per criterion, blind to its weight and to the other criteria.

The grader explains first and then says MET or UNMET; for a negative criterion MET means that the
answer commits the error. A reply that cannot be read is sent back once, with the reason; what then
cannot be read is `unreadable`: never a guess, never a zero.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from fusion_eval import prompts, text
from fusion_eval.core import Ask, Criterion, Member, Reply, Task, Verdict
from fusion_eval.errors import CallFailedError

_LAST_LINE = re.compile(
    r"(?i)(?:^|\n)[ *_#>-]*(?:final\s+)?verdict\b[ *_:=]{1,8}(MET|UNMET)[ *_.]*$"
)


async def grade(
    task: Task, answer: str, ask: Ask, grader: Member, *, grader_pass: int = 0
) -> list[Verdict]:
    """One verdict for each criterion of the task, in the order of the rubric.

    No two criteria make equal requests, so none needs a seat: a draw that followed the position
    in the rubric would make every verdict be paid again when a criterion is added.
    """
    one = (_one(task, answer, ask, grader, c, grader_pass) for c in task.leaves)
    return list(await asyncio.gather(*one))


async def _one(
    task: Task, answer: str, ask: Ask, grader: Member, criterion: Criterion, grader_pass: int
) -> Verdict:
    messages = prompts.grade(task.question, answer, criterion)
    met: bool | None = None
    key: str | None = None
    try:
        reply = await ask(grader, messages, role="grader", output=prompts.VERDICT)
        met, reason = read(reply)
        if met is None and reply.text.strip() and reply.finish != "refusal":
            again = prompts.repair(messages, reply.text, reason)
            reply = await ask(grader, again, role="grader", output=prompts.VERDICT)
            met, reason = read(reply)
    except CallFailedError as problem:
        met, word, reason = None, "not_graded", problem.failure
    else:
        key = reply.key
        word = {True: "met", False: "unmet", None: "unreadable"}[met]
    return Verdict(
        criterion=criterion.id,
        section=criterion.section,
        weight=criterion.weight,
        grader=grader.name,
        grader_pass=grader_pass,
        verdict=word,  # type: ignore[arg-type]
        value=None if met is None else float(met),
        reason=reason,
        call_key=key,
    )


def read(reply: Reply) -> tuple[bool | None, str]:
    """What a grader's reply says, and why: (met or None, its explanation or what was wrong).

    A JSON object with the two fields counts, or a text, not cut off, whose last line is
    `verdict: MET` and nothing more. A verdict elsewhere may be a quotation from the answer, so
    two that differ are none.
    """
    value = text.json_object(reply.text, truncated=reply.finish == "length")
    line = None if reply.finish == "length" else _LAST_LINE.search(reply.text.strip())
    if value is None and line is None:
        return None, f"no verdict in a reply of {len(reply.text)} characters ({reply.finish})"
    words = {_word(value)} if value is not None else set()
    words |= {line.group(1).upper()} if line else set()
    if len(words) > 1 or not words <= {"MET", "UNMET"}:
        return None, f"verdict {' and '.join(sorted(words))[:40]!r}"
    return words == {"MET"}, _explanation(value, reply.text[: line.start()] if line else "")


def _word(value: dict[str, Any]) -> str:
    return str(value.get("verdict")).strip().upper()


def _explanation(value: dict[str, Any] | None, before: str) -> str:
    explanation = before.strip() if value is None else value.get("explanation")
    return explanation if isinstance(explanation, str) else ""
