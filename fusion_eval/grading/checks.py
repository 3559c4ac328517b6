"""Tasks with a target are checked without a model."""

from __future__ import annotations

from fusion_eval.answers.final import final_answer, read
from fusion_eval.core import Task, Verdict
from fusion_eval.core.outcome import VerdictWord
from fusion_eval.core.task import AnswerFormat
from fusion_eval.grading.code import check_code
from fusion_eval.grading.pattern import check_pattern

STARTS_A_PROCESS = frozenset({"regex", "code"})
"""Checks that take a while, and wait for a process of their own."""


def check(task: Task, answer: str) -> Verdict:
    """Compare an answer with the task's target; an answer without one is wrong, not unread.

    exact, numeric, choice: the final answer (the question asked for an `Answer:` line, so leaving
    it out is part of what is measured). regex: the pattern is found in the answer. code: its
    Python passes the tests, in a sandbox; raises InputError where there is none.
    """
    kind, target = task.check or "exact", task.target or ""
    if kind == "regex":
        word, reason = check_pattern(answer, target)
    elif kind == "code":
        word, reason = check_code(answer, target)
    else:
        word, reason = _compared(answer, target, kind)
    return Verdict(
        criterion="target",
        section="",
        weight=1.0,
        grader=f"check:{kind}",
        grader_pass=0,
        verdict=word,
        value={"met": 1.0, "unmet": 0.0}.get(word),
        reason=reason,
    )


def _compared(answer: str, target: str, kind: AnswerFormat) -> tuple[VerdictWord, str]:
    given, wanted = final_answer(answer, kind), read(target, kind)
    if given is None:
        return "unmet", "no final answer found"
    return ("met" if given == wanted else "unmet"), f"answer {given!r}, target {wanted!r}"
