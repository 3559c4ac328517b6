"""What came out: verdicts, trials, and the estimates made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VerdictWord = Literal["met", "unmet", "unreadable", "not_graded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One criterion of one answer, by one grader in one pass; `value` is None if not read."""

    criterion: str
    section: str
    weight: float
    grader: str
    grader_pass: int
    verdict: VerdictWord
    value: float | None
    reason: str = ""
    call_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of a call inside a trial, on the trial's own clock (seconds; recorded latencies)."""

    key: str
    role: str
    model: str
    draw: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One task under one recipe, once: an answer *or* a failure, with the calls behind it."""

    task: str
    recipe: str
    repeat: int
    answer: str | None = None
    failure: str | None = None
    detail: str = ""
    finish: str | None = None
    degraded: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()
    grading: tuple[Use, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its interval. `n` counts sampling units (tasks), `method` names the interval."""

    value: float
    low: float
    high: float
    level: float
    n: int
    method: str
