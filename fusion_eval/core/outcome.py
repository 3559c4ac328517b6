"""What came out: verdicts, trials, and the estimates made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fusion_eval.core.call import Purpose

VerdictWord = Literal["met", "unmet", "unreadable", "not_graded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One criterion of one answer, by one grader in one pass; `value` is None if not read.

    `value` is how far the criterion is met, 0 to 1: 0.5 for half of a ternary one, the place on
    the scale for an ordinal one; `verdict` is then the word for it, `met` from 0.5.
    `reference_value` is the same for the reference answer, where the criterion compares with one.
    `weight` is that of the leaf (`Task.leaves`). `position` is where the criterion stood in its
    request, from 0. Of a checked final answer, `strict` and `flexible` say whether it is right (1
    or 0) under either reading; None where that reading finds no answer.
    """

    criterion: str
    section: str
    weight: float
    grader: str
    grader_pass: int
    verdict: VerdictWord
    value: float | None
    reason: str = ""
    call_key: str | None = None
    reference_value: float | None = None
    position: int | None = None
    strict: float | None = None
    flexible: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Score of one answer with the bounds that unread verdicts leave open.

    `value` lies in 0 to 1 under a policy that cuts each task, else it is what the formula gives
    (1 is full marks, errors can make it negative). `raw` is before cutting; `coverage` the share
    of criteria that were read. `value` is None when nothing was read that could carry the score.
    """

    value: float | None
    raw: float | None
    low: float
    high: float
    coverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of a call inside a trial, on the trial's own clock (seconds; recorded latencies).

    `leaks` is what the guard withheld of the result of a tool.
    """

    key: str
    role: str
    model: str
    draw: str
    start_s: float
    end_s: float
    purpose: Purpose = "answer"
    leaks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One task under one recipe, once: an answer *or* a failure, with the calls behind it.

    `verdicts` are all that graders said, `scored` those that the score is made of, combined where
    the protocol combines (see `votes`); `protocol` names how they came about. `recorded` holds what
    is known about an answer that was not made here, as columns of the table of trials.
    """

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
    scored: tuple[Verdict, ...] = ()
    protocol: str | None = None
    latency_s: float = 0.0
    recorded: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its interval. `n` counts sampling units (tasks), `method` names the interval."""

    value: float
    low: float
    high: float
    level: float
    n: int
    method: str
