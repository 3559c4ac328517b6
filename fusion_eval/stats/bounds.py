"""Places on the frontier where some costs are unknown: what their bounds decide is decided.

Whatever an unknown cost was, a recipe is no worse placed than at its own upper bound among rivals
at their lower ones, and no better than the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fusion_eval.stats.dominance import membership, on_frontier
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.points import Bools, Points
from fusion_eval.stats.shrinkage import Credible, credible

SETTLED = 0.05
"""Probabilities under the two bounds that differ by no more than this are one."""


@dataclass(frozen=True, eq=False)
class Place:
    """Of every recipe, under the bounds of unknown costs; arrays of shape (n_recipes,).

    `worst`, `best`: whether it is on the frontier by the means; `least`, `most`: the probability of
    that (NaN for who has no place, and where the recipes share too few tasks).
    """

    worst: Bools
    best: Bools
    least: Floats
    most: Floats

    def on(self, k: int) -> bool | None:
        """Whether recipe k is on the frontier; None where the bounds leave that open."""
        return bool(self.worst[k]) if self.worst[k] == self.best[k] else None

    def probability(self, k: int) -> float:
        """The smaller probability; NaN where the bounds make a difference to it."""
        return float(self.least[k]) if self.most[k] - self.least[k] <= SETTLED else float("nan")


def places(score: Floats, data: Points, resamples: int, seed: int) -> Place:
    """Place of each recipe by `score` against the prices of `data`.

    score : shape (n_tasks, n_recipes), for `data.names`
    """
    able, k = data.able, len(data.names)
    nothing = np.full(k, np.nan)
    if not len(score):
        none = np.zeros(k, bool)
        return Place(none, none, nothing, nothing)
    means, low, high = (values.mean(axis=0) for values in (score, data.cost, data.upper))
    worst, best = on_frontier(means, high, able, low), on_frontier(means, low, able, high)
    if data.few:
        return Place(worst, best, nothing, nothing)
    there = np.ones(k, bool) if data.silent is None else ~data.silent
    one = data.of(there)
    low_draws, high_draws = between(score[:, there], one, resamples, seed)
    least, most = nothing.copy(), nothing.copy()
    least[there] = membership(high_draws, one.able, low_draws.costs)
    most[there] = membership(low_draws, one.able, high_draws.costs)
    return Place(worst, best, np.where(able, least, np.nan), np.where(able, most, np.nan))


def between(score: Floats, data: Points, resamples: int, seed: int) -> tuple[Credible, Credible]:
    """Draws of true means (`stats.shrinkage`) with unknown costs at their lower and upper bounds.

    Both have the same scores, and the same costs of recipes whose costs are all known.
    """
    low = credible(score, data.cost, data.groups, resamples, np.random.default_rng(seed))
    if data.known.all() or data.most is None:
        return low, low
    high = credible(score, data.upper, data.groups, resamples, np.random.default_rng(seed))
    return low, replace(
        high,
        cost=np.where(data.known, low.cost, np.maximum(low.cost, high.cost)),
        costs=np.where(data.known, low.costs, np.maximum(low.costs, high.costs)),
    )


def range_of(data: Points, k: int) -> str:
    """The bounds of a recipe's mean price, in words without a unit."""
    _, low, high = data.price(k)
    return f"{low:.3g} to {high:.3g}"
