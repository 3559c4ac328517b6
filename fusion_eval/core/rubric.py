"""Score policies: from verdicts and weights to one number, as pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fusion_eval.core.outcome import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Score of one answer, 0 to 1, with the bounds that unread verdicts leave open.

    `raw` is before clipping; `coverage` the share of criteria that were read. `value` is None
    when nothing was read that could carry the score.
    """

    value: float | None
    raw: float | None
    low: float
    high: float
    coverage: float


def draco(verdicts: Sequence[Verdict]) -> Score:
    """DRACO's normalised score: clamp(sum of weights met / sum of positive weights, 0, 1).

    A criterion with a negative weight is met when the error is present. Unread verdicts are left
    out of numerator and denominator of `value`; `low` and `high` give them their worst and best.
    A rubric without positive weight scores clamp(1 + raw / sum of |weights|, 0, 1).

    Source: DRACO, arXiv:2602.11685, with the all-negative rule of the public `rubric` package.
    """
    if not verdicts:
        return Score(value=None, raw=None, low=0.0, high=1.0, coverage=0.0)
    read = [v for v in verdicts if v.value is not None]
    known = sum(v.weight * (v.value or 0.0) for v in read)
    worst = known + sum(min(0.0, v.weight) for v in verdicts if v.value is None)
    best = known + sum(max(0.0, v.weight) for v in verdicts if v.value is None)
    countable = any(v.weight > 0 for v in read) or all(v.weight < 0 for v in verdicts)
    raw = _normalised(known, read) if read and countable else None
    return Score(
        value=None if raw is None else _clamp(raw),
        raw=raw,
        low=_clamp(_normalised(worst, verdicts)),
        high=_clamp(_normalised(best, verdicts)),
        coverage=len(read) / len(verdicts),
    )


def _normalised(total: float, verdicts: Sequence[Verdict]) -> float:
    positive = sum(max(0.0, v.weight) for v in verdicts)
    if positive > 0:
        return total / positive
    return 1.0 + total / sum(abs(v.weight) for v in verdicts)


def _clamp(value: float) -> float:
    return min(1.0, max(0.0, value))


POLICIES = {"draco": draco}
"""Named score policies; a task names one in `score`, a task file in `defaults`."""
