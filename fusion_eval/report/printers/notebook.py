"""The first screen of a report as HTML for a notebook, which has no style of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from fusion_eval.report.decision import brief
from fusion_eval.report.first import first
from fusion_eval.report.html.blocks import table_html


def notebook(summary: Mapping[str, Any]) -> str:
    """Sentences and the table, which scrolls where it is wide; everything is escaped."""
    shown = first(summary)
    above = Markup("").join(
        Markup("<p><strong>{}</strong></p>").format(text)
        for text in (*shown.alarms, shown.study, shown.sentence)
        if text
    )
    below = Markup("").join(
        Markup("<p>{}</p>").format(text) for text in (shown.legend, *brief(summary))
    )
    table = Markup('<div style="overflow-x: auto">{}</div>').format(table_html(shown.recipes))
    return str(Markup("<p>{}</p>").format(shown.made) + above + table + below)
