"""What `fusion-eval run` prints at its end: a table and a paragraph within 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from fusion_eval.report.audit import first_screen
from fusion_eval.report.decision import brief
from fusion_eval.report.final_answers import loud
from fusion_eval.report.kinds import kinds_lines
from fusion_eval.report.markdown import by_score
from fusion_eval.report.summary import summarize
from fusion_eval.report.words import dollars, number, plain, points
from fusion_eval.stats.frontier import NEVER, NOT_COMPARED
from fusion_eval.store import Run, read_json

WIDTH = 100
LINES = 5
"""Lines that the decision may take on a terminal."""
_NAME, _LEAST = 24, 12
_COLUMNS = ("score, points", "tasks", "cost per task", "latency", "failed", "frontier")


def table(source: Run | Mapping[str, Any], *, named: bool = True, width: int = WIDTH) -> Table:
    """Recipes, best score first, as a rich table; from a run or the content of `summary.json`.

    `named`: the run's id stands above it. Names give way where `width` is too narrow for all.
    """
    summary = _summary(source)
    title = f"{plain(summary['run_id'])}: {_size(summary)}" if named else _size(summary)
    made = Table(
        box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, width=None, title_justify="left",
        title=Text(f"SIMULATED  {title}" if summary["simulated"] else title),
        caption=Text("SIMULATED" if summary["simulated"] else ""),
    )  # fmt: skip
    rows = [_cells(name, row) for name, row in by_score(summary)]
    known = [k for k in range(len(_COLUMNS)) if _says(_COLUMNS[k], {row[k + 1] for row in rows})]
    shown = [_COLUMNS[k] for k in known]
    first = "recipe (SIMULATED)" if summary["simulated"] else "recipe"
    room = _NAME + 10 * (len(_COLUMNS) - 1 - len(known)) + (4 if "tasks" in shown else 0)
    if summary["never_answered"]:
        room -= len(NEVER) - len("undecided")
    wide = {k: max(len(_COLUMNS[k]), *(len(row[k + 1]) for row in rows)) for k in known}
    if width - sum(wide.values()) - 2 * len(wide) - 3 < _LEAST and "latency" in shown:
        known.remove(_COLUMNS.index("latency"))  # the report has it
    room = min(room, width - sum(wide[k] for k in known) - 2 * len(known) - 3)
    room = max(_LEAST, room)
    made.add_column(first, no_wrap=True, max_width=room, overflow="ellipsis")
    for k in known:
        made.add_column(_COLUMNS[k], justify="right", no_wrap=True)
    for row in rows:
        made.add_row(Text(row[0]), *(Text(row[k + 1]) for k in known))
    return made


def _size(summary: Mapping[str, Any]) -> str:
    return f"{number(summary['tasks'], 'task')}, {number(summary['repeats'], 'repeat')}"


def paragraph(source: Run | Mapping[str, Any], width: int = WIDTH) -> str:
    """The decision in at most five lines of `width` columns; a longer one ends in `…`."""
    texts = brief(_summary(source))
    lines: list[str] = []
    for rest, text in zip(range(len(texts) - 1, -1, -1), texts, strict=True):
        lines += textwrap.wrap(
            text, width, break_long_words=False, break_on_hyphens=False,
            max_lines=LINES - len(lines) - rest, placeholder=" …",
        )  # fmt: skip
    return "\n".join(lines)


def findings(source: Run | Mapping[str, Any], width: int = WIDTH) -> list[str]:
    """What is odd in the data, one paragraph each with a mark in front; empty where nothing is."""
    lines = first_screen(_summary(source))
    return [
        textwrap.fill(text, width, initial_indent="! ", subsequent_indent="  ",
                      break_long_words=False, break_on_hyphens=False)
        for text in lines
    ]  # fmt: skip


def kinds(source: Run | Mapping[str, Any], width: int = WIDTH) -> list[str]:
    """Scores of checked and of rubric tasks apart, before they are averaged; else empty."""
    summary = _summary(source)
    lines = kinds_lines(summary, [name for name, _ in by_score(summary)])
    return [
        textwrap.fill(line, width, subsequent_indent="  ", break_on_hyphens=False) for line in lines
    ]


def unread_answers(source: Run | Mapping[str, Any]) -> list[str]:
    """That more than 5 % of the answers had no final answer; empty where fewer had none."""
    return loud(_summary(source).get("final_answers"))


def _summary(source: Run | Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(source, Run):
        return source
    path = source.path / "summary.json"
    return read_json(source, path.name) if path.exists() else summarize(source)


def _says(column: str, cells: set[str]) -> bool:
    """Whether a column tells recipes apart or says something: tasks only where they differ."""
    return len(cells) > 1 if column == "tasks" else cells != {"unknown"}


def _cells(name: str, row: Mapping[str, Any]) -> list[str]:
    score, latency = row["score"], row["latency_s"]
    return [
        plain(name),
        f"{points(score['value'])} ({points(score['low'])}–{points(score['high'])})"
        if score
        else "none",
        str(score["n"] if score else 0),
        _cost(row["cost_usd"]),
        f"{latency['value']:.3g} s" if latency else "unknown",
        f"{row['failed']}/{row['trials']}",
        row["frontier"]
        if row["on_frontier"] is not None or row["frontier"] in (NEVER, NOT_COMPARED)
        else "unknown",
    ]


def _cost(cost: Mapping[str, Any] | None) -> str:
    if cost is None:
        return "unknown"
    if cost["lower_bound"]:
        return f"≥ {dollars(cost['value'], 2)}"
    if cost["low"] is None or cost["low"] == cost["high"]:
        return dollars(cost["value"], 2)
    low, high = (dollars(cost[end], 2).lstrip("$") for end in ("low", "high"))
    return f"{dollars(cost['value'], 2)} ({low}–{high})"
