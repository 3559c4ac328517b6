"""What the tasks of each pair of a table show besides the mean difference, all pairs at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fusion_eval.stats.caveats import Side
from fusion_eval.stats.equivalence import wins_ties_losses
from fusion_eval.stats.estimates import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrasts:
    """One entry per pair (a, b). `sd`: of the differences a - b, NaN for a single task; wins, ties
    and losses of a over tasks; `worst`, `best`: the mean difference with all unread verdicts for b,
    or for a; `least`: the lowest score of either."""

    sd: list[float]
    wins: list[int]
    ties: list[int]
    losses: list[int]
    worst: list[float]
    best: list[float]
    least: Floats


def contrasts(pairs: Sequence[tuple[Side, Side]]) -> Contrasts:
    """A task counts as a tie when its difference is no larger than what repeats differ by."""
    a, b = (np.array([pair[k].scores for pair in pairs]) for k in (0, 1))
    noise = np.nan_to_num([[side.noise for side in pair] for pair in pairs])
    wins, ties, losses = wins_ties_losses(a - b, np.sqrt(noise.sum(axis=1)))
    worst = np.array([one.low - two.high for one, two in pairs])
    best = np.array([one.high - two.low for one, two in pairs])
    lowest = np.fmin(np.fmin.reduce(a, axis=1), np.fmin.reduce(b, axis=1))
    return Contrasts(
        sd=_each(a - b, partial(np.std, ddof=1), 2),
        wins=wins.tolist(),
        ties=ties.tolist(),
        losses=losses.tolist(),
        worst=_each(worst, np.mean, 1),
        best=_each(best, np.mean, 1),
        least=np.nan_to_num(lowest),
    )


def _each(values: Floats, of: Callable[..., Any], least: int) -> list[float]:
    """`of` the known values of each row; NaN where fewer than `least` are known."""
    if values.shape[1] >= least and not np.isnan(values).any():
        every: list[float] = of(values, axis=1).tolist()
        return every
    rows = (row[~np.isnan(row)] for row in values)
    return [float(of(row)) if len(row) >= least else float("nan") for row in rows]
