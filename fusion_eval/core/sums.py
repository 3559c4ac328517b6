"""The formula of every score policy over arrays: from the sums of gradings to their raw scores.

`scoring` says the same for one grading, readably; a property test holds both together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusion_eval.core.rubric import Policy

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """Sums over the verdicts of gradings, each of shape (n_gradings,).

    `total`: weight times value; `reference`: weight times the reference answer's value;
    `positive`, `negative`: weights above and below 0 (the latter at most 0).
    """

    total: Floats
    reference: Floats
    positive: Floats
    negative: Floats


def raw_scores(policy: Policy, sums: Sums) -> Floats:
    """The score before cutting, shape (n_gradings,); NaN where the formula divides by nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if policy.numerator == "share":
            both = sums.total + sums.reference
            fraction = np.where(both > 0, sums.total / both, 0.0)
        else:
            whole = _whole(policy, sums)
            least = sums.negative if policy.denominator == "range" else 0.0
            fraction = np.where(whole > 0, (sums.total - least) / whole, np.nan)
        raw = policy.floor + (1.0 - policy.floor) * fraction
        if policy.denominator != "range":
            raw = np.where(sums.positive > 0, raw, _without_positive(policy, sums))
    return np.asarray(raw, dtype=np.float64)


def cut_scores(policy: Policy, raw: Floats) -> Floats:
    """Raw scores as the policy cuts the score of one task."""
    return np.clip(raw, 0.0, 1.0) if policy.clips_tasks else raw


def _whole(policy: Policy, sums: Sums) -> Floats:
    """The denominator."""
    if policy.denominator == "positive":
        return sums.positive
    return sums.positive + (1 if policy.denominator == "all" else -1) * sums.negative


def _without_positive(policy: Policy, sums: Sums) -> Floats:
    if policy.all_negative == "inverted":
        return np.where(sums.negative < 0, 1.0 + sums.total / -sums.negative, np.nan)
    return np.full(len(sums.total), 0.0 if policy.all_negative == "zero" else np.nan)
