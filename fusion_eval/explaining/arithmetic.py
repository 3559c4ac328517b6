"""How the score of an answer comes out of its verdicts: the policy's formula, step by step.

`core.scoring` computes the score; this says the same in steps that a person can check with pencil
and paper. A test holds that the last step is that score, for every policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import Any

from fusion_eval.core import POLICIES, Policy, Verdict, score_of
from fusion_eval.core.scoring import by_section, cut, is_read, score, section_total
from fusion_eval.core.votes import Combine, scored

Row = dict[str, Any]
_NAMES = ("criterion", "section", "weight", "grader", "grader_pass", "verdict", "value", "reason",
          "call_key", "reference_value", "position")  # fmt: skip


def arithmetic(rows: Sequence[Row], policy: str, grader: Row) -> dict[str, Any]:
    """Policy, gradings with their steps, and the score that comes out.

    rows : verdicts of one trial; policy : its name; grader : as in the manifest (`combine`,
        `minimum_valid`: how several verdicts on a criterion become one before scoring)
    """
    rule = POLICIES[policy]
    said = [Verdict(**{name: row[name] for name in _NAMES}) for row in rows]
    how: Combine = grader.get("combine") or "runs"
    least = int(grader.get("minimum_valid") or 1)
    used = scored(said, how, least)
    gradings: dict[tuple[str, int], list[Verdict]] = {}
    for verdict in used:
        gradings.setdefault((verdict.grader, verdict.grader_pass), []).append(verdict)
    found = [
        {"grader": name, "grader_pass": one_pass, **_grading(rule, part)}
        for (name, one_pass), part in gradings.items()
    ]
    whole = score_of(rule, used)
    return {
        "policy": policy, "source": rule.source, "combine": how, "gradings": found,
        "score": whole.value, "score_min": whole.low, "score_max": whole.high,
        "coverage": whole.coverage,
    }  # fmt: skip


def _grading(policy: Policy, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    made = score(policy, verdicts)
    return {
        "criteria": len(verdicts),
        "read": sum(is_read(policy, v) for v in verdicts),
        "steps": [] if made.value is None else steps(policy, verdicts),
        "score": made.value, "score_min": made.low, "score_max": made.high,
    }  # fmt: skip


def steps(policy: Policy, verdicts: Sequence[Verdict]) -> list[Row]:
    """The formula on one grading: rows of `what`, `how` (with its numbers) and `value`."""
    read = [v for v in verdicts if is_read(policy, v)]
    points = fsum(v.weight * (v.value or 0.0) for v in read)
    best = fsum(max(0.0, v.weight) for v in read)
    worst = fsum(min(0.0, v.weight) for v in read)
    raw = score(policy, verdicts).raw or 0.0
    fraction = (raw - policy.floor) / (1.0 - policy.floor)
    found = [_step("points", "sum of weight x value over the criteria that were read", points)]
    if not best and policy.denominator != "range":
        how = "no criterion has a positive weight"
        if policy.all_negative == "inverted":
            how = f"1 + {_n(points)} / {_n(-worst)} ({how})"
        found.append(_step("raw", how, raw))
    elif policy.numerator == "share":
        theirs = fsum(v.weight * (v.reference_value or 0.0) for v in read)
        found.append(_step("reference", "the same sum for the reference answer", theirs))
        found.append(_step("raw", f"{_n(points)} / ({_n(points)} + {_n(theirs)})", fraction))
    else:
        found.append(_step("raw", _quotient(policy, points, best, worst), fraction))
    if policy.floor:
        how = f"{_n(policy.floor)} + (1 - {_n(policy.floor)}) x {_n(fraction)}"
        found.append(_step("from its floor", how, raw))
    return [*found, *_cuts(policy, read, best, raw), *_bounds(policy, verdicts)]


def _quotient(policy: Policy, points: float, best: float, worst: float) -> str:
    if policy.denominator == "range":
        return f"({_n(points)} - {_n(worst)}) / ({_n(best)} - {_n(worst)}) (from worst to best)"
    if policy.denominator == "all":
        return f"{_n(points)} / {_n(best + worst)} (the sum of all weights)"
    return f"{_n(points)} / {_n(best)} (the sum of the positive weights)"


def _cuts(policy: Policy, read: Sequence[Verdict], best: float, raw: float) -> list[Row]:
    found = []
    if policy.clip == "section" and best > 0:
        sums = {name: section_total(part) for name, part in by_section(read).items()}
        raw = fsum(sums.values()) / best
        said = ", ".join(f"{name} {_n(value)}" for name, value in sums.items())
        how = f"({said}) / {_n(best)} (no section with positive weights is below 0)"
        found.append(_step("by section", how, raw))
    if policy.clips_tasks:
        found.append(_step("score", "cut to 0 to 1", cut(policy, read, raw)))
    else:
        found.append(_step("score", "not cut", raw))
    return found


def _bounds(policy: Policy, verdicts: Sequence[Verdict]) -> list[Row]:
    """The last step where a verdict is open and leaving it out goes beyond what could come."""
    made = score(policy, verdicts)
    if made.coverage == 1 or made.value is None:
        return []
    how = f"drawn into {_n(made.low)} to {_n(made.high)}, what the open verdicts leave possible"
    return [_step("within its bounds", how, made.value)]


def _step(what: str, how: str, value: float) -> Row:
    return {"what": what, "how": how, "value": value}


def _n(value: float) -> str:
    return f"{value:.6g}"
