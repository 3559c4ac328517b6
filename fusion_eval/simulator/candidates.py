"""Candidate answers inside a request: how many there are, and who says what."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from re import findall

from fusion_eval.simulator.catalogue import Known
from fusion_eval.simulator.text import OPENINGS


@dataclass(frozen=True, slots=True)
class Candidates:
    """Answers found in a request: their numbers, who states what, who answers what.

    `stated` maps a criterion to the candidates that state it, `answered` lists (candidate, value);
    both count candidates from 0, and `numbers` has what the text calls them.
    """

    numbers: tuple[int, ...] = ()
    stated: dict[int, tuple[int, ...]] = field(default_factory=dict)
    answered: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    def called(self, holders: tuple[int, ...]) -> tuple[int, ...]:
        """The numbers of some candidates as the text has them."""
        return tuple(dict.fromkeys(self.numbers[i] for i in holders))


def candidates(known: Known, text: str) -> Candidates:
    """Candidate answers by their openings; what stands before the first belongs to the first."""
    opened = sorted(at for opening in OPENINGS for at in _all(text, opening))
    stated = {i: places for i, p in enumerate(known.phrases) if (places := p.places(text))}
    answered = known.targets.found(text) if known.targets else []
    if not (stated or answered or opened):
        return Candidates()
    most = max(len(opened), *(len(p) for p in stated.values()), 1)
    if not opened:
        opened = [at for at, _ in answered] or [0]
    numbers = [_number(text, at, i) for i, at in enumerate(opened)]
    numbers += range(len(numbers) + 1, most + 1)

    def owner(at: int) -> int:
        return max(0, bisect_right(opened, at) - 1)

    return Candidates(
        numbers=tuple(numbers),
        stated={i: _owners([owner(at) for at in p]) for i, p in stated.items()},
        answered=tuple((owner(at), value) for at, value in answered),
    )


def _owners(owners: list[int]) -> tuple[int, ...]:
    """Support as declared by the text: two places without openings between them count as two."""
    return tuple(owners) if len(set(owners)) == len(owners) else tuple(range(len(owners)))


def _number(text: str, at: int, index: int) -> int:
    """What the line above an answer calls it (`=== Answer 3 ===`), or its place in the order."""
    above = text[max(0, at - 80) : at].rstrip().rsplit("\n", 1)[-1]
    digits = findall(r"\d{1,3}", above)
    return int(digits[-1]) if digits and len(above) < 60 else index + 1


def _all(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + len(part))
