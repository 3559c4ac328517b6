"""Intervals of ratios and coefficients that are made of sums over tasks: leave one task out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import expit, logit

from fusion_eval.core import Estimate
from fusion_eval.stats.estimates import Floats, t_quantile, wilson

Sums = Mapping[str, Floats]
"""Sums per task, each of shape (n_tasks, …)."""
Statistic = Callable[[Mapping[str, Floats]], Floats]
"""From sums of shape (k, …) to k values; NaN where there is none."""


def jackknife(
    sums: Sums, statistic: Statistic, level: float, *, bounds: tuple[float, float] = (-1.0, 1.0)
) -> Estimate | None:
    """A coefficient with its delete-one-task interval, Student's t with n - 1 degrees of freedom.

    Parameters
    ----------
    sums : per task; tasks with nothing in them must be left out by the caller
    statistic : of sums over tasks
    bounds : the least and the most that it can be; its limits are cut there

    Returns
    -------
    Estimate within the bounds, or None where the coefficient or its variance does not exist: one
    task, or all verdicts alike.

    Source: Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 11.
    """
    value, left_out = _values(sums, statistic)
    n = len(left_out)
    if n < 2 or math.isnan(value) or np.isnan(left_out).any():
        return None
    half = t_quantile(level, n - 1) * _error(left_out)
    low, high = max(bounds[0], value - half), min(bounds[1], value + half)
    return Estimate(
        value=value, low=low, high=high, level=level, n=n, method="jackknife over tasks"
    )


def proportion(part: Floats, whole: Floats, level: float) -> Estimate | None:
    """A pooled proportion, sum of `part` over sum of `whole`, both of shape (n_tasks,).

    Jackknife over tasks on the logit scale. Where the proportion is 0 or 1 in every task, Wilson's
    interval with the number of tasks: a thousand verdicts of one task are not a thousand tasks.
    """
    seen = whole > 0
    sums = {"part": part[seen], "whole": whole[seen]}
    value, left_out = _values(sums, lambda s: s["part"] / s["whole"])
    n = int(seen.sum())
    if n == 0:
        return None
    if n == 1:
        return Estimate(value=value, low=0.0, high=1.0, level=level, n=1, method="one task")
    if value in (0.0, 1.0):
        return wilson(value * n, n, level)
    half = t_quantile(level, n - 1) * _error(left_out) / (value * (1 - value))
    low, high = float(expit(logit(value) - half)), float(expit(logit(value) + half))
    return Estimate(value=value, low=low, high=high, level=level, n=n, method="logit jackknife")


def slope(sums: Sums, level: float) -> Estimate | None:
    """Least squares through the origin: sums `xy` over `xx` within tasks, shape (n_tasks,).

    Jackknife over tasks; None without variation in x, or with fewer than two tasks that have any.
    """
    seen = sums["xx"] > 1e-12
    if seen.sum() < 2:
        return None
    some = {name: part[seen] for name, part in sums.items()}
    value, left_out = _values(some, lambda s: s["xy"] / s["xx"])
    n = int(seen.sum())
    half = t_quantile(level, n - 1) * _error(left_out)
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        n=n,
        method="slope, jackknife",
    )


def _values(sums: Sums, statistic: Statistic) -> tuple[float, Floats]:
    """The value from all tasks, and from all but one, shape (n_tasks,)."""
    totals = {name: part.sum(axis=0, keepdims=True) for name, part in sums.items()}
    without = {name: totals[name] - part for name, part in sums.items()}
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(statistic(totals)[0]) if len(totals) else math.nan, statistic(without)


def _error(left_out: Floats) -> float:
    n = len(left_out)
    return float(np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))
