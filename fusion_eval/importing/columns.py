"""Which column of a foreign table is which of ours."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from fusion_eval.importing.problems import Problems
from fusion_eval.importing.sheet import Sheet, cell, joined

_FACTS: Mapping[str, tuple[str, ...]] = {
    "recipe": (
        "recipe", "system", "config", "model", "model_id", "model_name", "provider.id", "provider",
        "method", "generator", "agent", "model_a", "model_1", "generator_2",
    ),
    "task": (
        "task", "task_id", "question_id", "sample_id", "doc_id", "instance_id", "item_id",
        "example_id", "prompt_id", "item", "testIdx", "id",
    ),
    "repeat": ("repeat", "epoch", "trial_index", "attempt", "replicate"),
    "cost_usd": ("cost_usd", "total_cost_usd", "cost", "total_cost"),
    "latency_s": (
        "latency_s", "latency_seconds", "duration_s", "duration_seconds", "elapsed_s",
        "latency_ms", "latencyMs", "duration_ms", "performance.latency_ms",
    ),
    "failure": ("failure", "error"),
    "domain": ("domain", "category", "subject"),
    "cluster": ("cluster", "cluster_id"),
    "strategy": ("strategy",),
    "finish": ("finish", "finish_reason", "stop_reason"),
    "tokens_in": (
        "tokens_in", "input_tokens", "prompt_tokens", "tokenUsage.prompt",
        "token_usage.input_tokens", "usage.prompt_tokens", "usage.input_tokens",
    ),
    "tokens_out": (
        "tokens_out", "output_tokens", "completion_tokens", "tokenUsage.completion",
        "token_usage.output_tokens", "usage.completion_tokens", "usage.output_tokens",
    ),
    "answer": (
        "answer", "response.output", "output", "response", "completion", "prediction", "text",
    ),
    "question": ("question", "prompt", "instruction", "input"),
    "model_served": ("model_served", "served_model"),
    "max_tokens": ("max_tokens",),
    "date": ("date", "created_at", "timestamp"),
    "version": ("version",),
}  # fmt: skip
_GRADING: Mapping[str, tuple[str, ...]] = {
    "criterion": ("criterion", "criterion_id"),
    "verdict": ("verdict", "met"),
    "score": (
        "score", "evaluation.score", "is_correct", "correct", "resolved", "passed", "pass",
        "success", "accuracy", "acc", "reward", "exact_match", "value",
    ),
    "against": ("against", "opponent", "baseline", "model_b", "model_2", "generator_1"),
    "preference": ("preference", "winner"),
    "grader": ("grader", "judge", "annotator"),
    "grader_pass": ("grader_pass",),
    "weight": ("weight",),
    "section": ("section",),
    "reason": ("reason",),
}  # fmt: skip
TABLE_COLUMNS: Mapping[str, tuple[str, ...]] = {**_FACTS, **_GRADING}
"""Our name -> the names that a table of verdicts or scores may use for it, the likeliest first."""

TRIAL_COLUMNS = _FACTS
"""The same for a file of facts about whole answers."""

CRITERIA_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "task": ("task", "task_id"),
    "criterion": ("criterion", "criterion_id"),
    "weight": ("weight",),
    "section": ("section",),
    "domain": ("domain",),
}
"""The same for a criteria file."""

UNITS: Mapping[str, float] = dict.fromkeys(
    ("latency_ms", "latencyMs", "duration_ms", "performance.latency_ms"), 1e-3
)
"""What to multiply by, for columns in other units than ours."""
COUNTED = "#"
"""As a column for `repeat`: number the rows of one recipe and task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """`used`: our name -> the file's name or path. `ignored`: columns that nobody reads."""

    used: dict[str, str]
    ignored: list[str]
    known: Mapping[str, tuple[str, ...]]
    names: list[str] = field(default_factory=list)

    def missing(self, names: Iterable[str]) -> tuple[str, str]:
        """What is missing, and what might be meant."""
        wanted = list(names)
        spelled = [" or ".join(repr(name) for name in self.known[n][:3]) for n in wanted]
        what = f"no column {', no column '.join(spelled)}"
        first = wanted[0]
        close = difflib.get_close_matches(first, self.ignored, n=1, cutoff=_CLOSE)
        contains = [name for name in self.ignored if first in name.lower()]
        example = (contains or close or ["your_name"])[0]
        there = ", ".join(self.names) or "none"
        way = f"map one with --columns {first}={example}"
        if first == "recipe":
            way += ", or name the one recipe of the file: --set recipe=NAME"
            if len(self.ignored) > 1 and "task" in self.used:
                both = "|".join(self.ignored[:2])
                way += f"; where each recipe has a column of scores: --columns 'score={both}'"
        return what, f"the file has {there}; {way}"


