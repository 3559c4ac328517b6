"""`report.html` and a page for each task: one run as pages that need no network and run no text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from fusion_eval import files
from fusion_eval.core.readable import percent, plain
from fusion_eval.report.audit import audit_lines
from fusion_eval.report.choice import choice
from fusion_eval.report.commands import commands
from fusion_eval.report.content import sections
from fusion_eval.report.decision import findings
from fusion_eval.report.first import first
from fusion_eval.report.html.blocks import section_html, table_html
from fusion_eval.report.html.environment import page
from fusion_eval.report.html.figures import figures
from fusion_eval.report.html.items import Item, listed, write_items
from fusion_eval.report.html.tasks import SHOWN, cell, data, heat, tasks_of
from fusion_eval.report.notes import identity, methods
from fusion_eval.report.sections.recipes import by_score
from fusion_eval.report.words import dollars, number
from fusion_eval.store import Run

__all__ = ["write_pages"]


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
    recipes = [name for name, _ in by_score(summary)]
    drawn = figures(estimates, summary, run.path / "figures")
    parts = list(sections(summary))
    shown = first(summary)
    return page(
        "report.html.j2",
        simulated=summary["simulated"],
        run_id=plain(summary["run_id"]),
        heading=_heading(summary),
        first=shown,
        table=table_html(shown.recipes),
        grid=data(summary["choice_grid"]) if summary["choice_grid"]["values"] else "",
        default=_default(summary["choice_grid"]),
        limits=[limit for limit in summary["choice_grid"]["limits_s"] if limit],
        contents=_contents(parts, items),
        audit=audit_lines(summary, plain),
        choice=choice(summary) if summary["decisions"] else "",
        findings=findings(summary),
        figures=drawn,
        sections=[section_html(part, drawn) for part in parts],
        recipes=recipes,
        tasks=tasks_of(trials, items, recipes, summary["kinds"]["saturated"]),
        data=data,
        shown=SHOWN,
        heat=heat,
        cell=cell,
        methods=methods(summary),
        identity=identity(run, summary, plain),
        commands="\n".join(commands(run)),
    )


def _heading(summary: Mapping[str, Any]) -> str:
    recipes = number(len(summary["recipes"]), "recipe")
    return f"{recipes} on {number(summary['tasks'], 'task')}"


def _default(grid: Mapping[str, Any]) -> Mapping[str, str] | None:
    """The choice in the middle of the values that were looked at, without a time limit."""
    if not grid["values"]:
        return None
    middle = len(grid["values"]) // 2
    taken = grid["chosen"][0][middle]
    if taken is None:
        return None
    return {
        "value": f"{grid['values'][middle]:.2g}",
        "usd": dollars(float(f"{grid['values'][middle]:.2g}"), 2),
        "recipe": grid["recipes"][taken],
        "sure": percent(grid["probability"][0][middle], 0),
    }


def _contents(parts: Sequence[Any], items: Sequence[Item]) -> list[tuple[str, Markup | str]]:
    return [
        ("frontier", "What to deploy"),
        ("decision", "What is decided"),
        *((part.name, part.title) for part in parts),
        *([("tasks", "Tasks")] if items else []),
        ("made", "How this was made"),
    ]
