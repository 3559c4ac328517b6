"""Who beats whom on score and price: frontier, hull, and the test behind "dominated"."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from fusion_eval.stats.bootstrap import resampled_means
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.points import LEAST_TASKS, Bools, Points
from fusion_eval.stats.shrinkage import shrunk


def on_frontier(score: ArrayLike, cost: ArrayLike, known: ArrayLike | None = None) -> Bools:
    """Which points no other dominates: as good for less, or better for as much.

    score, cost : shape (..., n_recipes). known : shape (n_recipes,); a point whose cost is only a
    lower bound dominates nobody. Comparisons with NaN are false. Returns shape (..., n_recipes).
    """
    s, c = np.asarray(score, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    able = np.ones(s.shape[-1], bool) if known is None else np.asarray(known, dtype=bool)
    beaten = np.zeros(s.shape, bool)
    for j in np.flatnonzero(able):
        sj, cj = s[..., j, None], c[..., j, None]
        beaten |= ((sj >= s) & (cj < c)) | ((sj > s) & (cj <= c))
    return ~beaten


def membership(data: Points, weights: Floats) -> Floats:
    """Share of joint resamples in which each recipe is on the frontier, shape (n_recipes,).

    Differences between the recipes that can be chosen are first shrunk to what they credibly are,
    those of costs as ratios; see `stats.shrinkage`.
    """
    score = _drawn_together(data.score, weights, data.able)
    cost = _drawn_together(data.cost, weights, data.able, ratios=True)
    share: Floats = on_frontier(score, cost, data.able).mean(axis=0)
    return share


def _drawn_together(
    values: Floats, weights: Floats, able: Bools, *, ratios: bool = False
) -> Floats:
    """Resampled means, shrunk among the recipes that are able and have values in all resamples."""
    resampled = resampled_means(values, weights)
    means = resampled_means(values, np.ones((1, len(values))))[0]
    some = able & np.isfinite(resampled).all(axis=0)
    if not ratios:
        resampled[:, some] = shrunk(means[some], resampled[:, some])
    elif (resampled[:, some] > 0).all():
        found = shrunk(np.log(means[some]), np.log(resampled[:, some]), turn=True)
        resampled[:, some] = np.exp(found)
    return resampled


def dominators(data: Points, alpha: float) -> list[list[str]]:
    """For each recipe, who scores more *and* costs less, both tests at alpha / (recipes - 1).

    One-sided paired t tests; both must reject (intersection-union, so no correction within a
    pair), Bonferroni over the rivals. Shape of the work: (n_tasks, n_recipes, n_recipes).

    References
    ----------
    Berger (1982), Technometrics 24:295.
    """
    limit = alpha / max(1, len(data.names) - 1)
    better = _p_greater(data.score) <= limit
    cheaper = _p_greater(-data.cost) <= limit
    beats = better & cheaper & data.able[:, None]
    return [[data.names[j] for j in np.flatnonzero(beats[:, i])] for i in range(len(data.names))]


def _p_greater(values: Floats) -> Floats:
    """One-sided p of "column j is not above column i", at [j, i]; 1 for fewer than five tasks."""
    d = values[:, :, None] - values[:, None, :]
    n = (~np.isnan(d)).sum(axis=0)
    usable = np.maximum(n, 2)
    mean = np.nansum(d, axis=0) / usable
    squares = np.nansum((d - mean) ** 2, axis=0)
    se = np.sqrt(squares / (usable - 1) / usable)
    flat = se <= 1e-12 * np.abs(mean)
    t = mean / np.where(flat, 1.0, se)
    p = np.where(flat, np.where(mean > 0, 0.0, 1.0), stats.t.sf(t, usable - 1))
    result: Floats = np.where((n >= LEAST_TASKS) & (mean > 0), p, 1.0)
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
