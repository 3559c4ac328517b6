"""The mechanism as arithmetic: what is stated, kept, remarked on and read, given the luck.

Every function takes numbers or arrays and gives the same, so that the wire (one request at a time)
and the direct sampler (thousands of runs at once) are one world. Luck comes in as normal numbers,
as logistic numbers or as uniforms; where it comes from is the caller's business. Nothing here
knows a request, a recipe or a text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fusion_eval.simulator.birds import Grading, Rates
from fusion_eval.simulator.settings import Judging, Writing

NONE, CONTRADICTIONS, UNIQUE, PARTIAL, CONSENSUS, BLIND = range(6)
"""What a judge's analysis says of a point: nothing, or the field in which it stands."""
FIELD_OF = {
    "contradictions": CONTRADICTIONS,
    "unique_insights": UNIQUE,
    "partial_coverage": PARTIAL,
    "consensus": CONSENSUS,
    "blind_spots": BLIND,
}
LOGISTIC_PER_NORMAL = 1.702
"""Logits per standard deviation: a logistic curve that is closest to the normal one."""


def comes_up(points: Any, signs: Any, day: Any, luck: Any, noise: float) -> Any:
    """Whether a model says something by itself. A good day brings points and spares errors."""
    return points + signs * day + noise * luck > 0


def remark_odds(rules: Writing) -> tuple[float, ...]:
    """Logits that each remark of a judge is worth to a writer."""
    return (0.0, rules.flagged, rules.insight, rules.partial, rules.agreed, 0.0)


def keep_odds(
    rules: Writing, skill: float, negative: Any, doublings: Any, crowd: Any, own: Any, push: Any
) -> Any:
    """Logit of keeping what at least one candidate says.

    `negative` is 1 for an error and 0 for a right point; `doublings` is log2 of how many say it
    and `crowd` log2 of how many candidates there are; `own` is the chance that the writer would
    say it unasked; `push` adds a judge's remark and the writer's day.
    """
    base = skill * rules.right + (1 - skill) * rules.unskilled - rules.crowd_right * crowd
    gap = skill * (rules.error - rules.right) + (rules.crowd_right - rules.crowd_error) * crowd
    agreed = rules.per_doubling * doublings
    return base + negative * gap + agreed + rules.belief * (2 * own - 1) + push


def flag_chance(rules: Judging, skill: float, negative: Any) -> Any:
    """Chance that a judge doubts what candidates say."""
    right = skill * rules.flags_right + (1 - skill) * rules.unskilled_flags_right
    error = skill * rules.flags_error + (1 - skill) * rules.unskilled_flags_error
    return right + negative * (error - right)


def field(support: Any, candidates: Any) -> Any:
    """The field of a point that nobody doubts: one says it, few do, or most do."""
    alone = (support == 1) & (candidates > 1)
    few = (1 - alone) * (2 * support <= candidates)
    return alone * UNIQUE + few * PARTIAL + (1 - alone - few) * CONSENSUS


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What moves a grader beside the text: see `Grading`."""

    fondness: Any = 0.0
    words: Any = 400.0
    doublings: Any = 0.0
    place: Any = 0.0
    answer_first: bool = False


def lenience(rules: Grading, about: Circumstances, log2: Any) -> Any:
    """Probit units by which a verdict leans towards the answer's good."""
    return (
        about.fondness
        + rules.batching * about.doublings
        + rules.position * about.place
        + rules.order * about.answer_first
        + (rules.length * log2(about.words / 400.0) if rules.length else 0.0)
    )


def says_met(bar: Any, sign: Any, lean: Any, luck: Any) -> Any:
    """Whether a grader says MET: `bar` is the probit of its chance to, `lean` its lenience.

    A perfect grader has infinite bars, which no lenience moves.
    """
    return luck < bar + sign * lean


FINE, EMPTY, REFUSED, CUT = range(4)
"""What becomes of an answer."""


def fate_chances(rates: Rates, scale: float, always: float) -> tuple[float, ...]:
    """Chances of FINE, EMPTY, REFUSED and CUT.

    `always` is a uniform that belongs to model and task: who is refused by it is refused always.
    """
    if always < rates.refused * rates.steady_refusals * scale:
        return 0.0, 0.0, 1.0, 0.0
    empty, cut = rates.empty * scale, rates.truncated * scale
    refused = rates.refused * (1 - rates.steady_refusals) * scale
    return max(0.0, 1 - empty - refused - cut), empty, refused, cut


def fate(chances: tuple[float, ...], luck: Any) -> Any:
    """FINE, EMPTY, REFUSED or CUT, from a uniform."""
    _, empty, refused, cut = chances
    gone, lost = empty + refused, empty + refused + cut
    return (
        (luck < empty) * EMPTY
        + ((luck >= empty) & (luck < gone)) * REFUSED
        + ((luck >= gone) & (luck < lost)) * CUT
    )
