"""Several verdicts on one criterion into one: by graders, by passes, or by both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from fusion_eval.core.outcome import Verdict

Combine = Literal["runs", "mean", "majority", "unanimous"]
"""`runs` scores each grader and pass alone; the others combine verdicts before scoring."""


def combined(values: Sequence[float | None], how: Combine, minimum_valid: int = 1) -> float | None:
    """One value (0 to 1) out of several, of which None could not be read.

    majority: the most frequent value; a tie is open. unanimous: met only as far as all say so,
    the lowest value. mean: their mean. Fewer than `minimum_valid` readable values are open (None).
    """
    read = [value for value in values if value is not None]
    if len(read) < max(1, minimum_valid):
        return None
    if how == "unanimous":
        return min(read)
    if how == "majority":
        (best, most), *rest = Counter(read).most_common()
        return None if rest and rest[0][1] == most else best
    return sum(read) / len(read)


def settled(
    values: Sequence[float | None], left: int, how: Combine, minimum_valid: int = 1
) -> bool:
    """Whether `left` more verdicts, whatever they say, can no longer change the combination.

    Each of them may also turn out unreadable, so the majority is settled by its lead and not by
    half of all verdicts.
    """
    read = [value for value in values if value is not None]
    if left <= 0 or len(read) + left < minimum_valid:
        return True
    if len(read) < minimum_valid:
        return False
    if how == "unanimous":
        return 0.0 in read
    if how != "majority":
        return False
    return _lead(read) > left


def needed(values: Sequence[float | None], left: int, how: Combine, minimum_valid: int = 1) -> int:
    """The fewest further verdicts that can settle it; so many may be asked for at once."""
    if settled(values, left, how, minimum_valid):
        return 0
    read = [value for value in values if value is not None]
    wanting = minimum_valid - len(read)
    if how == "unanimous":
        return min(left, max(1, wanting))
    if how != "majority":
        return left
    return min(left, max((left - _lead(read)) // 2 + 1, wanting))


def _lead(read: Sequence[float]) -> int:
    """How far the most frequent value is ahead of the next."""
    counts = [count for _, count in Counter(read).most_common(2)]
    return counts[0] - sum(counts[1:]) if counts else 0


def scored(
    verdicts: Sequence[Verdict], how: Combine, minimum_valid: int = 1
) -> tuple[Verdict, ...]:
    """What the score is made of: the verdicts as they are, or one combination per criterion."""
    if how == "runs":
        return tuple(verdicts)
    by_criterion: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_criterion.setdefault(verdict.criterion, []).append(verdict)
    return tuple(_together(votes, how, minimum_valid) for votes in by_criterion.values())


def _together(votes: Sequence[Verdict], how: Combine, minimum_valid: int) -> Verdict:
    value = combined([v.value for v in votes], how, minimum_valid)
    names = ", ".join(dict.fromkeys(v.grader for v in votes))
    return replace(
        votes[0],
        grader=f"{how} of {names}",
        grader_pass=0,
        verdict="unreadable" if value is None else "met" if value >= 0.5 else "unmet",
        value=value,
        reference_value=combined([v.reference_value for v in votes], how, minimum_valid),
        call_key=None,
        position=None,
    )
