"""`fe.show`: what a person reads of a table, a run or a plan, in a notebook or a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich.console import Console

from fusion_eval.bench.plan import Plan
from fusion_eval.errors import StatisticsError
from fusion_eval.report.people import Readable, readable
from fusion_eval.report.printers.notebook import notebook
from fusion_eval.report.summary import summarize
from fusion_eval.report.terminal import WIDTH, below, opening, table
from fusion_eval.store import Run
from fusion_eval.terminal import plan_parts


def show(thing: pd.DataFrame | Run | Plan, columns: Sequence[str] | None = None) -> Readable:
    """Something to look at: points instead of 0 to 1, intervals in one cell, caveats below.

    thing : a table of ours; a run (its recipes and the decision in words); or a plan (calls and
        dollars). SIMULATED stands on everything that is
    columns : which columns of a table, in this order; by default all but sentences

    Returns an object that a notebook renders and `print` prints. Raises StatisticsError for
    columns that are not there, and for things that have no such form.
    """
    if isinstance(thing, pd.DataFrame):
        return readable(thing, columns)
    if columns is not None:
        raise StatisticsError("columns are for tables; give a DataFrame")
    if isinstance(thing, Run):
        summary = summarize(thing)  # that of the run's folder may be of another day, or damaged
        above = [text for _, text in opening(summary)]
        made = _text(*above, table(summary), below(summary))
        return Readable(made.text, notebook(summary))
    if isinstance(thing, Plan):
        return _text(*plan_parts(thing))
    raise StatisticsError(f"{type(thing).__name__} is no table, run or plan; print shows it")


def _text(*parts: Any) -> Readable:
    out = Console(
        file=io.StringIO(), width=WIDTH + 10, highlight=False, color_system=None,
        force_terminal=False, force_jupyter=False,
    )  # fmt: skip
    for part in parts:
        out.print(part, markup=False)
    text = out.file.getvalue()  # type: ignore[attr-defined]
    lines = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    return Readable(lines)
