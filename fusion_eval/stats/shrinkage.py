"""True means as they credibly are, given the means of a sample: drawn jointly, and drawn together.

Among recipes that are nearly alike the one that looks best is mostly lucky, and resampling tasks
repeats its luck: recipes differ in a resample by what they truly differ, by the noise of the study
and by that of the resample. How much is noise follows from the spread between recipes (as in the
eight schools): means are normal around true ones, which are normal around a common one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion_eval.stats.bootstrap import Counts, resampled_means, task_weights
from fusion_eval.stats.clusters import freedom_of
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.strata import grouped


@dataclass(frozen=True)
class Prior:
    """Of the standard deviation of the true means: Student's t with four degrees of freedom, cut
    at 0, of this `scale`, or with a `log_sd` the log-normal distribution around it; and `alike` is
    the probability that there is nothing but noise. Without end (the default) it is flat."""

    scale: float = np.inf
    alike: float = 0.0
    log_sd: float | None = None

    def density(self, steps: Floats) -> Floats:
        """Logarithm of the density at these standard deviations, but for a constant."""
        if self.log_sd is None:
            tail: Floats = np.log1p((steps / self.scale) ** 2 / _FREEDOM)
            return -(_FREEDOM + 1) / 2 * tail
        logs = np.log(np.maximum(steps, 1e-9))  # at 0 there is next to nothing, and no infinity
        bell: Floats = -(((logs - np.log(self.scale)) / self.log_sd) ** 2) / 2 - logs
        return bell

    @property
    def area(self) -> float:
        """What `density`, no logarithm, sums up to."""
        return _AREA * self.scale if self.log_sd is None else self.log_sd * np.sqrt(2 * np.pi)


FLAT = Prior()
SCORES = Prior(0.026, 1 / 4, log_sd=0.75)
"""Recipes of one bench differ by 1 to 7 points (SD), or are one recipe under several names. With
mass near 0 beside that, twenty equal recipes had four times the regret that there was to lose."""
PRICES = Prior(1.0)
"""Of logarithms: prices differ by a factor of 2.7, more or less."""
_FREEDOM, _AREA = 4, 4 / 3
"""Degrees of freedom of the prior, and the area under (1 + x^2 / 4)^(-5/2) from 0 on."""
_STEPS = np.concatenate([np.linspace(0.0, 3.0, 61), np.geomspace(3.1, 300.0, 90)])
"""Standard deviations between recipes to look at, in standard errors of a mean."""
_GOLDEN = (np.sqrt(5) - 1) / 2


@dataclass(frozen=True, eq=False)
class Credible:
    """Mean scores and prices of recipes, and joint draws of the true ones.

    `score`, `cost`: shape (n_recipes,), drawn together; `scores`, `costs`: (draws, n_recipes).
    `units`: tasks, or clusters of them, that were sampled.
    """

    score: Floats
    cost: Floats
    scores: Floats
    costs: Floats
    units: int


def credible(
    score: Floats,
    cost: Floats,
    groups: NDArray[np.object_] | None,
    draws: int,
    rng: np.random.Generator,
) -> Credible:
    """What the true mean scores and prices over new tasks credibly are.

    Parameters
    ----------
    score, cost : shape (n_tasks, n_recipes); no NaN in scores; the prices of a recipe are NaN for
        all tasks or for none
    groups : the cluster of each task, shape (n_tasks,); None: tasks are independent

    Returns
    -------
    Credible. Tasks (or whole clusters) are resampled; the departures of the resampled means are
    stretched as Student's t has it for so few, and are not smaller than those that one more task
    would bring that departs as far as any did: what did not vary may vary still. Then `shrunk`,
    prices as ratios. The draws of one table are kept: frontier, choice and curves share them.
    """
    names = None if groups is None else tuple(map(str, groups))
    key = (score.shape, _bytes(score), _bytes(cost), names, draws, repr(rng.bit_generator.state))
    kept = _last.get(key)
    if kept is None:
        kept = _draw(score, cost, groups, draws, rng), rng.bit_generator.state
        while len(_last) > 3:
            _last.pop(next(iter(_last), None), None)  # another thread may have taken it
        _last[key] = kept
    drawn, rng.bit_generator.state = kept
    return drawn


_last: dict[object, tuple[Credible, Any]] = {}


def _bytes(values: Floats) -> bytes:
    return hashlib.blake2b(values.tobytes(), digest_size=16).digest()


def _draw(
    score: Floats,
    cost: Floats,
    groups: NDArray[np.object_] | None,
    draws: int,
    rng: np.random.Generator,
) -> Credible:
    n, k = score.shape
    group, size = grouped(np.zeros(n), np.arange(n) if groups is None else groups)
    units = len(size)
    weights = task_weights(units, draws, rng)[:, group]
    freedom = max(1.0, freedom_of(size)) if units > 1 else 1.0
    stretch = np.sqrt(units / max(1, units - 1) * freedom / rng.chisquare(freedom, (draws, 1)))
    means = score.mean(axis=0)
    own = resampled_means(score, weights) - means
    lack = np.maximum(0.0, _least_noise(score, units) ** 2 - own.var(axis=0))
    ranks = np.lexsort([np.nan_to_num(cost.mean(axis=0)), own.var(axis=0), means]).argsort()
    extra = rng.normal(size=(draws, k))[:, ranks]  # by numbers, so that no name changes a draw
    own = (own + extra * np.sqrt(lack)) * stretch
    middle, scores = _together(means, means + own, SCORES)
    paid, costs = _prices(cost, weights, stretch)
    return Credible(middle, paid, scores, costs, units)


def _least_noise(score: Floats, units: int) -> Floats:
    """Standard error of each mean if one task departed as far as any did; shape (n_recipes,).

    Departures are those from the median of the recipes on a task. Where a recipe has none: as far
    as those of others, else as tasks differ, else the whole scale.
    """
    apart = np.abs(score - np.median(score, axis=1, keepdims=True)).max(axis=0)
    others = [float(apart.max()), float(np.ptp(score.mean(axis=1))), 1.0]
    least: Floats = np.where(apart > 0, apart, next(x for x in others if x > 0)) / units
    return least


def _prices(cost: Floats, weights: Counts, stretch: Floats) -> tuple[Floats, Floats]:
    """Mean prices and draws of them; those of recipes that are never free as ratios."""
    resampled, means = resampled_means(cost, weights), cost.mean(axis=0)
    some = (resampled > 0).all(axis=0)
    if some.any():
        logs = np.log(means[some])
        stretched = logs + (np.log(resampled[:, some]) - logs) * stretch
        middle, drawn = _together(logs, stretched, PRICES, turn=True)
        means[some], resampled[:, some] = np.exp(middle), np.exp(drawn)
    return means, resampled


def best_shares(
    score: Floats, groups: NDArray[np.object_] | None, draws: int, rng: np.random.Generator
) -> Floats:
    """Probability that each recipe has the highest true mean, shape (n_recipes,); ties are shared.

    score : shape (n_tasks, n_recipes), no NaN. Never 1 where there is a choice: a lead on each of
    n tasks is chance once in 2^n.
    """
    found = credible(score, np.full_like(score, np.nan), groups, draws, rng)
    top = found.scores >= found.scores.max(axis=1, keepdims=True) - 1e-12
    share: Floats = (top / top.sum(axis=1, keepdims=True)).mean(axis=0)
    return np.minimum(share, 1 - 0.5**found.units) if score.shape[1] > 1 else share


def shrunk(means: Floats, resampled: Floats, prior: Prior = FLAT, *, turn: bool = False) -> Floats:
    """`resampled`, with differences between recipes as large as they credibly are.

    Parameters
    ----------
    means : shape (n_recipes,), no NaN
    resampled : shape (resamples, n_recipes), their means over the same resamples of tasks
    prior : in the unit of the means; under the flat one two recipes stay as they are
    turn : takes the shares in another order, for a second quantity of the same resamples

    Returns
    -------
    Shape (resamples, n_recipes). With s the share of the variance between recipes that is not
    noise, resample b is its mean over recipes + s_b (means - their mean) + sqrt(s_b) (its own
    departure from that), s_b over the posterior of s. Differences that do not vary stay.

    References
    ----------
    Rubin (1981), J. Educational Statistics 6:377; Gelman (2006), Bayesian Analysis 1:515.
    """
    return _together(means, resampled, prior, turn=turn)[1]


def _together(
    means: Floats, resampled: Floats, prior: Prior, *, turn: bool = False
) -> tuple[Floats, Floats]:
    """The means that are expected after shrinkage, and `shrunk`."""
    k = len(means)
    if k < (2 if np.isfinite(prior.scale) else 3):
        return means, resampled
    centre = resampled.mean(axis=1, keepdims=True)
    apart = means - means.mean()
    own = resampled - centre - apart
    noise = float(own.var(axis=0).sum()) / (k - 1)
    if noise <= 1e-20 * float((means**2).sum()):
        return means, resampled
    order = np.arange(len(resampled))
    at = (order * _GOLDEN) % 1.0 if turn else (order + 0.5) / len(order)
    spread = float((apart**2).sum()) / noise
    unit = replace(prior, scale=prior.scale / np.sqrt(noise))
    share = _true_share(spread, k - 1, unit, at)[:, None]
    drawn: Floats = centre + share * apart + np.sqrt(share) * own
    return means.mean() + float(share.mean()) * apart, drawn


def _true_share(spread: float, freedom: int, prior: Prior, at: Floats) -> Floats:
    """Quantiles `at` of the posterior of tau^2 / (tau^2 + 1), tau in standard errors.

    spread : sum of squares of means around their mean, in variances of noise; prior : likewise
    """
    variance = _STEPS**2 + 1
    log_density = -freedom / 2 * np.log(variance) - spread / (2 * variance)
    log_density += prior.density(_STEPS)
    density = np.exp(log_density - log_density.max()) * np.gradient(_STEPS)
    if prior.alike:
        nothing = np.exp(-spread / 2 - log_density.max()) * prior.area
        density[0] += nothing * prior.alike / (1 - prior.alike)
    tau = np.interp(at, (density.cumsum() - density / 2) / density.sum(), _STEPS)
    result: Floats = tau**2 / (tau**2 + 1)
    return result
