"""Tables with one verdict a row: each grading is scored by the rubric, then gradings averaged."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import pandas as pd

from fusion_eval.core import POLICIES, Score, Verdict, mean_score
from fusion_eval.core.outcome import VerdictWord
from fusion_eval.importing.criteria import Criteria
from fusion_eval.importing.problems import Problems
from fusion_eval.importing.trials import (
    GRADING,
    LISTED,
    TRIAL,
    Rows,
    check_doubled,
    complete_keys,
    trial_row,
    whole_trial,
)

WORDS: dict[str, VerdictWord] = {
    **dict.fromkeys(("1", "1.0", "true", "met", "yes"), "met"),
    **dict.fromkeys(("0", "0.0", "false", "unmet", "no"), "unmet"),
    **dict.fromkeys(("", "unreadable"), "unreadable"),
    "not_graded": "not_graded",
}
_VALUES = {"met": 1.0, "unmet": 0.0}
Graded = tuple[str, int, str, VerdictWord]
"""grader, pass, criterion, verdict"""


def trials_from_verdicts(
    table: pd.DataFrame, rubric: Criteria, file: str, problems: Problems
) -> Rows:
    """Rows for trials and verdicts. A criterion without verdict in a graded task is `not_graded`.

    A failed trial (its `failure` is filled in) has no score, whatever verdicts it has.
    """
    whole = complete_keys(table, file, problems)
    listed = whole.get(LISTED, False)
    graded = whole[~((whole["criterion"] == "") & ((whole["failure"] != "") | listed))]
    check_doubled(graded, [*TRIAL, "criterion", *GRADING], file, problems)
    words = graded["verdict"].str.lower().map(WORDS)
    _check(graded, words, rubric, file, problems)
    trials = whole_trial(whole, file, problems)
    problems.raise_if_any()
    found: dict[tuple[Any, ...], list[Graded]] = {}
    columns = [graded[name] for name in (*TRIAL, *GRADING, "criterion")]
    for recipe, task, repeat, grader, grading, criterion, word in zip(*columns, words, strict=True):
        found.setdefault((recipe, task, repeat), []).append((grader, grading, criterion, word))
    rows = Rows()
    for key, trial in zip(trials.index, trials.itertuples(index=False), strict=True):
        _add_trial(rows, trial_row(key, trial, rubric), found.get(key, []), rubric)
    unasked = rubric.of.keys() - {row["task"] for row in rows.trials}
    if unasked:
        count = "1 task" if len(unasked) == 1 else f"{len(unasked)} tasks"
        rows.notes.append(f"no verdict at all for {count} of the criteria file")
    return rows


def _check(
    graded: pd.DataFrame, words: pd.Series, rubric: Criteria, file: str, problems: Problems
) -> None:
    bad = words.isna()
    whats = [f"verdict {text!r}" for text in graded.loc[bad, "verdict"]]
    problems.add_rows(
        file, graded.index[bad], whats,
        "use 1/0, true/false, met/unmet or yes/no; empty means that it could not be read",
    )  # fmt: skip
    if not rubric.of:
        return
    for task, group in graded.groupby("task", sort=False):
        if task not in rubric.of:
            close = difflib.get_close_matches(str(task), rubric.of, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "add its criteria"
            what = f"the criteria file has no task {task!r}"
            problems.add(f"{file}:{group.index[0]}", what, hint)
            continue
        unknown = group[~group["criterion"].isin(list(rubric.of[str(task)]))]
        whats = [f"task {task!r} has no criterion {name!r}" for name in unknown["criterion"]]
        problems.add_rows(file, unknown.index, whats, "add it to the criteria file")


def _add_trial(rows: Rows, row: dict[str, Any], graded: Sequence[Graded], rubric: Criteria) -> None:
    passes: dict[tuple[str, int], dict[str, VerdictWord]] = {}
    for grader, grading, criterion, word in graded:
        passes.setdefault((grader, grading), {})[criterion] = word
    scores: list[Score] = []
    for (grader, grading), words in passes.items():
        verdicts = _verdicts(grader, grading, words, rubric.of[row["task"]])
        scores.append(POLICIES[rubric.policy](verdicts))
        rows.verdicts += [_verdict_row(row, verdict) for verdict in verdicts]
    score = _average(scores, failed=row["failure"] is not None)
    facts = {"policy": rubric.policy, "criteria": len(rubric.of[row["task"]]) or None}
    rows.trials.append({**row, **facts, **score})


def _verdicts(
    grader: str, grading: int, words: dict[str, VerdictWord], criteria: dict[str, tuple[float, str]]
) -> list[Verdict]:
    """One verdict for every criterion of the task, in the order of the criteria file."""
    return [
        Verdict(
            criterion=name, section=section, weight=weight, grader=grader, grader_pass=int(grading),
            verdict=(word := words.get(name, "not_graded")), value=_VALUES.get(word),
        )
        for name, (weight, section) in criteria.items()
    ]  # fmt: skip


def _verdict_row(row: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    keys = {name: row[name] for name in ("task", "task_hash", "recipe", "repeat")}
    return keys | {
        "criterion": verdict.criterion,
        "section": verdict.section,
        "weight": verdict.weight,
        "grader": verdict.grader,
        "grader_pass": verdict.grader_pass,
        "verdict": verdict.verdict,
        "value": verdict.value,
    }


def _average(scores: Sequence[Score], *, failed: bool) -> dict[str, Any]:
    """Mean over the gradings of one trial, inside the mean of their bounds."""
    if failed or not scores:
        return {}
    mean = mean_score(scores)
    return {
        "score": mean.value,
        "score_raw": mean.raw,
        "score_min": mean.low,
        "score_max": mean.high,
        "coverage": mean.coverage,
    }
