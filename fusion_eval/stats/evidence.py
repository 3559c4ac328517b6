"""What the tasks say on each contrast of a family, with errors controlled over all of them.

Two roads: sign flips shared by all contrasts where tasks are the sample, and t tests with Holm and
Bonferroni where clusters, domains or repeats are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusion_eval.stats.clusters import mean_over
from fusion_eval.stats.design import Labels
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.means import Mean, flat_limits
from fusion_eval.stats.multiple import (
    flip_signs,
    holm,
    max_t_p,
    simultaneous_intervals,
)
from fusion_eval.stats.paired import EXACT_UP_TO, sign_flip_p

_EXACT_FOR, _EXACT_FOR_MANY = ((20, EXACT_UP_TO), (200, 32)), 20
"""(pairs, tasks up to which all their sign patterns are counted): 2^(tasks / 2) steps a pair."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Arrays of shape (n_contrasts,); `low` and `high` hold jointly, as `adjusted` does."""

    means: tuple[Mean, ...]
    low: Floats
    high: Floats
    p: Floats
    adjusted: Floats
    methods: tuple[str, ...]
    family: str
    critical: float


def evidence(d: Floats, groups: Labels | None, level: float, seed: int, flips: int) -> Evidence:
    """By sign flips where tasks are the sample, by t over clusters where they share some.

    d : (n_tasks, n_contrasts), NaN for a missing task; groups : the cluster of each task, or None
    """
    if groups is None:
        return by_flips(d[~np.isnan(d).all(axis=1)], level, seed, flips)
    return by_t([mean_over(column, groups) for column in d.T], level)


def _unflattened(
    means: Sequence[Mean], low: Floats, high: Floats, level: float
) -> tuple[Floats, Floats]:
    """Limits of contrasts without any spread by the rule of three, at a Bonferroni level."""
    joint = 1 - (1 - level) / max(1, len(means))
    low, high = low.copy(), high.copy()
    for k, mean in enumerate(means):
        if mean.se == 0:
            low[k], high[k] = flat_limits(mean.value, mean.units, joint)
    return low, high


def by_flips(d: Floats, level: float, seed: int, flips: int) -> Evidence:
    """Paired t intervals and sign-flip p; d : (n_tasks, n_contrasts), NaN for a missing task."""
    rng = np.random.default_rng(seed)
    signs = flip_signs(len(d), flips, rng)
    joint = simultaneous_intervals(d, signs, level)
    alone, adjusted = max_t_p(d, signs)
    exact = next((n for pairs, n in _EXACT_FOR if d.shape[1] <= pairs), _EXACT_FOR_MANY)
    count = (np.nan_to_num(d) != 0).sum(axis=0)
    counted: NDArray[np.bool_] = (count <= exact) & (joint.n >= 2)
    for k in np.flatnonzero(counted):
        alone[k] = sign_flip_p(d[~np.isnan(d[:, k]), k], rng=rng, exact_up_to=exact)
    words = {True: "exact sign flips", False: f"{flips:,} random sign flips"}
    means = tuple(
        Mean(value=v, se=s, freedom=n - 1, n=n, units=n, how="t")
        for v, s, n in zip(joint.mean.tolist(), joint.se.tolist(), joint.n.tolist(), strict=True)
    )
    low, high = _unflattened(means, joint.low, joint.high, level)
    return Evidence(
        means=means,
        low=low,
        high=high,
        p=alone,
        adjusted=alone if d.shape[1] == 1 else np.fmax(adjusted, alone),
        methods=tuple(f"paired by task; {words[bool(c <= exact)]}" for c in count),
        family="step-down max-T",
        critical=joint.critical,
    )


def by_t(means: Sequence[Mean], level: float) -> Evidence:
    """Student's t for each contrast; Holm's p and Bonferroni's intervals over all that have one."""
    usable = [k for k, mean in enumerate(means) if not np.isnan(mean.se)]
    p = np.array([mean.p() for mean in means])
    adjusted = np.full(len(means), np.nan)
    adjusted[usable] = holm(p[usable])
    joint = 1 - (1 - level) / max(1, len(usable))
    half = np.array([mean.t_quantile(joint) * mean.se for mean in means])
    value = np.array([mean.value for mean in means])
    low, high = _unflattened(means, value - half, value + half, level)
    return Evidence(
        means=tuple(means),
        low=low,
        high=high,
        p=p,
        adjusted=adjusted,
        methods=tuple(f"paired by task; {mean.how}" for mean in means),
        family="Holm",
        critical=float("nan"),
    )
