"""Several graders and passes: who is asked, in what order, and when enough has been said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from fusion_eval.core import Ask, Grader, Member, Task, Verdict
from fusion_eval.core.protocol import Protocol
from fusion_eval.core.votes import needed
from fusion_eval.grading.batches import Batch, batches, heavy
from fusion_eval.grading.rubric import Paper, grade

Asks = Callable[[int], Ask]
"""The `Ask` of a pass: equal requests of different passes are different draws."""


async def grade_answer(
    task: Task,
    answer: str,
    grader: Grader,
    asks: Asks,
    *,
    seed: int = 0,
    only: Collection[str] | None = None,
) -> list[Verdict]:
    """Every grader's own verdict on each criterion (of `only`), in the order of the rubric.

    A batch of criteria is read pass by pass, by each grader in turn. Adaptive, only as many
    verdicts are asked for at once as can settle the combination, and no more after that; a batch
    of several criteria is asked again as it is until all of them are settled.
    """
    protocol = grader.protocol
    paper = Paper(task=task, answer=answer, protocol=protocol)
    weighty = heavy(task.leaves)
    asked = [c for c in task.leaves if only is None or c.id in only]
    groups = batches(asked, protocol, answer, seed)
    read = await asyncio.gather(
        *(_read(paper, batch, grader.members, asks, weighty) for batch in groups)
    )
    place = {criterion.id: i for i, criterion in enumerate(task.leaves)}
    seat = {member.name: i for i, member in enumerate(grader.members)}
    return sorted(
        (verdict for batch in read for verdict in batch),
        key=lambda v: (v.grader_pass, seat[v.grader], place[v.criterion]),
    )


async def _read(
    paper: Paper,
    batch: Batch,
    members: Sequence[Member],
    asks: Asks,
    weighty: frozenset[str],
) -> list[Verdict]:
    waiting = turns(batch, members, paper.protocol, weighty)
    verdicts: list[Verdict] = []
    while waiting:
        count = _wanted(verdicts, batch, len(waiting), paper.protocol)
        if not count:
            break
        now, waiting = waiting[:count], waiting[count:]
        for each in await asyncio.gather(*(grade(paper, batch, asks(p), m, p) for p, m in now)):
            verdicts += each
    return verdicts


def turns(
    batch: Batch, members: Sequence[Member], protocol: Protocol, weighty: frozenset[str]
) -> list[tuple[int, Member]]:
    """(pass, grader) of every reading that a batch may get, in their order."""
    passes = protocol.passes
    if protocol.heavy_passes is not None and any(c.id in weighty for c in batch):
        passes = protocol.heavy_passes
    return [(one_pass, member) for one_pass in range(passes) for member in members]


def requests(task: Task, grader: Grader) -> list[tuple[int, int]]:
    """Each request about one answer to the task: (how often it is sent, its criteria).

    Adaptive stops are left out, and what is asked once more.
    """
    weighty, protocol = heavy(task.leaves), grader.protocol
    groups = batches(task.leaves, protocol, "", 0)
    return [(len(turns(batch, grader.members, protocol, weighty)), len(batch)) for batch in groups]


def _wanted(verdicts: Sequence[Verdict], batch: Batch, left: int, protocol: Protocol) -> int:
    """How many further readings to ask for at once."""
    if not protocol.adaptive:
        return left
    said: dict[str, list[float | None]] = {c.id: [] for c in batch}
    for verdict in verdicts:
        said[verdict.criterion].append(verdict.value)
    how, valid = protocol.combine, protocol.minimum_valid
    return max(needed(values, left, how, valid) for values in said.values())
