"""`report.html` and a page for each task: one run as pages that need no network and run no text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from fusion_eval import files
from fusion_eval.frames import per_task
from fusion_eval.report.audit import audit_lines
from fusion_eval.report.choice import choice
from fusion_eval.report.commands import commands
from fusion_eval.report.decision import findings
from fusion_eval.report.design import sections
from fusion_eval.report.html.environment import page
from fusion_eval.report.html.figures import figures
from fusion_eval.report.html.items import Item, listed, write_items
from fusion_eval.report.html.numbers import Numbers
from fusion_eval.report.html.safe import our_own
from fusion_eval.report.kinds import kinds_table
from fusion_eval.report.markdown import by_score
from fusion_eval.report.notes import gaps_of, identity, methods, money_lines
from fusion_eval.report.trust import trust
from fusion_eval.report.words import plain, points, table
from fusion_eval.report.worthwhile import worth_parts
from fusion_eval.store import Run

__all__ = ["write_pages"]

_SHADES = 5


def write_pages(
    run: Run, trials: pd.DataFrame, estimates: pd.DataFrame, summary: Mapping[str, Any]
) -> dict[str, Path]:
    """Write `report.html` and `items/*.html`; file name -> path of the first.

    trials, estimates : of `frames.trials` and `stats.pareto`; summary : as in `summary.json`
    """
    items = listed(trials)
    write_items(run, items)
    path = run.path / "report.html"
    files.write_text(path, _report(run, trials, estimates, summary, items), synced=False)
    return {path.name: path}


def _report(
    run: Run,
    trials: pd.DataFrame,
    estimates: pd.DataFrame,
    summary: Mapping[str, Any],
    items: Sequence[Item],
) -> str:
    recipes = by_score(summary)
    breakdowns = [
        (title, name, list(summary[name]))
        for title, name in (("domain", "domains"), ("section", "sections"))
        if summary[name]
    ]
    return page(
        "report.html.j2",
        simulated=summary["simulated"],
        run_id=plain(summary["run_id"]),
        heading=_heading(summary),
        s=summary,
        n=Numbers(summary),
        contents=_contents(summary, breakdowns, items),
        audit=audit_lines(summary, plain),
        choice=choice(summary) if len(summary["decisions"]) < 2 else "",
        findings=findings(summary),
        figures=figures(estimates, summary, run.path / "figures"),
        seconds=seconds_by_recipe(summary),
        recipes=recipes,
        kinds=our_own(kinds_table(summary, [name for name, _ in recipes])),
        complete=[r for r, row in recipes if row["failed"] and row["score_complete_cases"]],
        breakdowns=breakdowns,
        parts=_parts(summary),
        money=money_lines(summary, plain),
        roles=_roles(summary),
        gaps=gaps_of(summary, plain),
        items=_items(trials, items, [name for name, _ in recipes]),
        heat=heat,
        cell=_cell,
        methods=methods(summary),
        identity=identity(run, summary, plain),
        commands="\n".join(commands(run)),
    )


def _heading(summary: Mapping[str, Any]) -> str:
    count = len(summary["recipes"])
    return f"{count} recipe{'s' if count != 1 else ''} on {summary['tasks']} " + (
        "task" if summary["tasks"] == 1 else "tasks"
    )


def _parts(summary: Mapping[str, Any]) -> list[tuple[str, Markup]]:
    """(id, content) of what the Markdown report says too: design, worth, trust in the grader."""
    texts = {
        "design": sections(summary, table),
        "worth": worth_parts(summary),
        "trust": trust(summary["grader"]),
    }
    joined = {name: "\n\n".join(part for part in parts if part) for name, parts in texts.items()}
    return [(name, our_own(text)) for name, text in joined.items() if text]


def _contents(
    summary: Mapping[str, Any], breakdowns: Sequence[tuple[str, str, Any]], items: Sequence[Item]
) -> list[tuple[str, str]]:
    found = [("decision", "What to deploy"), ("frontier", "Score and cost")]
    found += [("time", "Score and time")] if summary["frontier_seconds"] else []
    found += [("differences", "Differences")] if summary["comparisons"] else []
    found += [(name, f"By {title}") for title, name, _ in breakdowns]
    titles = {"design": "Design", "worth": "What fusion adds", "trust": "The grader"}
    found += [(name, titles[name]) for name, _ in _parts(summary)]
    found += [("money", "Money"), ("gaps", "Gaps")]
    found += [("tasks", "Tasks")] if items else []
    return [*found, ("made", "How this was made")]


def seconds_by_recipe(summary: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    """(place in the summary, row) of the frontier in seconds, best score first."""

    def by_score(item: tuple[int, Mapping[str, Any]]) -> float:
        score = item[1]["score"]
        return math.inf if score is None else -score

    return sorted(enumerate(summary["frontier_seconds"]), key=by_score)


def _roles(summary: Mapping[str, Any]) -> list[str]:
    """All roles that some recipe pays for, the dearest first."""
    known = {role for row in summary["money"]["by_recipe"].values() for role in row["roles"]}
    order = list(summary["money"]["by_role"])
    return sorted(known, key=lambda role: order.index(role) if role in order else len(order))


def _items(
    trials: pd.DataFrame, items: Sequence[Item], recipes: Sequence[str]
) -> list[dict[str, Any]]:
    """For each task the file of its page, and the mean score of every recipe there (or None)."""
    wide = per_task(trials).reindex(columns=list(recipes)).astype(object)
    wide = wide.where(wide.notna(), None)
    return [
        {
            "task": plain(item.task),
            "file": item.file,
            "scores": list(wide.loc[item.task_hash]) if item.task_hash in wide.index else [],
        }
        for item in items
    ]


def heat(value: float | None) -> str:
    """The class of a cell: the higher the score, the deeper the shade."""
    return "" if value is None else f"h{min(_SHADES, max(0, round(_SHADES * value)))}"


def _cell(value: float | None) -> Markup:
    if value is None:
        return Markup('<span class="none">none</span>')
    return Markup('<data value="{}">{}</data>').format(repr(float(value)), points(value))
