"""Tasks with a target are checked without a model."""

from __future__ import annotations

from fusion_eval import text
from fusion_eval.core import Task, Verdict


def check(task: Task, answer: str) -> Verdict:
    """Compare the final answer with the task's target; an answer without one is wrong, not unread.

    The question asked for an `Answer:` line, so leaving it out is part of what is measured.
    """
    kind = task.question.answer_format
    given = text.final_answer(answer, kind)
    wanted = text.read(task.target or "", kind)
    met = given is not None and given == wanted
    return Verdict(
        criterion="target",
        section="",
        weight=1.0,
        grader=f"check:{kind}",
        grader_pass=0,
        verdict="met" if met else "unmet",
        value=float(met),
        reason=f"answer {given!r}, target {wanted!r}" if given else "no final answer found",
    )
