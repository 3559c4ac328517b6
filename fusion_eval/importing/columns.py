"""Which column of a foreign table is which of ours."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fusion_eval.importing.problems import Problems

TABLE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "recipe": ("recipe", "system", "config"),
    "task": ("task", "task_id"),
    "criterion": ("criterion", "criterion_id"),
    "verdict": ("verdict", "met"),
    "score": ("score",),
    "repeat": ("repeat",),
    "grader": ("grader",),
    "grader_pass": ("grader_pass",),
    "cost_usd": ("cost_usd",),
    "latency_s": ("latency_s",),
    "failure": ("failure",),
    "domain": ("domain",),
    "strategy": ("strategy",),
    "finish": ("finish",),
    "tokens_in": ("tokens_in",),
    "tokens_out": ("tokens_out",),
}
"""Our name -> the names that a table of verdicts or scores may use for it."""

TRIAL_COLUMNS: Mapping[str, tuple[str, ...]] = {
    name: names
    for name, names in TABLE_COLUMNS.items()
    if name not in {"criterion", "verdict", "score", "grader", "grader_pass"}
}
"""The same for a file of facts about whole answers."""

CRITERIA_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "task": ("task", "task_id"),
    "criterion": ("criterion", "criterion_id"),
    "weight": ("weight",),
    "section": ("section",),
    "domain": ("domain",),
}
"""The same for a criteria file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """`used`: our name -> the file's name. `ignored`: columns that nobody reads."""

    used: dict[str, str]
    ignored: list[str]
    known: Mapping[str, tuple[str, ...]]

    def missing(self, names: Iterable[str]) -> tuple[str, str]:
        """What is missing, and what might be meant."""
        wanted = list(names)
        spelled = [" or ".join(repr(name) for name in self.known[n]) for n in wanted]
        what = f"no column {', no column '.join(spelled)}"
        close = difflib.get_close_matches(wanted[0], self.ignored, n=1, cutoff=0.5)
        example = close[0] if close else "your_name"
        there = ", ".join([*self.used.values(), *self.ignored]) or "none"
        return what, f"the file has {there}; map one with --columns {wanted[0]}={example}"


def assign(
    columns: Iterable[str],
    known: Mapping[str, tuple[str, ...]],
    chosen: Mapping[str, str],
    where: str,
    problems: Problems,
) -> Columns:
    """Find our columns among `columns`; `chosen` (our name -> theirs) comes first."""
    there = list(columns)
    for twice in {name for name in there if there.count(name) > 1}:
        problems.add(where, f"two columns named {twice!r}", "rename one")
    used: dict[str, str] = {}
    for ours, theirs in chosen.items():
        if ours not in known:
            problems.add("--columns", f"{ours!r} is no column of ours", f"use: {', '.join(known)}")
        elif theirs not in there:
            problems.add("--columns", f"{where} has no column {theirs!r}", f"it has {there}")
        else:
            used[ours] = theirs
    for ours, names in known.items():
        free = [name for name in names if name in there and name not in used.values()]
        if ours not in used and free:
            used[ours] = free[0]
    return Columns(
        used=used, ignored=[name for name in there if name not in used.values()], known=known
    )