_CLOSE = 0.75


def assign(
    sheet: Sheet,
    known: Mapping[str, tuple[str, ...]],
    chosen: Mapping[str, str],
    problems: Problems,
    *,
    fixed: Iterable[str] = (),
) -> Columns:
    """Find our columns in a sheet; `chosen` (our name -> theirs, or a path) comes first.

    `fixed` are ours that are given otherwise, so that no column is taken for them. Columns may be
    joined, `a+b`. A name that stands behind another in the list of names is taken only where the
    first is absent; both are then named, the second as ignored.
    """
    used: dict[str, str] = {}
    for ours, theirs in chosen.items():
        if ours not in known:
            problems.add("--columns", f"{ours!r} is no column of ours", f"use: {', '.join(known)}")
        elif lost := [part for part in parts(sheet, theirs) if not sheet.has(part)]:
            if theirs == COUNTED and ours == "repeat":
                continue
            there = ", ".join(sheet.names())
            problems.add("--columns", f"{sheet.file} has no column {lost[0]!r}", f"it has {there}")
        else:
            used[ours] = theirs
    plain = {_plain(name): name for name in reversed(sheet.names())}

    def spelled(name: str) -> str | None:
        """The column that has this name, perhaps in other letters: `Question ID`."""
        return name if sheet.has(name) else plain.get(_plain(name))

    given = {*fixed, *(name for name, theirs in chosen.items() if theirs == COUNTED)}
    for ours, names in known.items():
        taken = [part for theirs in used.values() for part in parts(sheet, theirs)]
        free = (real for name in names if (real := spelled(name)) and real not in taken)
        if ours not in used and ours not in given and (first := next(free, None)):
            used[ours] = first
    read = [part for theirs in used.values() for part in parts(sheet, theirs)]
    return Columns(used=used, ignored=sheet.rest(read), known=known, names=sheet.names())


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def parts(sheet: Sheet, theirs: str) -> list[str]:
    """The columns that `a+b` joins; a column that is itself called so is one."""
    return [theirs] if sheet.has(theirs) else theirs.split("+")


SWAPPED = "preference_swapped"
"""Column of what was preferred where the same two answers stood in the other order."""
TEXTS = frozenset({"answer", "question", "reason"})
"""Columns whose cells are kept to the last blank."""


def taken(sheet: Sheet, named: Columns) -> pd.DataFrame:
    """The columns of ours that a sheet has, as text; the index is `file:line`."""
    index = [f"{sheet.file}:{line}" for line in sheet.lines]
    made: dict[str, pd.Series] = {}
    for ours, theirs in named.used.items():
        cells = [sheet.column(part) for part in parts(sheet, theirs)]
        if ours == "preference" and len(cells) == 2:  # two orders, and no name of two parts
            made[SWAPPED] = cells.pop().str.strip()
        column = joined(cells)
        if (factor := UNITS.get(theirs)) is not None:
            number = pd.to_numeric(column, errors="coerce")
            column = (number * factor).map(cell).astype("str").where(number.notna(), column)
        made[ours] = column if ours in TEXTS else column.str.strip()
    return pd.DataFrame(made).set_axis(pd.Index(index, dtype="str"), axis=0)
