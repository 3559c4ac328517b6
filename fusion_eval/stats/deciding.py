"""How many tasks would decide an undecided pair: with 80 % power, from what it credibly differs by.

The pairs that are closest to a decision are so by luck as well. The number of tasks at which the
interval would just exclude 0, if the difference stayed what it is, has a power of a half at best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr

from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.power import POWER

MOST = 10_000_000
_LEAST_POINTS = 0.01
"""A point of score: who asks for less asks for as many tasks as money can buy."""
_USUAL, _USUAL_PAIRS = 0.03, 2.0
"""What recipes usually differ by (SD, 0 to 1), worth so many pairs of evidence."""
_NODES = ndtri((np.arange(41) + 0.5) / 41)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Tasks for each pair, and the range that they credibly lie in; NaN where nothing tells."""

    tasks: Floats
    low: Floats
    high: Floats


def tasks_to_decide(
    difference: Floats, se: Floats, half: Floats, n: Floats, alpha: float = 0.05
) -> Needed:
    """Tasks, like those that there are, that decide a pair with 80 % power.

    Parameters
    ----------
    difference, se : of every pair of the table (0 to 1), undecided or not
    half : half-width of its interval, which says what a decision needs in this family
    n : tasks behind it
    alpha : error rate; an exact p of n sign flips cannot be below 2^(1 - n)

    Returns
    -------
    Needed. The true difference is drawn towards 0 as far as the differences of the table are
    noise (normal prior, its variance estimated from all pairs and from what recipes usually differ
    by); `tasks` have 80 % power averaged over what it then may be, given that it is a point or
    more, and the SD is taken to be as uncertain as n tasks leave it. `low` and `high`: the same for
    the ends of the middle 80 % of what it may be (a point at least). More than n in every case.

    References
    ----------
    Assurance: O'Hagan, Stevens & Campbell (2005), Pharmaceutical Statistics 4:187.
    """
    usable = (se > 0) & (n > 3) & np.isfinite(half)
    variance = np.where(usable, se, np.nan) ** 2
    spread = float(np.nansum(np.where(usable, difference**2 - variance, 0.0)))
    spread = max(0.0, spread) + _USUAL_PAIRS * _USUAL**2
    prior = spread / (_USUAL_PAIRS + usable.sum())
    weight = prior / (prior + variance)
    centre, sd = weight * difference, np.sqrt(weight * variance)
    with np.errstate(invalid="ignore", divide="ignore"):
        critical = -ndtri(stdtr(n - 1, -half / se))
        unit = np.where(usable, se * np.sqrt(n * (n - 1) / (n - 3)), np.nan)
    least = np.maximum(n + 1, np.ceil(2 - np.log2(alpha)))
    nodes = centre[:, None] + sd[:, None] * _NODES
    seen = np.abs(nodes) >= _LEAST_POINTS
    nodes = np.where(seen, nodes, np.nan)
    nodes[~seen.any(axis=1)] = _LEAST_POINTS
    ends = [np.abs(centre) + side * sd for side in (1.2816, -1.2816)]
    tasks = _smallest(nodes, unit, critical, least)
    low, high = (
        _smallest(np.maximum(end, _LEAST_POINTS)[:, None], unit, critical, least) for end in ends
    )
    return Needed(tasks=tasks, low=np.minimum(low, tasks), high=np.maximum(high, tasks))


def _smallest(nodes: Floats, unit: Floats, critical: Floats, least: Floats) -> Floats:
    """The least tasks whose power, averaged over the nodes (NaN: none), is 80 %; by bisection."""
    some = ~np.isnan(unit) & ~np.isnan(critical)
    at, sd, bar = np.abs(nodes[some]), unit[some, None], critical[some, None]
    low, high = np.zeros(len(at)), np.full(len(at), np.log(MOST))
    for _ in range(40):
        middle = (low + high) / 2
        shift = at * np.sqrt(np.exp(middle))[:, None] / sd
        enough = np.nanmean(ndtr(shift - bar), axis=1) >= POWER
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    tasks = np.full(len(unit), np.nan)
    # t needs about z^2 / 2 tasks more than the normal distribution (Guenther 1981)
    tasks[some] = np.maximum(np.ceil(np.exp(high) + bar[:, 0] ** 2 / 2), least[some])
    return tasks
