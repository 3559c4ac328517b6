"""Checked and rubric tasks apart, tasks that tell nobody apart, and recipes that answer alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from fusion_eval.frames import task_key
from fusion_eval.report.parts import by_part
from fusion_eval.report.words import listed, number, plain, points
from fusion_eval.stats.breakdown import breakdown
from fusion_eval.stats.tables import tidied

CHECKED, RUBRIC = "checked against a target", "graded by a rubric"
_ALIKE = 0.95
"""Share of equal answers from which on two recipes are called the same."""
_LEAST = 5


def by_kind(trials: pd.DataFrame, level: float) -> dict[str, Any]:
    """`scores`: kind of task -> recipe -> estimate, where there are both kinds; `saturated`: ids of
    tasks that every recipe solves in full in every answer, of `of` tasks."""
    known = tidied(trials)
    kinds: dict[str, Any] = {}
    if "rubric_hash" in known and "protocol" in known:
        graded = known["rubric_hash"].astype("string").fillna("") != ""
        parted = known.assign(domain=graded.map({True: RUBRIC, False: CHECKED}).to_numpy())
        kinds = by_part(breakdown(parted, level=level)) if graded.nunique() == 2 else {}
    full = (known["score"].astype(float) >= 1 - 1e-9) & known["failure"].isna()
    key = task_key(known)
    solved = full.groupby(key).all()
    names = dict(zip(key, known["task"].astype(str), strict=True))
    saturated = sorted(names[task] for task in solved.index[solved])
    return {"scores": kinds, "saturated": saturated, "of": len(solved)}


def kinds_lines(summary: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Scores of checked and of rubric tasks apart, a line for each kind; empty where there is one.

    names : recipes in the order in which they are named
    """
    mark = "SIMULATED " if summary["simulated"] else ""
    return [
        f"{mark}{kind} ({tasks_of_kind(cells)}): "
        + listed([f"{plain(n)} {points(cells[n]['value'])}" for n in names if cells.get(n)])
        for kind, cells in summary["kinds"]["scores"].items()
    ]


def tasks_of_kind(cells: Mapping[str, Any]) -> str:
    """`24 tasks`, as many as any recipe has of a kind."""
    return number(max((cell["n"] for cell in cells.values() if cell), default=0), "task")


def same_answers(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """Pairs of recipes whose answers are nearly always the very same text: `a`, `b`, `equal`, `n`.

    n : answers to the same task and repeat that both gave
    """
    known = tidied(trials)
    if "answer_hash" not in known or not known["answer_hash"].notna().any():
        return []
    answered = known[known["answer_hash"].notna() & known["failure"].isna()]
    keys = [task_key(answered), answered["repeat"], answered["recipe"].astype(str)]
    texts = answered["answer_hash"].astype(str).groupby(keys).first().unstack()
    found = []
    for a, b in combinations(texts.columns, 2):
        both = texts[[a, b]].dropna()
        equal = int((both[a] == both[b]).sum())
        if len(both) >= _LEAST and equal >= _ALIKE * len(both):
            found.append({"a": str(a), "b": str(b), "equal": equal, "n": len(both)})
    return found


def alike_sentence(summary: Mapping[str, Any], name: Any) -> str:
    """Which recipes are one recipe by their answers."""
    pairs = [
        f"{name(row['b'])} and {name(row['a'])} ({row['equal']} of {row['n']})"
        for row in summary["same_answers"]
    ]
    if not pairs:
        return ""
    return (
        f"The same answers to the word come from {listed(pairs, 3)}: only what they cost differs."
    )


def kinds_sentence(summary: Mapping[str, Any], name: Any) -> str:
    """Tasks of two kinds, and those that tell no recipe from another."""
    kinds, parts = summary["kinds"], []
    if kinds["scores"]:
        counts = [f"{tasks_of_kind(cells)} {kind}" for kind, cells in kinds["scores"].items()]
        parts.append(f"The mean mixes two kinds of tasks, told apart before it: {listed(counts)}.")
    if kinds["saturated"] and len(summary["recipes"]) > 1:
        tasks = listed([name(task) for task in kinds["saturated"]], 4)
        verb = "is" if len(kinds["saturated"]) == 1 else "are"
        parts.append(
            f"{len(kinds['saturated'])} of {number(kinds['of'], 'task')} {verb} solved in full by "
            f"every recipe every time and tell none from another: {tasks}."
        )
    return " ".join(parts)
