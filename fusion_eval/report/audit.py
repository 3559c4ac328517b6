"""What is odd in what was run or imported: what a person should look at before any conclusion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from fusion_eval.frames import token_limits
from fusion_eval.report.words import listed, number, plain, points
from fusion_eval.stats.ceiling import Ceiling, ceiling
from fusion_eval.store import Run

Finding = dict[str, Any]
Name = Callable[[str], str]
_SHOWN = 5
_FIRST_SCREEN = 8


def audit(run: Run, trials: pd.DataFrame) -> list[Finding]:
    """Findings of the import, and those that every table of trials has to bear.

    Each has a `kind`, a `text`, and what it is about (`recipes`, `tasks`, …).
    """
    made = [dict(one) for one in run.manifest.get("audit") or []]
    counted = _denominators(trials)
    reach = ceiling(trials) if trials["score"].notna().any() else None
    limits = [] if any(one["kind"] == "token limits" for one in made) else _limits(run)
    return [*made, *_unscored(run, trials), *limits, *counted, *_all_fail(reach)]


def _limits(run: Run) -> list[Finding]:
    """Recipes that answered under different token limits."""
    limits = token_limits(run.manifest)
    if len(set(limits.values())) < 2:
        return []
    by_limit = {
        limit: [plain(r) for r in limits if limits[r] == limit] for limit in limits.values()
    }
    said = [f"{limit}: {listed(names, 3)}" for limit, names in by_limit.items()]
    text = f"recipes answered under different token limits ({'; '.join(said)})"
    return [{"kind": "token limits", "text": text, "recipes": {r: [n] for r, n in limits.items()}}]


def _unscored(run: Run, trials: pd.DataFrame) -> list[Finding]:
    """A run on bare prompts: its answers wait for a comparison."""
    answered = trials["failure"].isna().any()
    if trials["score"].notna().any() or trials["protocol"].notna().any() or not answered:
        return []
    first = plain(trials["recipe"].iloc[0])
    text = (
        "no answer has a score: the tasks have neither target nor rubric, or nothing was graded. "
        f"By preference: `fusion-eval grade {run.id} --protocol pairwise --against '{first}'`"
    )
    return [{"kind": "no scores", "text": text}]


def _denominators(trials: pd.DataFrame) -> list[Finding]:
    """Which recipes lack tasks that others have."""
    tasks = trials.groupby("recipe", sort=False)["task_hash"].agg(set)
    everything = set().union(*tasks)
    common = set.intersection(*tasks)
    lacking = {str(r): len(everything) - len(has) for r, has in tasks.items()}
    lacking = {r: n for r, n in lacking.items() if n}
    if not lacking:
        return []
    order = sorted(lacking, key=lambda r: -lacking[r])
    said = [f"{plain(r)} has {len(everything) - lacking[r]:,}" for r in order]
    text = (
        f"recipes have different tasks: of {len(everything):,}, {listed(said, 3)}; "
        f"{len(common):,} are common to all"
    )
    has = {str(r): len(t) for r, t in tasks.items()}
    return [{"kind": "denominators", "text": text, "recipes": has, "common": len(common)}]


def _all_fail(reach: Ceiling | None) -> list[Finding]:
    if reach is None or not reach.failed:
        return []
    share = len(reach.failed) / reach.of
    text = (
        f"all recipes fail {number(len(reach.failed), 'task')} of {reach.of:,} ({share:.0%}): "
        f"{listed([plain(task) for task in reach.failed], _SHOWN)}. Read these: the grader or the "
        "target is the likeliest cause. No router, vote or cascade over these recipes can gain "
        f"more than {points(reach.beaten.high)} points over {plain(reach.best)} (95 %, exact; "
        f"{points(reach.gain)} on these tasks)"
    )
    return [{
        "kind": "all fail", "text": text, "tasks": list(reach.failed), "of": reach.of,
        "best": reach.best, "gain": reach.gain, "gain_high": reach.beaten.high, "level": 0.95,
    }]  # fmt: skip


def audit_lines(summary: Mapping[str, Any], name: Name = plain) -> list[str]:
    """The findings, one line each, those first that change a conclusion."""
    found = summary.get("audit") or []
    return [name(one["text"]) + "." for one in found]


def first_screen(summary: Mapping[str, Any]) -> list[str]:
    """The lines of the terminal; what does not fit is counted."""
    lines = audit_lines(summary)
    rest = len(lines) - _FIRST_SCREEN
    more = [f"{number(rest, 'more finding')} in summary.json."] if rest > 0 else []
    return lines[:_FIRST_SCREEN] + more
