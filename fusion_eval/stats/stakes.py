"""What is at stake in the choice of a recipe: net benefits as they credibly are, at any value.

Net benefit of a recipe at v dollars per point: v * points - cost per task. Scores and prices are
draws of `stats.bounds`. A price that is partly unknown counts as low as it may be where the
recipe is a rival, and as high as it may be where it is the choice.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from fusion_eval.frames import Missing
from fusion_eval.stats.bounds import between
from fusion_eval.stats.common import LACKING
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.points import Bools, Points, Price, points

POINTS = 100.0
ANSWERS = 1_000
"""Answers that regret and the worth of more tasks are given for."""


@dataclass(frozen=True, eq=False)
class Stakes:
    """Recipes that answered: means (drawn together) and joint draws of their true values.

    `score` (points, 0 to 100), `least` and `most` (price): shape (n_recipes,); NaN for a recipe of
    which no price is known. `scores`, `leasts`, `mosts`: shape (draws, n_recipes).
    """

    data: Points
    score: Floats
    least: Floats
    most: Floats
    scores: Floats
    leasts: Floats
    mosts: Floats

    @property
    def placed(self) -> Bools:
        """Which recipes can be chosen: their price is known, or bounded."""
        result: Bools = np.isfinite(self.least)
        return result

    def named(self, some: Bools) -> list[str]:
        """The names of some of the recipes."""
        return [name for name, one in zip(self.data.names, some, strict=True) if one]

    def benefit(self, value: float) -> Floats:
        """Expected net benefit as a choice, shape (n_recipes,)."""
        result: Floats = value * self.score - self.most
        return result

    def drawn(self, value: float) -> tuple[Floats, Floats]:
        """Net benefits as a choice and as a rival, -inf for who cannot be chosen."""
        choice, rival, _ = _drawn(self, value)
        return choice, rival

    def probability(self, value: float) -> Floats:
        """Probability that each recipe has the largest net benefit; ties are shared.

        Never 1 where there is a choice: a lead on each of n tasks is chance once in 2^n.
        """
        choice, _, others = _drawn(self, value)
        wins = choice >= others - 1e-12
        share: Floats = (wins / np.maximum(1, wins.sum(axis=1, keepdims=True))).mean(axis=0)
        return np.minimum(share, 1 - 0.5**self.data.units) if self.placed.sum() > 1 else share

    def regret(self, value: float, k: int) -> float:
        """Expected loss per answer of taking recipe k, against the truly best one."""
        choice, _, others = _drawn(self, value)
        best = np.maximum(choice[:, k], others[:, k])
        return float((best - choice[:, k]).mean())

    def perfect_information(self, value: float) -> float:
        """Expected gain per answer of choosing after, not before, the truth is known (EVPI)."""
        choice, _ = self.drawn(value)
        choice = choice[:, self.placed]
        return max(0.0, float(choice.max(axis=1).mean() - choice.mean(axis=0).max()))

    def sample_information(
        self, value: float, tasks: int, names: Collection[str] | None = None
    ) -> float:
        """Expected gain per answer of choosing after so many more tasks like these (EVSI).

        What n tasks left open, m more tell of in the proportion m / (n + m) of its variance.
        names : the recipes that the tasks are run with; None: all

        References
        ----------
        Ades, Lu & Claxton (2004), Medical Decision Making 24:207; Gaussian approximation: Jalal &
        Alarid-Escudero (2018), Medical Decision Making 38:174.
        """
        choice, _ = self.drawn(value)
        choice = choice[:, self.placed]
        middle = choice.mean(axis=0)
        run = np.ones(len(middle)) if names is None else np.isin(self.named(self.placed), [*names])
        share = np.sqrt(tasks / (len(self.data.score) + tasks)) * run
        told = middle + share * (choice - middle)
        return max(0.0, float(told.max(axis=1).mean() - middle.max()))

    def threshold(self, i: int, j: int, level: float) -> tuple[float, float]:
        """Credible limits of the value above which j beats i; infinite: it may never do."""
        gain = self.scores[:, j] - self.scores[:, i]
        dearer = self.mosts[:, j] - self.mosts[:, i]
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.where(gain > 0, np.maximum(dearer, 0.0) / gain, np.inf)
        low = np.quantile(value, (1 - level) / 2, method="lower")
        return float(low), float(np.quantile(value, (1 + level) / 2, method="higher"))


def stakes(
    trials: pd.DataFrame,
    seed: int,
    missing: Missing,
    resamples: int,
    by: Price,
    lacking: float = LACKING,
) -> Stakes:
    """The recipes that answered, on the tasks that all of them have."""
    return at_stake(points(trials, missing, by, lacking), seed, resamples)


def at_stake(data: Points, seed: int, resamples: int) -> Stakes:
    """The same from arrays."""
    if data.silent is not None:
        data = data.of(~data.silent)
    if not data.names or not len(data.score):
        empty, none = np.full(len(data.names), np.nan), np.empty((0, len(data.names)))
        return Stakes(data, empty, empty, empty, none, none, none)
    least, upper = between(data.score, data, resamples, seed)
    return Stakes(
        data, least.score * POINTS, least.cost, upper.cost, least.scores * POINTS,
        least.costs, upper.costs,
    )  # fmt: skip


@lru_cache(maxsize=1)
def _drawn(known: Stakes, value: float) -> tuple[Floats, Floats, Floats]:
    """Net benefits as a choice, as a rival, and the best of the other rivals; kept for the value
    that is looked at, of which several things are asked."""
    benefit, choice, rival = value * known.scores, known.mosts, known.leasts
    choice, rival = (np.nan_to_num(benefit - cost, nan=-np.inf) for cost in (choice, rival))
    return choice, rival, _others(rival)


def _others(values: Floats) -> Floats:
    """For each column the largest of the other columns, row by row; shape as `values`."""
    if values.shape[1] < 2:
        return np.full_like(values, -np.inf)
    top = values.argmax(axis=1)
    rows = np.arange(len(values))
    best = values[rows, top]
    rest = values.copy()
    rest[rows, top] = -np.inf
    result = np.repeat(best[:, None], values.shape[1], axis=1)
    result[rows, top] = rest.max(axis=1)
    return result
