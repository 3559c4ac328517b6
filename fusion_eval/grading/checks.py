"""Tasks with a target are checked without a model."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from fusion_eval.answers.final import read, readings
from fusion_eval.core import Task, Verdict
from fusion_eval.core.outcome import VerdictWord
from fusion_eval.core.protocol import Reading
from fusion_eval.core.task import AnswerFormat, is_own
from fusion_eval.grading.code import check_code
from fusion_eval.grading.own import check_own
from fusion_eval.grading.pattern import check_pattern


def takes_a_while(check: str | None) -> bool:
    """Whether a check waits for a process of its own, or for a user's function."""
    return check in {"regex", "code"} or (check is not None and is_own(check))


def check(task: Task, answer: str, reading: Reading = "strict") -> Verdict:
    """Compare an answer with the task's target; an answer without one is wrong, not unread.

    exact, numeric, choice: the final answer, by both readings; `reading` is the one that scores.
    Where the question asked for an `Answer:` line, leaving it out is part of what is measured.
    regex: the pattern is found in the answer. code: its Python passes the tests, in a sandbox;
    raises InputError where there is none. `module:function`: what a user's function says of it.
    """
    kind, target = task.check or "exact", task.target or ""
    if kind == "regex":
        return _verdict("check:regex", *check_pattern(answer, target))
    if kind == "code":
        return _verdict("check:code", *check_code(answer, target))
    if is_own(kind):
        word, reason, value = check_own(kind, answer, target)
        return replace(_verdict(f"check:{kind}", word, reason), value=value)
    return _compared(answer, target, cast(AnswerFormat, kind), reading)


def _compared(answer: str, target: str, kind: AnswerFormat, reading: Reading) -> Verdict:
    """Whether the final answer is the target, in both readings."""
    wanted, both = read(target, kind), readings(answer, kind)
    strict, flexible = (
        None if given is None else float(given == wanted) for given in (both.strict, both.flexible)
    )
    given = both.strict if reading == "strict" else both.flexible
    word: VerdictWord = "met" if given is not None and given == wanted else "unmet"
    reason = f"answer {given!r}, target {wanted!r}"
    if given is None:
        reason = "no final answer found"
        if both.flexible is not None:
            reason += f" as asked; read flexibly, {both.flexible!r}, target {wanted!r}"
    name = f"check:{kind}" if reading == "strict" else f"check:{kind}:{reading}"
    return _verdict(name, word, reason, strict, flexible)


def _verdict(
    grader: str,
    word: VerdictWord,
    reason: str,
    strict: float | None = None,
    flexible: float | None = None,
) -> Verdict:
    return Verdict(
        criterion="target",
        section="",
        weight=1.0,
        grader=grader,
        grader_pass=0,
        verdict=word,
        value={"met": 1.0, "unmet": 0.0}.get(word),
        reason=reason,
        strict=strict,
        flexible=flexible,
    )
