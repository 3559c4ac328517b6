"""Which criteria are read a second time: by people, or by a better and dearer protocol.

Unequal probabilities, fixed size, without replacement: a criterion of weight 20 moves the score
twice as much as one of weight 10, so it is drawn twice as often, and heavy ones always. The draw
follows from a seed and from content hashes: who has the same tasks and the same seed draws the same
criteria, for every recipe alike, so that differences between recipes are compared on equal terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fusion_eval.core.protocol import HEAVY_SHARE
from fusion_eval.core.value import digest

SIXTH = 0.165
"""The share of criteria that, after a cheap reading of all, makes a fifth of DRACO's calls."""

Unit = tuple[int, str]
"""(repeat, id of a criterion): one verdict of each recipe."""


def chosen(
    task_hash: str,
    weights: Mapping[str, float],
    repeats: Iterable[int] = (0,),
    *,
    seed: int,
    labels: float | None = None,
    share: float | None = None,
) -> dict[Unit, float]:
    """The units of one task that are read again, with the probability each had to be chosen.

    Heavy criteria are chosen with certainty, in every repeat. Of the other units, `labels` (a
    number) or `share` (0 to 1) are chosen in proportion to |weight|; a fraction is the chance of
    one more. A recipe whose answer failed has nothing to read there, and needs nothing.

    Parameters
    ----------
    task_hash : hash of the task; with `seed` all that chance hangs on
    weights : criterion -> weight, positive or negative, not 0

    Raises
    ------
    ValueError : both or neither of `labels` and `share`, or nothing would be chosen
    """
    always = heavy(weights)
    units = [(repeat, name) for repeat in sorted({int(r) for r in repeats}) for name in weights]
    rest = [unit for unit in units if unit[1] not in always]
    if (labels is None) == (share is None):
        raise ValueError("give labels or share, one of them")
    count = share * len(rest) if share is not None else float(labels or 0)
    if rest and not count > 0:
        raise ValueError(f"{count:g} of {len(rest)} criteria; every one needs a chance")
    rest.sort(key=lambda unit: (weights[unit[1]] > 0, digest([seed, task_hash, *unit])))
    chances = inclusion([abs(weights[name]) for _, name in rest], count)
    start = int(digest([seed, task_hash, "start"])[:13], 16) / 16**13
    found = {rest[i]: chances[i] for i in systematic(chances, start)}
    return {unit: found.get(unit, 1.0) for unit in units if unit in found or unit[1] in always}


def heavy(weights: Mapping[str, float]) -> set[str]:
    """Criteria that alone are worth more than a quarter of their task."""
    whole = full(weights.values())
    return {name for name, weight in weights.items() if abs(weight) > HEAVY_SHARE * whole}


def full(weights: Iterable[float]) -> float:
    """What a full score is worth: the positive weights, or all of them where none is positive."""
    known = list(weights)
    return sum(w for w in known if w > 0) or sum(abs(w) for w in known)


def inclusion(sizes: Sequence[float], count: float) -> list[float]:
    """Inclusion probabilities proportional to size, with the sum `count` (at most all units).

    Where that would exceed 1 the unit is certain, and the rest is shared out anew.
    """
    certain: set[int] = set()
    if count >= len(sizes):
        return [1.0] * len(sizes)
    while True:
        left = math.fsum(size for i, size in enumerate(sizes) if i not in certain)
        scale = (count - len(certain)) / left if left > 0 else 0.0
        # a size that comes out as 1 but for rounding is 1
        more = {i for i, s in enumerate(sizes) if i not in certain and s * scale >= 1 - 1e-12}
        if not more:
            return [1.0 if i in certain else s * scale for i, s in enumerate(sizes)]
        certain |= more


def systematic(chances: Sequence[float], start: float) -> list[int]:
    """Systematic sampling: the units on which start, start + 1, start + 2, … fall.

    `start` is uniform on [0, 1). Unit i covers an interval as long as its chance, so it is drawn
    with exactly that probability; the size is the sum of the chances (a fraction: one more or
    one less). Source: Madow (1949), Annals of Mathematical Statistics 20:333.
    """
    found, edge, total = [], 0.0, 0.0
    for i, chance in enumerate(chances):
        total += chance
        low, edge = edge, round(total, 12)  # 2.9999999999999996 is 3, or a unit would be lost
        if math.ceil(edge - start) > math.ceil(low - start) or chance >= 1:
            found.append(i)
    return found


def expected_size(weights: Mapping[str, float], repeats: int, share: float) -> float:
    """How many verdicts `chosen` asks for on average, per recipe with an answer to each repeat."""
    always = len(heavy(weights))
    return repeats * (always + share * (len(weights) - always))


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What grading in two phases saves. Calls are per answer, averaged over tasks.

    `share`: of the criteria, one by one. `official`: all of them one by one. `calls`: the cheap
    protocol on everything, and the official one on the drawn part. `width`, `width_difference`: of
    the interval of a score and of a paired difference, as multiples of what the official protocol
    on everything would give.
    """

    share: float
    official: float
    calls: float
    width: float
    width_difference: float


def saving(
    rubrics: Sequence[Mapping[str, float]],
    *,
    share: float,
    cheap_calls: float = 1.0,
    disagreement: float = 0.08,
    spread: float = 0.17,
    spread_difference: float = 0.11,
    shared: float = 0.5,
) -> Saving:
    """What two phases save, and what that costs in width, before anything is graded.

    Parameters
    ----------
    rubrics : criterion -> weight, one per task
    share : part of the criteria that the official protocol reads
    cheap_calls : calls of the cheap protocol per answer; 1 where it asks for all criteria at once
    disagreement : share of criteria on which the two protocols differ (`stats.agreement` tells)
    spread, spread_difference : SD over tasks of a score, and of the difference of two recipes
        (0 to 1); by default those of public DRACO gradings
    shared : correlation of the disagreement on one criterion between the answers of two recipes,
        which share the draw; by default as in the simulator

    The correction of a task has the variance sum of (w/W)^2 d (1 - p)/p over criteria drawn with
    probability p.
    """
    official = sum(len(weights) for weights in rubrics) / len(rubrics)
    drawn = sum(expected_size(weights, 1, share) for weights in rubrics) / len(rubrics)
    noise = sum(_noise(weights, share) for weights in rubrics) / len(rubrics) * disagreement
    return Saving(
        share=share,
        official=official,
        calls=cheap_calls + drawn,
        width=math.sqrt(1 + noise / spread**2),
        width_difference=math.sqrt(1 + 2 * (1 - shared) * noise / spread_difference**2),
    )


def _noise(weights: Mapping[str, float], share: float) -> float:
    always, whole = heavy(weights), full(weights.values())
    sizes = [abs(weight) / whole for name, weight in weights.items() if name not in always]
    chances = inclusion(sizes, share * len(sizes))
    return sum(size**2 * (1 - p) / p for size, p in zip(sizes, chances, strict=True))
