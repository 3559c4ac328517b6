"""What a person reads after a run: pages, `report.md`, figures; `summary.json` for programs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fusion_eval import files, frames, stats
from fusion_eval.plots import style
from fusion_eval.plots.pareto import draw as draw_pareto
from fusion_eval.plots.pareto import has_costs
from fusion_eval.plots.scores import draw as draw_scores
from fusion_eval.report.blocks import Look
from fusion_eval.report.grader import grader_report
from fusion_eval.report.html import write_pages
from fusion_eval.report.markdown import BANNER, markdown
from fusion_eval.report.padding import write_padded
from fusion_eval.report.printers.markdown import printed
from fusion_eval.report.sections.trust import trust
from fusion_eval.report.summary import summarize
from fusion_eval.report.words import escaped
from fusion_eval.store import Run, read_run, write_json

__all__ = ["grader_markdown", "grader_report", "summarize", "write", "write_padded"]


def write(run: Run | str | Path) -> dict[str, Path]:
    """Write report.html, items/, report.md, pareto.png, pareto.svg and summary.json into the run.

    Makes no call and takes nothing but the run's files. `summary.json` comes last: where it is,
    the report is whole. Returns file name -> path; the figure is missing where no answer has a
    score. Raises TableError for a run without tables.
    """
    opened = run if isinstance(run, Run) else read_run(run)
    files.sweep(opened.path)
    trials = frames.trials(opened)
    table = stats.pareto(trials)
    summary = summarize(opened, table)
    written = _figure(table, opened.path)
    text = markdown(opened, summary, figure="pareto.png" in written)
    path = opened.path / "report.md"
    files.write_text(path, text, synced=False)
    written |= {**write_pages(opened, trials, table, summary), "report.md": path}
    written["summary.json"] = write_json(opened.path / "summary.json", summary)
    return written


def grader_markdown(
    run: Run | str | Path, *others: Run | str | Path, padded: Run | str | Path | None = None
) -> str:
    """What `grader_report` says, in words and tables. Calls nothing."""
    found = grader_report(run, *others, padded=padded)
    graded = trust(found, Look(found))
    parts = [f"# Grader of run {escaped(found['run_id'])}", BANNER if found["simulated"] else ""]
    parts += printed([graded]) if graded else ["No answer of this run was graded by a model."]
    return "\n\n".join(part for part in parts if part) + "\n"


def _figure(table: pd.DataFrame, folder: Path) -> dict[str, Path]:
    if not table["score"].notna().any():
        return {}
    draw = draw_pareto if has_costs(table) else draw_scores
    ax = draw(style.figure(4.0), table)
    paths = {name: folder / name for name in ("pareto.png", "pareto.svg")}
    style.save(ax, *paths.values())
    return paths
