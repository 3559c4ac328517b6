"""What each verdict adds to a score, for the score policies that are sums."""

from __future__ import annotations

from collections.abc import Sequence

from fusion_eval.core.rubric import Policy


def shares(policy: Policy, weights: Sequence[float]) -> tuple[float, list[float]] | None:
    """(score of nothing met, what each verdict of value 1 adds), before cutting.

    The raw score of values v is then base + sum of share times v. None where it is not: a policy
    that divides by the reference answer, or cuts each section; or a rubric that it cannot score.
    """
    if policy.numerator != "weighted" or policy.clip == "section":
        return None
    positive = sum(w for w in weights if w > 0)
    negative = sum(w for w in weights if w < 0)
    if positive == 0 and policy.denominator != "range":
        if policy.all_negative == "inverted" and negative < 0:
            return 1.0, [w / -negative for w in weights]
        return (0.0, [0.0] * len(weights)) if policy.all_negative == "zero" else None
    whole = {"positive": positive, "all": positive + negative, "range": positive - negative}
    if whole[policy.denominator] <= 0:
        return None
    unit = (1 - policy.floor) / whole[policy.denominator]
    least = -negative * unit if policy.denominator == "range" else 0.0
    return policy.floor + least, [w * unit for w in weights]
