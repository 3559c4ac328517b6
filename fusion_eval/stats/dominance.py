"""Who beats whom on score and price: frontier, hull, and the test behind "dominated"."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from fusion_eval.stats.clusters import freedom_of
from fusion_eval.stats.design import Labels
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.points import Bools, Points
from fusion_eval.stats.results import LEAST_TASKS
from fusion_eval.stats.shrinkage import Credible
from fusion_eval.stats.strata import grouped


def on_frontier(
    score: ArrayLike,
    cost: ArrayLike,
    able: ArrayLike | None = None,
    rivals: ArrayLike | None = None,
) -> Bools:
    """Which points no other dominates: as good for less, or better for as much.

    score, cost : shape (..., n_recipes). able : shape (n_recipes,); others dominate nobody.
    rivals : the costs of the points as rivals of others, where that is not `cost`. Comparisons with
    NaN are false. Returns shape (..., n_recipes).
    """
    s, c = np.asarray(score, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    other = c if rivals is None else np.asarray(rivals, dtype=np.float64)
    some = np.ones(s.shape[-1], bool) if able is None else np.asarray(able, dtype=bool)
    beaten = np.zeros(s.shape, bool)
    for j in np.flatnonzero(some):
        sj, cj = s[..., j, None], other[..., j, None]
        beats = ((sj >= s) & (cj < c)) | ((sj > s) & (cj <= c))
        beats[..., j] = False
        beaten |= beats
    return ~beaten


def membership(drawn: Credible, able: Bools, rivals: Floats | None = None) -> Floats:
    """Share of joint draws in which each recipe is on the frontier, shape (n_recipes,)."""
    share: Floats = on_frontier(drawn.scores, drawn.costs, able, rivals).mean(axis=0)
    return np.minimum(share, 1 - 0.5**drawn.units) if able.sum() > 1 else share


def dominators(data: Points, alpha: float) -> list[list[str]]:
    """For each recipe, who scores more *and* costs less, both tests at alpha / (k (k - 1)).

    One-sided paired t tests, by cluster where tasks share one; both must reject (intersection-
    union, so no correction within a pair), Bonferroni over all ordered pairs of the k recipes: a
    false one stands anywhere in the table with probability alpha at most. Where costs are unknown,
    who dominates does so at its upper bound, and who is dominated at its lower one.

    References
    ----------
    Berger (1982), Technometrics 24:295.
    """
    k = len(data.names)
    limit = alpha / max(1, k * (k - 1))
    better = _p_greater(data.score, data.score, data.groups) <= limit
    cheaper = _p_greater(-data.upper, -data.cost, data.groups) <= limit
    beats = better & cheaper & data.able[:, None]
    return [[data.names[j] for j in np.flatnonzero(beats[:, i])] for i in range(k)]


def _p_greater(one: Floats, two: Floats, groups: Labels | None) -> Floats:
    """One-sided p of "column j of `one` is not above column i of `two`", at [j, i].

    1 for too few tasks. A difference that is the same on all n tasks has that of a sign test, 2^-n.
    """
    n, k = one.shape
    group, size = grouped(np.zeros(n), np.arange(n) if groups is None else groups)
    if len(size) < LEAST_TASKS:
        return np.ones((k, k))
    scaled = []
    for values in (one, two):
        sums = np.zeros((len(size), k))
        np.add.at(sums, group, values - values.mean(axis=0))
        scaled.append(sums / np.sqrt(1 - size / n)[:, None] / n)
    own, other = ((sums**2).sum(axis=0) for sums in scaled)
    se = np.sqrt(np.maximum(own[:, None] + other - 2 * scaled[0].T @ scaled[1], 0.0))
    lead = one.mean(axis=0)[:, None] - two.mean(axis=0)
    flat = se <= 1e-9 * np.abs(lead)
    t = lead / np.where(flat, 1.0, np.where(se > 0, se, 1.0))
    p = np.where(flat, 0.5 ** len(size), stats.t.sf(t, freedom_of(size)))
    result: Floats = np.where(lead > 0, p, 1.0)
    return result


def hull(score: ArrayLike, cost: ArrayLike) -> list[int]:
    """Indices on the upper convex hull, from the cheapest to the best-scoring.

    score, cost : shape (n_recipes,), any units, no NaN. These are the recipes that are the choice
    at some value of a point; whatever lies below the hull is beaten by mixing two of them.
    """
    s, c = np.asarray(score, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    chain: list[int] = []
    for k in sorted(range(len(s)), key=lambda k: (c[k], -s[k])):
        if chain and s[k] <= s[chain[-1]]:
            continue
        while len(chain) > 1 and _below(chain[-2], chain[-1], k, s, c):
            chain.pop()
        chain.append(k)
    return chain


def _below(a: int, b: int, k: int, s: Floats, c: Floats) -> bool:
    """Whether b lies on or below the chord from a to k."""
    return bool((s[b] - s[a]) * (c[k] - c[a]) <= (s[k] - s[a]) * (c[b] - c[a]))
