"""Resampling tasks: one set of resamples for all recipes and for score and cost alike.

A resample is kept as how often each task was drawn, so that means over it are matrix products
and tasks that a recipe lacks simply weigh nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.results import LEAST_TASKS

Counts = NDArray[np.uint16]

RESAMPLES = 4_000


_BLOCK = 1 << 22
"""Weights that are turned into numbers of 64 bits together: 32 MB."""
_KEPT = 1 << 28
_last: dict[tuple[object, ...], tuple[Counts, dict[str, Any]]] = {}


def task_weights(n: int, resamples: int, rng: np.random.Generator) -> Counts:
    """How often each of n tasks was drawn, shape (resamples, n); each row sums to n.

    One state of the generator always draws the same, so the last draw is kept for whoever starts
    from there again: frontier, costs and choice of one table use one set of resamples.
    """
    before = (n, resamples, repr(rng.bit_generator.state))
    if before not in _last:
        parts = [
            rng.multinomial(n, np.full(n, 1 / n), size=size).astype(np.uint16)
            for size in _blocks(resamples, n)
        ]
        weights: Counts = np.concatenate(parts) if parts else np.empty((0, n), np.uint16)
        weights.flags.writeable = False
        _last.clear()
        if weights.nbytes > _KEPT:
            return weights
        _last[before] = weights, dict(rng.bit_generator.state)
    weights, after = _last[before]
    rng.bit_generator.state = after
    return weights


def _blocks(rows: int, n: int) -> list[int]:
    """Rows of n numbers in parts of a size that fits into memory."""
    most = max(1, _BLOCK // max(1, n))
    return [min(most, rows - start) for start in range(0, rows, most)]


def weighted(weights: Counts | Floats, values: Floats) -> Floats:
    """`weights @ values` in 64 bits, a block of resamples at a time; values : (n, columns)."""
    sums, start = np.empty((len(weights), values.shape[1])), 0
    for size in _blocks(*weights.shape):
        block = weights[start : start + size].astype(np.float64)
        np.matmul(block, values, out=sums[start : start + size])
        start += size
    return sums


def resampled_means(values: Floats, weights: Counts | Floats) -> Floats:
    """Mean of every column in every resample, shape (resamples, n_columns).

    values : shape (n_tasks, n_columns), NaN where a column lacks a task
    weights : shape (resamples, n_tasks), from `task_weights`

    NaN where a resample has none of a column's tasks.
    """
    present = ~np.isnan(values)
    kinds, column = np.unique(present, axis=1, return_inverse=True)
    drawn = weighted(weights, kinds.astype(np.float64))[:, column]
    with np.errstate(invalid="ignore"):
        sums = weighted(weights, np.where(present, values, 0.0))
        means: Floats = np.where(drawn > 0, sums, np.nan) / drawn
    return means


def resampled_critical(
    values: Floats, level: float, rng: np.random.Generator, resamples: int = RESAMPLES
) -> float:
    """The `level` quantile of the largest |t| over columns when tasks are resampled.

    values : shape (n_tasks, n_columns), no NaN. Sign flips and Student's t are too sure of skewed
    values, as differences are where scores crowd at an end; resamples keep the skew. To be used as
    "not below this": 0 for fewer than eight tasks, and for columns without spread.

    References
    ----------
    Symmetric bootstrap-t: Hall (1988), JRSS B 50:35; joint: Romano & Wolf (2005), JASA 100:94.
    """
    n = len(values)
    centred = values - values.mean(axis=0)
    spread = (centred**2).mean(axis=0)
    centred, spread = centred[:, spread > 0], spread[spread > 0]
    if n < LEAST_TASKS or not len(spread):
        return 0.0
    weights = task_weights(n, resamples, rng)
    means = weighted(weights, centred) / n
    squares = weighted(weights, centred**2) / n
    variances = np.maximum(squares - means**2, 1e-12 * spread) / (n - 1)
    return float(np.quantile(np.abs(means / np.sqrt(variances)).max(axis=1), level))
