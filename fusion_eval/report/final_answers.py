"""How final answers were read: by which reading they score, and how many had none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fusion_eval.core.readable import percent
from fusion_eval.frames import final_answers
from fusion_eval.report.words import number

LOUD = 0.05
"""Share of answers without a final answer above which the first screen says so."""


def read_answers(verdicts: pd.DataFrame) -> dict[str, Any] | None:
    """What both readings say, for all recipes together and for each; None without final answers.

    `reading` is the one that scores; `strict` and `flexible` are the shares of right answers under
    either, an answer without a final one counted as wrong; `unread` and `unread_flexible` count the
    answers in which a reading finds none.
    """
    rows = final_answers(verdicts)
    if not len(rows):
        return None
    groups = rows.groupby(rows["recipe"].astype(str), sort=False)
    return {**_counts(rows), "recipes": {name: _counts(group) for name, group in groups}}


def _counts(rows: pd.DataFrame) -> dict[str, Any]:
    flexible = rows["grader"].astype(str).str.endswith(":flexible")
    headline = rows["flexible"].where(flexible, rows["strict"])
    return {
        "reading": "mixed"
        if flexible.nunique() > 1
        else ("flexible" if flexible.all() else "strict"),
        "answers": len(rows),
        "strict": float(rows["strict"].fillna(0.0).mean()),
        "flexible": float(rows["flexible"].fillna(0.0).mean()),
        "unread": int(headline.isna().sum()),
        "unread_strict": int(rows["strict"].isna().sum()),
        "unread_flexible": int(rows["flexible"].isna().sum()),
    }


def sentences(found: Mapping[str, Any] | None) -> list[str]:
    """What is to be known of the reading, for the small print; empty where nothing is."""
    if found is None:
        return []
    lines = [_unread(found)] if found["unread"] else []
    if found["strict"] != found["flexible"] or found["reading"] != "strict":
        lines.append(
            f"Final answers are scored by the {found['reading']} reading; right are "
            f"{percent(found['strict'])} as asked for (strict) and {percent(found['flexible'])} "
            "wherever the last line says one (flexible)."
        )
    return lines


def loud(found: Mapping[str, Any] | None) -> list[str]:
    """The same for the first screen: where more than 5 % of the answers had no final one.

    And where any had none that nobody had asked for its form.
    """
    if found is None or not found["unread"]:
        return []
    few = found["unread"] <= LOUD * found["answers"]
    return [] if few and found["reading"] == "strict" else sentences(found)


def _unread(found: Mapping[str, Any]) -> str:
    count, of = found["unread"], found["answers"]
    text = (
        f"{count:,} of {number(of, 'answer')} ({percent(count / of)}) had no final answer that the "
        f"{found['reading']} reading finds, and count as wrong"
    )
    if found["reading"] == "strict" and found["unread_flexible"] < count:
        more = count - found["unread_flexible"]
        text += (
            f"; the flexible reading finds {more:,} of them "
            "(`grader: {protocol: {final_answers: flexible}}`)"
        )
    return f"{text}."
