"""A plan of a study: how many tasks, repeats and grader passes find a difference, and their price.

For any money, new tasks beat repeats of old ones, because only tasks reduce what no repeat can;
repeats pay when tasks run out, and passes when grading is cheap and wavers. The search below finds
this out by trying all designs, and says what it found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion_eval.errors import StatisticsError
from fusion_eval.stats.noise import Noise
from fusion_eval.stats.power import ALPHA, POWER, Sides, detectable, power_of, tasks_needed

REPEATS, PASSES = (1, 2, 3, 4, 5, 8), (1, 2, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US$ for one task and repeat: all answers of the recipes compared, and one grading pass.

    NaN: unknown, which is never free.
    """

    answers: float
    grading: float

    def of(self, tasks: int, repeats: int, passes: int) -> float:
        """US$ of a study."""
        return tasks * repeats * (self.answers + passes * self.grading)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A design, what it can do, and what it costs (NaN: unknown).

    `detectable` is 0 to 1; NaN where not even the whole scale of scores would be detected.
    """

    tasks: int
    repeats: int
    passes: int
    power: float
    detectable: float
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a study shall find: a difference (0 to 1), with which power and error rate."""

    difference: float
    power: float = POWER
    alpha: float = ALPHA
    sides: Sides = 2

    def __post_init__(self) -> None:
        if not 0 < self.difference <= 1:
            raise StatisticsError(
                f"a difference of {100 * self.difference:g} points cannot be looked for; give one "
                "above 0 and up to 100"
            )
        if not (0 < self.power < 1 and 0 < self.alpha < 1):
            raise StatisticsError("power and error rate lie between 0 and 1, such as 0.8 and 0.05")


def study(
    noise: Noise, aim: Aim, prices: Prices, tasks: int, repeats: int = 1, passes: int = 1
) -> Study:
    """What a design with these numbers can do, and its price."""
    sd = noise.sd(repeats, passes)
    if tasks < 2:
        chance = float("nan")
    else:
        chance = float(power_of(aim.difference, sd, tasks, aim.alpha, aim.sides))
    least = detectable(sd, tasks, aim.power, aim.alpha, aim.sides)
    return Study(
        tasks=tasks, repeats=repeats, passes=passes, power=chance,
        detectable=least if least <= 1 else float("nan"),
        usd=prices.of(tasks, repeats, passes),
    )  # fmt: skip


def cheapest(noise: Noise, aim: Aim, prices: Prices, *, tasks: int | None = None) -> Study | None:
    """The cheapest design with the power that is aimed at; None where no such design exists.

    tasks : at most so many are there (None: more can be had). Where prices are unknown, the fewest
    answers count as cheapest.
    """
    found = []
    for repeats, passes in _designs(noise):
        try:
            need = tasks_needed(
                aim.difference, noise.sd(repeats, passes), aim.power, aim.alpha, aim.sides
            )
        except StatisticsError:
            continue
        if tasks is None or need <= tasks:
            found.append(study(noise, aim, prices, need, repeats, passes))
    return min(found, key=_price, default=None)


def strongest(
    noise: Noise, aim: Aim, prices: Prices, usd: float, *, tasks: int | None = None
) -> Study | None:
    """The design with the most power that costs no more than `usd`; None where not even two tasks.

    Raises StatisticsError where prices are unknown.
    """
    if math.isnan(prices.of(1, 1, 1)):
        raise StatisticsError(
            "the cost of an answer or of grading is not known, so dollars buy an unknown number of "
            "tasks; reprice the run (report RUN --prices FILE), or ask without dollars"
        )
    found = []
    for repeats, passes in _designs(noise):
        each = prices.of(1, repeats, passes)
        affordable = int(usd / each + 1e-9) if each > 0 else 10_000
        count = affordable if tasks is None else min(tasks, affordable)
        if count >= 2:
            found.append(study(noise, aim, prices, count, repeats, passes))
    return max(found, key=lambda s: (round(s.power, 9), -s.usd), default=None)


def best_passes(noise: Noise, prices: Prices) -> float:
    """Grader passes per answer that buy most precision per dollar, as a real number.

    sqrt(grading * answers / ((interaction + draw) * price of a pass)); NaN where a part is unknown.
    """
    rest = max(noise.interaction, 0.0) + noise.draw
    if noise.grading is None or rest <= 0 or not prices.grading > 0:
        return float("nan")
    return float(np.sqrt(noise.grading * prices.answers / (rest * prices.grading)))


def _designs(noise: Noise) -> Sequence[tuple[int, int]]:
    """Repeats and passes to try; what is not known apart from the rest is not varied."""
    repeats = REPEATS if noise.draw > 0 else (1,)
    passes = PASSES if noise.grading else (1,)
    return [(k, m) for k in repeats for m in passes]


def _price(plan: Study) -> tuple[float, int]:
    answers = plan.tasks * plan.repeats * plan.passes
    return (0.0 if math.isnan(plan.usd) else round(plan.usd, 12), answers)
