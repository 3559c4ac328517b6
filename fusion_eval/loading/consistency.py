"""What can be wrong with a task that is well formed: alone, and beside others."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import cast

from fusion_eval.answers.final import read
from fusion_eval.core.codetests import code_tests
from fusion_eval.core.criterion import every
from fusion_eval.core.outcome import Verdict
from fusion_eval.core.rubric import POLICIES, Policy
from fusion_eval.core.task import AnswerFormat, Task, is_own
from fusion_eval.errors import did_you_mean
from fusion_eval.loading.rows import Where
from fusion_eval.loading.taskfile import Defaults, TaskRow, check_of, policy_of


def unknown(what: str, name: str, known: Collection[str]) -> str:
    """`unknown score policy 'drako'; did you mean 'draco'?`"""
    return f"unknown {what} {name!r}; {did_you_mean(name, known)}"


def row_problems(row: TaskRow, defaults: Defaults, where: Where) -> list[str]:
    """All that keeps a row from being scored."""
    policy = policy_of(row, defaults)
    if policy not in POLICIES:
        return [f"{where(('score',))}: {unknown('score policy', policy, POLICIES)}"]
    found = _target_problems(row, defaults, where)
    if row.criteria:
        found += [f"{where(('criteria',))}: {p}" for p in _rubric_problems(row, POLICIES[policy])]
    return found


def half_characters(row: object, where: Where) -> list[str]:
    """One problem if a text holds half of a surrogate pair: nobody could send it."""
    try:
        json.dumps(row, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as problem:
        half = problem.object[problem.start]
        return [f"{where(())}: holds half a character ({half!a}); remove it, or write it whole"]
    except (ValueError, RecursionError):
        return []  # not JSON: somebody else's problem to report
    return []


def _rubric_problems(row: TaskRow, policy: Policy) -> list[str]:
    """Where the rubric and its policy do not fit."""
    nodes = list(every(row.criteria))
    name, found = policy.name, list[str]()
    if any(node.criteria for node in nodes) and not policy.tree:
        trees = ", ".join(p.name for p in POLICIES.values() if p.tree)
        return [f"task {row.id!r} has groups, which {name!r} does not score; use one of {trees}"]
    if not policy.errors and (bad := next((n for n in nodes if n.weight < 0), None)):
        found.append(f"{bad.id!r} has weight {bad.weight:g}; {name!r} needs weights above 0")
    compared = {node.kind == "reference" for node in nodes if not node.criteria}
    if compared != {policy.numerator == "share"}:
        rule = "compares every criterion" if policy.numerator == "share" else "compares none"
        found.append(f"{name!r} {rule} with a reference; give `kind: reference` accordingly")
    if policy.numerator == "share" and row.reference is None:
        found.append(f"task {row.id!r} has no `reference` answer, which {name!r} compares with")
    if not found and not _scores_something(row, policy):
        found.append(f"{name!r} gives no score to task {row.id!r}: its weights sum to nothing")
    return found


def _scores_something(row: TaskRow, policy: Policy) -> bool:
    """Whether the policy has a score for a full grading."""
    verdicts = [
        Verdict(
            criterion=one.id, section="", weight=one.weight, grader="", grader_pass=0,
            verdict="met", value=1.0, reference_value=1.0,
        )
        for one in row.criteria
    ]  # fmt: skip
    return policy(verdicts).value is not None


def _target_problems(row: TaskRow, defaults: Defaults, where: Where) -> list[str]:
    """A target that its own check cannot read would make every answer wrong."""
    if row.target is None:
        at = where(("check",))
        return [f"{at}: task {row.id!r} has a check and no target"] if row.check else []
    check, at = check_of(row, defaults), where(("target",))
    if check == "regex":
        return _pattern_problems(row.target, at)
    if check == "code":
        return _code_problems(row.target, at)
    if is_own(check) or read(row.target, cast(AnswerFormat, check)) is not None:
        return []
    wanted = {"numeric": "one number", "choice": "one letter", "exact": "a word"}[check]
    return [f"{at}: target {row.target!r} is not {wanted}, as check: {check} needs"]


def _pattern_problems(pattern: str, at: str) -> list[str]:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as problem:
        return [f"{at}: target is no pattern ({problem}); see Python's `re`, or quote its signs"]
    return []


def _code_problems(source: str, at: str) -> list[str]:
    try:
        code_tests(source)
    except ValueError as problem:
        return [f"{at}: target of check: code, {problem}"]
    return []


def doubled_criteria(data: object, where: Where) -> list[str]:
    """Of the row as it stands, so that another mistake in it does not hide a doubled id."""
    task, criteria = (data.get("id"), data.get("criteria")) if isinstance(data, dict) else (0, 0)
    seen: list[object] = []
    return _doubled_below(task, criteria, ("criteria",), where, seen)


def _doubled_below(
    task: object, criteria: object, path: tuple[str | int, ...], where: Where, seen: list[object]
) -> list[str]:
    found = []
    for i, row in enumerate(criteria if isinstance(criteria, list) else []):
        name = row.get("id") if isinstance(row, dict) else None
        if name is not None and name in seen:
            found.append(
                f"{where((*path, i, 'id'))}: criterion id {name!r} of task {task!r} "
                "is there twice; rename one"
            )
        seen.append(name)
        if isinstance(row, dict):
            found += _doubled_below(task, row.get("criteria"), (*path, i, "criteria"), where, seen)
    return found


def doubled_ids(ids: Sequence[tuple[object, str]]) -> list[str]:
    """One problem per doubled task id, given ids as they stand and their places."""
    problems, first = [], dict[str, str]()
    for name, place in ids:
        if not isinstance(name, str | int):
            continue
        seen = unicodedata.normalize("NFC", str(name)).strip()  # as a reader sees it
        if seen in first:
            problems.append(
                f"{place}: task id {name!r} is there twice (also {first[seen]}); rename one"
            )
        first.setdefault(seen, place)
    return problems


def same_content(tasks: Sequence[tuple[Task, str]]) -> list[str]:
    """One problem per task that is there twice under two ids: it would count twice."""
    problems, hashes = [], dict[str, str]()
    for task, place in tasks:
        other = hashes.setdefault(task.hash, task.id)
        if other != task.id:
            problems.append(
                f"{place}: task {task.id!r} has the same content as {other!r}; keep one"
            )
    return problems
