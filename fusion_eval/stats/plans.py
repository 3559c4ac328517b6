"""A plan of a study: how many tasks, repeats and grader passes find a difference, and their price.

For any money, new tasks beat repeats of old ones, because only tasks reduce what no repeat can;
repeats pay when tasks run out, and passes when grading is cheap and wavers. The search below finds
this out by trying all designs, and says what it found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fusion_eval.errors import StatisticsError
from fusion_eval.stats.noise import Noise
from fusion_eval.stats.power import ALPHA, POWER, Sides, detectable, least_tasks, power_of

Design = tuple[int, int, int]
"""tasks, repeats, passes"""
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
    return studies([noise], aim, [prices], [(tasks, repeats, passes)])[0]


def studies(
    noises: Sequence[Noise], aim: Aim, prices: Sequence[Prices], designs: Sequence[Design]
) -> list[Study]:
    """`study` of many at once: a noise, prices and a design (tasks, repeats, passes) for each."""
    sd = np.array([n.sd(k, m) for n, (_, k, m) in zip(noises, designs, strict=True)])
    tasks = np.array([tasks for tasks, _, _ in designs])
    chance = np.full(len(designs), np.nan)
    some = tasks >= 2
    chance[some] = power_of(aim.difference, sd[some], tasks[some], aim.alpha, aim.sides)
    made = []
    for k, (n, repeats, passes) in enumerate(designs):
        least = detectable(float(sd[k]), n, aim.power, aim.alpha, aim.sides)
        made.append(Study(
            tasks=n, repeats=repeats, passes=passes, power=float(chance[k]),
            detectable=least if least <= 1 else float("nan"),
            usd=prices[k].of(n, repeats, passes),
        ))  # fmt: skip
    return made


def cheapest(noise: Noise, aim: Aim, prices: Prices, *, tasks: int | None = None) -> Study | None:
    """The cheapest design with the power that is aimed at; None where no such design exists.

    tasks : at most so many are there (None: more can be had). Where prices are unknown, the fewest
    answers count as cheapest.
    """
    return cheapest_of([noise], aim, [prices], tasks=tasks)[0]


def cheapest_of(
    noises: Sequence[Noise], aim: Aim, prices: Sequence[Prices], *, tasks: int | None = None
) -> list[Study | None]:
    """`cheapest` of many at once."""
    tried = [(i, k, m) for i, noise in enumerate(noises) for k, m in _designs(noise)]
    sd = np.array([noises[i].sd(k, m) for i, k, m in tried])
    needs = least_tasks(aim.difference, sd, aim.power, aim.alpha, aim.sides)
    most = np.inf if tasks is None else tasks
    ways: dict[int, list[Design]] = {}
    for (i, k, m), need in zip(tried, needs, strict=True):
        if np.isfinite(need) and need <= most:
            ways.setdefault(i, []).append((int(need), k, m))
    best = {i: min(some, key=lambda way: _price(prices[i], way)) for i, some in ways.items()}
    return _at(best, noises, aim, prices)


def _at(
    best: Mapping[int, Design], noises: Sequence[Noise], aim: Aim, prices: Sequence[Prices]
) -> list[Study | None]:
    found = studies([noises[i] for i in best], aim, [prices[i] for i in best], list(best.values()))
    plans = dict(zip(best, found, strict=True))
    return [plans.get(i) for i in range(len(noises))]


def strongest(
    noise: Noise, aim: Aim, prices: Prices, usd: float, *, tasks: int | None = None
) -> Study | None:
    """The design with the most power that costs no more than `usd`; None where not even two tasks.

    Raises StatisticsError where prices are unknown.
    """
    return strongest_of([noise], aim, [prices], usd, tasks=tasks)[0]


def strongest_of(
    noises: Sequence[Noise],
    aim: Aim,
    prices: Sequence[Prices],
    usd: float,
    *,
    tasks: int | None = None,
) -> list[Study | None]:
    """`strongest` of many at once."""
    if any(math.isnan(one.of(1, 1, 1)) for one in prices):
        raise StatisticsError(
            "the cost of an answer or of grading is not known, so dollars buy an unknown number of "
            "tasks; reprice the run (report RUN --prices FILE), or ask without dollars"
        )
    tried: list[tuple[int, Design]] = []
    for i, noise in enumerate(noises):
        for k, m in _designs(noise):
            each = prices[i].of(1, k, m)
            affordable = int(usd / each + 1e-9) if each > 0 else 10_000
            count = affordable if tasks is None else min(tasks, affordable)
            tried += [(i, (count, k, m))] if count >= 2 else []
    of = [i for i, _ in tried]
    found = studies(
        [noises[i] for i in of], aim, [prices[i] for i in of], [way for _, way in tried]
    )
    plans: dict[int, Study] = {}
    for i, plan in zip(of, found, strict=True):
        if i not in plans or _strength(plan) > _strength(plans[i]):
            plans[i] = plan
    return [plans.get(i) for i in range(len(noises))]


def _strength(plan: Study) -> tuple[float, float]:
    return round(plan.power, 9), -plan.usd


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


def _price(prices: Prices, way: Design) -> tuple[float, int]:
    usd = prices.of(*way)
    return (0.0 if math.isnan(usd) else round(usd, 12), math.prod(way))
