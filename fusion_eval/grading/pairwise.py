"""Preference over a reference answer, asked in both orders: for tasks without rubric and target.

The value of each order is 1, 0.5 (equally good) or 0. Their mean is the score; where they differ,
the place decided and not the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fusion_eval.answers import verdicts
from fusion_eval.core import Grader, Member, Reply, Task, Verdict
from fusion_eval.errors import CallFailedError
from fusion_eval.grading.committee import Asks
from fusion_eval.prompts import repair
from fusion_eval.prompts.preference import PREFERENCE, prefer

ORDERS = ("preferred-first", "preferred-second")
"""Criteria of a preference, named after where the answer stood."""
NO_REFERENCE = "no_reference"
"""The reason of a verdict that is missing because the reference recipe has no answer."""


async def grade_preference(
    task: Task, answer: str, reference: str | None, grader: Grader, asks: Asks
) -> list[Verdict]:
    """Two verdicts by each grader in each pass. The same text is a tie, without a call."""
    seats = [(p, m) for p in range(grader.protocol.passes) for m in grader.members]
    each = (_both(task, answer, reference, member, asks, one_pass) for one_pass, member in seats)
    return [verdict for two in await asyncio.gather(*each) for verdict in two]


async def _both(
    task: Task, answer: str, reference: str | None, grader: Member, asks: Asks, one_pass: int
) -> Sequence[Verdict]:
    if reference is None or reference == answer:
        reason = NO_REFERENCE if reference is None else "the same text"
        value = None if reference is None else 0.5
        return [
            _verdict(grader, one_pass, at, value, reason, graded=value is not None) for at in (0, 1)
        ]
    return await asyncio.gather(
        *(_one(task, answer, reference, grader, asks, one_pass, at) for at in (0, 1))
    )


async def _one(
    task: Task, answer: str, reference: str, grader: Member, asks: Asks, one_pass: int, at: int
) -> Verdict:
    pair = (answer, reference) if at == 0 else (reference, answer)
    messages, ask = prefer(task.question, *pair), asks(one_pass)
    try:
        reply = await ask(grader, messages, role="grader", output=PREFERENCE)
        value, reason = read(reply, at)
        if value is None and (again := repair(messages, reply, reason)) is not None:
            reply = await ask(grader, again, role="grader", output=PREFERENCE)
            value, reason = read(reply, at)
    except CallFailedError as problem:
        return _verdict(grader, one_pass, at, None, problem.failure, key=problem.key, graded=False)
    return _verdict(grader, one_pass, at, value, reason, key=reply.key)


_NAMES = {"first": 1, "second": 2, "tie": 0, "neither": 0, "equal": 0, "both": 0}


def read(reply: Reply, at: int) -> tuple[float | None, str]:
    """How far the answer that stood at place `at` (0 or 1) is preferred, and why."""
    truncated = reply.finish == "length"
    stated = verdicts.stated(reply.text, truncated=truncated)
    own = verdicts.unwrapped(stated.value if stated else None, ("best",))
    given = own.get("best")
    if not own and not truncated:
        given = stated.value if stated else verdicts.bare_number(reply.text)
    if isinstance(given, str):
        given = _NAMES.get(given.strip(" .*").lower(), given)
    best = verdicts.whole_of(given, 0, 2)
    if best is None:
        return None, f"no preference in a reply of {len(reply.text)} characters ({reply.finish})"
    said = own.get("explanation")
    return 0.5 if best == 0 else float(best == at + 1), said if isinstance(said, str) else ""


def _verdict(
    grader: Member,
    one_pass: int,
    at: int,
    value: float | None,
    reason: str,
    *,
    key: str | None = None,
    graded: bool = True,
) -> Verdict:
    word = "not_graded" if not graded else "unreadable"
    return Verdict(
        criterion=ORDERS[at],
        section="",
        weight=1.0,
        grader=grader.name,
        grader_pass=one_pass,
        verdict=word if value is None else "met" if value >= 0.5 else "unmet",  # type: ignore[arg-type]
        value=value,
        reason=reason,
        call_key=key,
        position=at,
    )
