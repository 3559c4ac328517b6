"""Score policies at work: from verdicts and weights to one number, as pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum
from typing import TYPE_CHECKING

from fusion_eval.core.outcome import Score, Verdict

if TYPE_CHECKING:
    from fusion_eval.core.rubric import Policy

_NOTHING = Score(value=None, raw=None, low=0.0, high=1.0, coverage=0.0)


def score(policy: Policy, verdicts: Sequence[Verdict]) -> Score:
    """Score of one grading (one verdict per criterion) under a policy.

    Unread verdicts are left out of `value` and `raw`. `low` and `high` are the score with every
    unread verdict at its worst and at its best: unmet or met for a positive weight, the other way
    round for a negative one. What leaving out gives is drawn to those bounds where it lies beyond,
    because no completion of the grading could score that.
    """
    if not verdicts:
        return _NOTHING
    read = [v for v in verdicts if is_read(policy, v)]
    countable = any(v.weight > 0 for v in read) or all(v.weight < 0 for v in verdicts)
    raw = _raw(policy, read) if read and countable else None
    value = None if raw is None else cut(policy, read, raw)
    if value is not None and len(read) == len(verdicts):
        return Score(value=value, raw=raw, low=value, high=value, coverage=1.0)
    coverage = len(read) / len(verdicts)
    low, high = (_complete(policy, [_filled(v, end) for v in verdicts]) for end in (False, True))
    if low is None or high is None:
        return replace(_NOTHING, coverage=coverage)
    inside = None if value is None else min(max(value, low), high)
    return Score(value=inside, raw=raw, low=low, high=high, coverage=coverage)


def score_of(policy: Policy, verdicts: Sequence[Verdict]) -> Score:
    """Mean over graders and passes, each scored on its own.

    A grading that read nothing has no value but does have bounds, and they count: the mean of the
    others is drawn into the mean of all bounds.
    """
    gradings: dict[tuple[str, int], list[Verdict]] = {}
    for verdict in verdicts:
        gradings.setdefault((verdict.grader, verdict.grader_pass), []).append(verdict)
    return mean_score([score(policy, one) for one in gradings.values()])


def mean_score(scores: Sequence[Score]) -> Score:
    """The mean of several gradings of one answer, inside the mean of their bounds."""
    if not scores:
        return _NOTHING
    low, high = _mean([s.low for s in scores]), _mean([s.high for s in scores])
    known = [s for s in scores if s.value is not None and s.raw is not None]
    value = _mean([s.value or 0.0 for s in known]) if known else None
    return Score(
        value=None if value is None else min(max(value, low), high),
        raw=_mean([s.raw or 0.0 for s in known]) if known else None,
        low=low,
        high=high,
        coverage=_mean([s.coverage for s in scores]),
    )


def section_scores(policy: Policy, verdicts: Sequence[Verdict]) -> dict[str, Score]:
    """The policy's formula on each section alone, in the order in which sections appear."""
    return {name: score_of(policy, part) for name, part in by_section(verdicts).items()}


def is_read(policy: Policy, verdict: Verdict) -> bool:
    """Whether a verdict says all that the policy needs."""
    needs_reference = policy.numerator == "share"
    return verdict.value is not None and not (needs_reference and verdict.reference_value is None)


def _filled(verdict: Verdict, best: bool) -> Verdict:
    """The verdict, with what was not read at its best or worst for the answer."""
    good = float(best == (verdict.weight > 0))
    return replace(
        verdict,
        value=good if verdict.value is None else verdict.value,
        reference_value=1.0 - good if verdict.reference_value is None else verdict.reference_value,
    )


def _complete(policy: Policy, verdicts: Sequence[Verdict]) -> float | None:
    """The score when everything was read."""
    raw = _raw(policy, verdicts)
    return None if raw is None else cut(policy, verdicts, raw)


def _raw(policy: Policy, verdicts: Sequence[Verdict]) -> float | None:
    """The formula before cutting; None where it divides by nothing."""
    if not any(v.weight > 0 for v in verdicts) and policy.denominator != "range":
        return _without_positive(policy, verdicts)
    if policy.numerator == "share":
        ours = _total(verdicts)
        theirs = fsum(v.weight * (v.reference_value or 0.0) for v in verdicts)
        fraction = ours / (ours + theirs) if ours + theirs > 0 else 0.0
    else:
        whole = _whole(policy, verdicts)
        if whole <= 0:
            return None
        least = _negative(verdicts) if policy.denominator == "range" else 0.0
        fraction = (_total(verdicts) - least) / whole
    return policy.floor + (1.0 - policy.floor) * fraction


def _without_positive(policy: Policy, verdicts: Sequence[Verdict]) -> float | None:
    if policy.all_negative == "inverted":
        return 1.0 + _total(verdicts) / -_negative(verdicts)
    return 0.0 if policy.all_negative == "zero" else None


def _whole(policy: Policy, verdicts: Sequence[Verdict]) -> float:
    """The denominator."""
    positive, negative = _positive(verdicts), _negative(verdicts)
    return {"positive": positive, "all": positive + negative, "range": positive - negative}[
        policy.denominator
    ]


def cut(policy: Policy, verdicts: Sequence[Verdict], raw: float) -> float:
    """The raw score, cut as the policy cuts the score of one task."""
    if policy.clip == "section" and (whole := _positive(verdicts)) > 0:
        raw = fsum(section_total(part) for part in by_section(verdicts).values()) / whole
    return min(1.0, max(0.0, raw)) if policy.clips_tasks else raw


def section_total(part: Sequence[Verdict]) -> float:
    """What a section adds: 0 to its positive weight, or what its errors cost if it has none."""
    positive = _positive(part)
    return max(0.0, _total(part)) if positive > 0 else _total(part)


def by_section(verdicts: Sequence[Verdict]) -> Mapping[str, Sequence[Verdict]]:
    """The verdicts of each section, in the order in which sections appear."""
    parts: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        parts.setdefault(verdict.section, []).append(verdict)
    return parts


def _total(verdicts: Sequence[Verdict]) -> float:
    return fsum(v.weight * (v.value or 0.0) for v in verdicts)


def _positive(verdicts: Sequence[Verdict]) -> float:
    return fsum(max(0.0, v.weight) for v in verdicts)


def _negative(verdicts: Sequence[Verdict]) -> float:
    return fsum(min(0.0, v.weight) for v in verdicts)


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)
