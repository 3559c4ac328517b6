"""Resampled means of recipes that look more different than they are, drawn together.

Among recipes that are nearly alike the one that looks best is mostly lucky, and resampling tasks
repeats its luck: recipes differ in a resample by what they truly differ, by the noise of the study
and by that of the resample. How much is noise follows from the spread between recipes (as in the
eight schools): means are normal around true ones, which are normal around a common one, with a
flat prior on the standard deviation of the true ones.
"""

from __future__ import annotations

import numpy as np

from fusion_eval.stats.estimates import Floats

_STEPS = np.concatenate([np.linspace(0.0, 3.0, 61), np.geomspace(3.1, 300.0, 90)])
"""Standard deviations between recipes to look at, in standard errors of a mean."""
_GOLDEN = (np.sqrt(5) - 1) / 2


def shrunk(means: Floats, resampled: Floats, *, turn: bool = False) -> Floats:
    """`resampled`, with differences between recipes as large as they credibly are.

    Parameters
    ----------
    means : shape (n_recipes,), no NaN
    resampled : shape (resamples, n_recipes), their means over the same resamples of tasks
    turn : takes the shares in another order, for a second quantity of the same resamples

    Returns
    -------
    Shape (resamples, n_recipes). With s the share of the variance between recipes that is not
    noise, resample b is its mean over recipes + s_b (means - their mean) + sqrt(s_b) (its own
    departure from that), s_b over the posterior of s. As it is for two recipes, and for differences
    that do not vary.

    References
    ----------
    Rubin (1981), J. Educational Statistics 6:377; Gelman (2006), Bayesian Analysis 1:515.
    """
    k = len(means)
    if k < 3:
        return resampled
    centre = resampled.mean(axis=1, keepdims=True)
    apart = means - means.mean()
    own = resampled - centre - apart
    noise = float(own.var(axis=0).sum()) / (k - 1)
    if noise <= 1e-20 * float((means**2).sum()):
        return resampled
    order = np.arange(len(resampled))
    at = (order * _GOLDEN) % 1.0 if turn else (order + 0.5) / len(order)
    share = _true_share(float((apart**2).sum()) / noise, k - 1, at)[:, None]
    result: Floats = centre + share * apart + np.sqrt(share) * own
    return result


def _true_share(spread: float, freedom: int, at: Floats) -> Floats:
    """Quantiles `at` of the posterior of tau^2 / (tau^2 + 1), tau in standard errors.

    spread : sum of squares of means around their mean, in variances of noise
    """
    variance = _STEPS**2 + 1
    log_density = -freedom / 2 * np.log(variance) - spread / (2 * variance)
    density = np.exp(log_density - log_density.max()) * np.gradient(_STEPS)
    tau = np.interp(at, (density.cumsum() - density / 2) / density.sum(), _STEPS)
    result: Floats = tau**2 / (tau**2 + 1)
    return result
