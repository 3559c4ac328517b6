"""`report.md`, readable on GitHub: decision, figure, tables, small print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion_eval.report.audit import audit_lines
from fusion_eval.report.choice import choice
from fusion_eval.report.content import sections
from fusion_eval.report.decision import findings
from fusion_eval.report.first import first
from fusion_eval.report.notes import notes
from fusion_eval.report.printers.markdown import block_text, printed
from fusion_eval.report.words import escaped, in_code
from fusion_eval.store import Run

BANNER = (
    "> **SIMULATED.** Every number here comes from a simulator. It shows that the tool works; "
    "it says nothing about real models."
)


def markdown(run: Run, summary: Mapping[str, Any], *, figure: bool) -> str:
    """The report as one text; `figure`: whether `pareto.png` stands beside it."""
    shown = first(summary, escaped)
    parts: list[str] = [f"# Report of run {escaped(summary['run_id'])}"]
    parts += [BANNER] if summary["simulated"] else []
    parts += [f"> **{text}**" for text in shown.alarms]
    parts += [f"**{shown.study}**" if shown.study else "", shown.made, f"**{shown.sentence}**"]
    parts += ["## Recipes", "\n".join(f"- {line}" for line in shown.kinds)]
    parts += [block_text(shown.recipes), shown.legend]
    parts += [_picture(summary) if figure else "No answer has a score."]
    parts += ["## What is decided", choice(summary, in_code) if summary["decisions"] else ""]
    parts += ["\n".join(f"- {text}" for text in findings(summary, in_code))]
    if odd := audit_lines(summary, escaped):
        parts += ["## Look at this first", "\n".join(f"- {line}" for line in odd)]
    parts += printed(sections(summary))
    parts += ["## How this was made", *notes(run, summary)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _picture(summary: Mapping[str, Any]) -> str:
    said = "SIMULATED: score" if summary["simulated"] else "Score"
    return f"![{said} against cost, with intervals](pareto.png)"
