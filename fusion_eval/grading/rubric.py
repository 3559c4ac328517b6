"""One reading of an answer by one grader: requests, replies, and what is done about bad ones.

A reply that cannot be read is sent back once, with the reason; one that was cut off is asked again
in two halves. What then cannot be read is `unreadable`, what was not answered is `not_graded`:
never a guess, never a zero.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from fusion_eval import prompts
from fusion_eval.core import Ask, Member, Messages, Reply, Task, Verdict
from fusion_eval.core.outcome import VerdictWord
from fusion_eval.core.protocol import Protocol
from fusion_eval.errors import CallFailedError
from fusion_eval.grading.batches import Batch
from fusion_eval.grading.reading import read
from fusion_eval.grading.windows import TOO_LONG, parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """An answer on the grader's desk."""

    task: Task
    answer: str
    protocol: Protocol

    def about(self, batch: Batch, text: str, part: tuple[int, int] | None) -> Messages:
        """The request about some criteria and (a part of) the answer."""
        return prompts.grade(
            self.task.question,
            text,
            *batch,
            order=self.protocol.order,
            weights=self.protocol.weights_shown,
            explained=self.protocol.explained,
            part=part,
            reference=self.task.reference,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What one request brought for one criterion, and where the criterion stood in it."""

    value: float | None
    reason: str
    position: int
    reference_value: float | None = None
    key: str | None = None
    failed: bool = False


async def grade(
    paper: Paper, batch: Batch, ask: Ask, grader: Member, grader_pass: int = 0
) -> list[Verdict]:
    """One verdict for each criterion of a batch.

    An answer in several parts meets a criterion as far as one of its parts does.
    """

    def about(text: str, part: tuple[int, int] | None) -> Messages:
        return paper.about(batch, text, part)

    texts = parts(paper.answer, grader.model, about, paper.protocol.too_long)
    if not texts:
        lost = [Found(None, TOO_LONG, i, failed=True) for i in range(len(batch))]
        return _verdicts(batch, lost, grader, grader_pass)
    which = [(i, len(texts)) if len(texts) > 1 else None for i in range(1, len(texts) + 1)]
    each = await asyncio.gather(
        *(_asked(paper, batch, t, w, ask, grader) for t, w in zip(texts, which, strict=True))
    )
    joined = [_joined(found) for found in zip(*each, strict=True)]
    return _verdicts(batch, joined, grader, grader_pass)


async def _asked(
    paper: Paper,
    batch: Batch,
    text: str,
    part: tuple[int, int] | None,
    ask: Ask,
    grader: Member,
) -> list[Found]:
    messages = paper.about(batch, text, part)
    form = prompts.form(batch, explained=paper.protocol.explained)
    found: list[Found] = []
    try:
        reply = await ask(grader, messages, role="grader", output=form)
        found = _found(reply, batch)
        again = prompts.repair(messages, reply, _open(found)[0].reason) if _open(found) else None
        if again is None:
            return found
        if reply.finish == "length" and len(batch) > 1:
            middle = (len(batch) + 1) // 2
            halves = (batch[:middle], batch[middle:])
            two = await asyncio.gather(
                *(_asked(paper, half, text, part, ask, grader) for half in halves)
            )
            return [*two[0], *two[1]]
        reply = await ask(grader, again, role="grader", output=form)
    except CallFailedError as problem:
        lost = [
            Found(None, problem.failure, i, key=problem.key, failed=True) for i in range(len(batch))
        ]
        return _filled(found, lost)
    return _filled(found, _found(reply, batch))


def most_asked(criteria: int) -> int:
    """How many requests one about so many criteria may become.

    Cut off again and again, it is halved down to single criteria, and each of them is asked twice:
    f(1) = 2, f(n) = 1 + f(n/2) + f(n/2).
    """
    return 3 * criteria - 1


def _found(reply: Reply, batch: Batch) -> list[Found]:
    said = enumerate(read(reply, batch))
    return [Found(r.value, r.reason, i, r.reference_value, reply.key) for i, r in said]


def _open(found: Sequence[Found]) -> list[Found]:
    return [each for each in found if each.value is None]


def _filled(first: Sequence[Found], second: Sequence[Found]) -> list[Found]:
    """What was read at first stays; only the rest is taken from the second reply."""
    if not first:
        return list(second)
    return [a if a.value is not None else b for a, b in zip(first, second, strict=True)]


def _joined(found: Sequence[Found]) -> Found:
    """Of all parts the one that counts: the best of them, an open one where none says met."""
    met = max(found, key=lambda each: -1.0 if each.value is None else each.value)
    unread = _open(found)
    return unread[0] if unread and not met.value else met


def _verdicts(
    batch: Batch, found: Sequence[Found], grader: Member, grader_pass: int
) -> list[Verdict]:
    return [
        Verdict(
            criterion=criterion.id,
            section=criterion.section,
            weight=criterion.weight,
            grader=grader.name,
            grader_pass=grader_pass,
            verdict=_word(each),
            value=each.value,
            reference_value=each.reference_value,
            reason=each.reason,
            call_key=each.key,
            position=each.position,
        )
        for criterion, each in zip(batch, found, strict=True)
    ]


def _word(found: Found) -> VerdictWord:
    if found.value is None:
        return "not_graded" if found.failed else "unreadable"
    return "met" if found.value >= 0.5 else "unmet"
