"""Which criteria stand together in one request, and in what order."""

from __future__ import annotations

from collections.abc import Sequence

from fusion_eval.core import Criterion, digest
from fusion_eval.core.protocol import HEAVY_SHARE, Protocol

Batch = tuple[Criterion, ...]


def batches(
    criteria: Sequence[Criterion], protocol: Protocol, answer: str, seed: int
) -> list[Batch]:
    """The criteria of each request, all of one kind.

    Shuffled, their order follows from seed, answer and criterion: it is the same whenever the same
    answer is graded, and another for the next answer.
    """
    ordered = list(criteria)
    if protocol.shuffled:
        ordered.sort(key=lambda c: digest([seed, digest(answer), c.id]))
    kinds: dict[str, list[Criterion]] = {}
    for criterion in ordered:
        kinds.setdefault(_form(criterion), []).append(criterion)
    size = protocol.criteria_per_call or max(1, len(ordered))
    return [tuple(same[i : i + size]) for same in kinds.values() for i in range(0, len(same), size)]


def _form(criterion: Criterion) -> str:
    """What the verdict looks like: criteria of one form can share a reply."""
    scaled = criterion.kind in {"ordinal", "reference"}
    return f"{criterion.kind} {criterion.scale}" if scaled else criterion.kind


def heavy(criteria: Sequence[Criterion]) -> frozenset[str]:
    """Ids of the criteria that alone decide more than a quarter of their task's positive weight."""
    positive = sum(max(0.0, c.weight) for c in criteria)
    return frozenset(c.id for c in criteria if abs(c.weight) > HEAVY_SHARE * positive)
