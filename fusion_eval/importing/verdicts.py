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
    trial_rows,
    whole_trial,
)
from fusion_eval.importing.values import VERDICTS, numbers

WORDS: dict[str, VerdictWord] = {
    **{word: "met" if value >= 0.5 else "unmet" for word, value in VERDICTS.items()},
    **dict.fromkeys(("", "unreadable"), "unreadable"),
    "not_graded": "not_graded",
}
Said = tuple[VerdictWord, float | None, str | None]
"""verdict, how far the criterion is met, reason"""
Graded = tuple[str, int, str, Said]
"""grader, pass, criterion, what was said of it"""


def trials_from_verdicts(table: pd.DataFrame, rubric: Criteria, problems: Problems) -> Rows:
    """Rows for trials and verdicts. A criterion without verdict in a graded task is `not_graded`.

    A failed trial (its `failure` is filled in) has no score, whatever verdicts it has.
    """
    whole = complete_keys(table, problems)
    listed = whole[LISTED] if LISTED in whole else pd.Series(False, index=whole.index)
    alone = (whole["criterion"] == "") & (whole["failure"].notna() | listed)
    graded = whole[~alone.to_numpy()]
    check_doubled(graded, [*TRIAL, "criterion", *GRADING], problems)
    spelled = graded["verdict"].str.strip().str.lower()
    words = spelled.map(WORDS)
    _check(graded, words, rubric, problems)
    facts = whole_trial(whole, problems)
    problems.raise_if_any()
    found: dict[tuple[Any, ...], list[Graded]] = {}
    columns = [graded[name] for name in (*TRIAL, *GRADING, "criterion")]
    for *key, grader, grading, criterion, said in zip(
        *columns, _said(graded, words, spelled), strict=True
    ):
        found.setdefault(tuple(key), []).append((grader, grading, criterion, said))
    rows, verdicts = trial_rows(facts, rubric), list[dict[str, Any]]()
    scored = [
        _scored(row, found.get((row["recipe"], row["task"], row["repeat"]), []), rubric, verdicts)
        for row in _dicts(rows[[*TRIAL, "task_hash", "failure"]])
    ]
    made = pd.concat([rows, pd.DataFrame(scored, index=rows.index)], axis=1)
    return Rows(made, verdicts, _unasked(rubric, rows["task"]))


def _said(graded: pd.DataFrame, words: pd.Series, spelled: pd.Series) -> list[Said]:
    """Word, value (of a column `value`, else what the word means) and reason of each row."""
    values = spelled.map(VERDICTS).astype(float)
    if "value" in graded:
        values = numbers(graded["value"]).where(spelled.isin(VERDICTS)).fillna(values)
    value = values.astype(object).where(values.notna(), None)
    reason = graded.get("reason", pd.Series(None, index=graded.index, dtype=object))
    return list(zip(words, value, reason, strict=True))


def _dicts(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False)]


def _unasked(rubric: Criteria, tasks: pd.Series) -> list[str]:
    count = len(rubric.of.keys() - set(tasks))
    some = "1 task" if count == 1 else f"{count} tasks"
    return [f"no verdict at all for {some} of the criteria file"] if count else []


def _check(graded: pd.DataFrame, words: pd.Series, rubric: Criteria, problems: Problems) -> None:
    bad = words.isna().to_numpy()
    whats = [f"verdict {text!r}" for text in graded.loc[bad, "verdict"]]
    problems.add_rows(
        graded.index[bad], whats,
        "use 1/0, true/false, met/unmet, pass/fail, yes/no or partial; empty: it could not be read",
    )  # fmt: skip
    if not rubric.of:
        return
    for task, group in graded.groupby("task", sort=False):
        if task not in rubric.of:
            close = difflib.get_close_matches(str(task), rubric.of, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "add its criteria"
            problems.add(group.index[0], f"the criteria file has no task {task!r}", hint)
            continue
        unknown = group[~group["criterion"].isin(list(rubric.of[str(task)]))]
        whats = [f"task {task!r} has no criterion {name!r}" for name in unknown["criterion"]]
        problems.add_rows(unknown.index, whats, "add it to the criteria file")


def _scored(
    row: dict[str, Any], graded: Sequence[Graded], rubric: Criteria, into: list[dict[str, Any]]
) -> dict[str, Any]:
    """Score and policy of one trial; its verdicts are added to `into`."""
    passes: dict[tuple[str, int], dict[str, Said]] = {}
    for grader, grading, criterion, said in graded:
        passes.setdefault((grader, grading), {})[criterion] = said
    scores: list[Score] = []
    for (grader, grading), given in passes.items():
        verdicts = _verdicts(grader, grading, given, rubric.of[row["task"]])
        scores.append(POLICIES[rubric.policy](verdicts))
        into += [_verdict_row(row, verdict) for verdict in verdicts]
    score = _average(scores, failed=not pd.isna(row["failure"]))
    return {
        "policy": rubric.policy,
        "criteria": len(rubric.of.get(row["task"], ())) or None,
        **score,
    }


def _verdicts(
    grader: str, grading: int, given: dict[str, Said], criteria: dict[str, tuple[float, str]]
) -> list[Verdict]:
    """One verdict for every criterion of the task, in the order of the criteria file."""
    made = []
    for name, (weight, section) in criteria.items():
        word, value, reason = given.get(name, _SILENT)
        made.append(Verdict(
            criterion=name, section=section, weight=weight, grader=grader,
            grader_pass=int(grading), verdict=word, value=value, reason=reason or "",
        ))  # fmt: skip
    return made


_SILENT: Said = ("not_graded", None, None)


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
        "reason": verdict.reason or None,
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
