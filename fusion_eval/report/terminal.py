"""What `fusion-eval run` prints at its end: the first screen, within the width it has."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from fusion_eval.core.readable import plain
from fusion_eval.report.audit import first_screen
from fusion_eval.report.blocks import Cell, Number, parts
from fusion_eval.report.blocks import Table as Drawn
from fusion_eval.report.decision import brief
from fusion_eval.report.first import first
from fusion_eval.report.kinds import kinds_lines
from fusion_eval.report.sections.recipes import by_score
from fusion_eval.report.summary import summarize
from fusion_eval.store import Run, read_json

WIDTH = 100
_NAME, _LEAST, _GAP = 32, 12, 2
_OPTIONAL = ("frontier", "latency", "tasks")
"""Columns that are left to the report where even two lines a row are too wide, in this order."""
Cells = list[list[tuple[str, str]]]
"""Rows of (value, interval)."""


def table(source: Run | Mapping[str, Any], *, width: int = WIDTH) -> Table:
    """Recipes, best score first, as a rich table; from a run or the content of `summary.json`.

    Where `width` is too narrow for values and intervals side by side, intervals stand below their
    values; names give way, numbers never.
    """
    return recipes(first(_summary(source)).recipes, width)


def recipes(drawn: Drawn, width: int) -> Table:
    """The same from the table of the first screen."""
    heads = list(drawn.heads)
    rows = [
        [_cell(_brief(head, cell)) for head, cell in zip(heads, row, strict=True)]
        for row in drawn.rows
    ]
    stacked = not _fits(heads, rows, width, stacked=False)
    for name in _OPTIONAL if stacked else ():
        if name in heads and not _fits(heads, rows, width, stacked=True):
            k = heads.index(name)
            heads, rows = heads[:k] + heads[k + 1 :], [row[:k] + row[k + 1 :] for row in rows]
    made = Table(box=SIMPLE_HEAD, padding=(0, _GAP - 1, 0, 0), pad_edge=False, width=None)
    room = width - _numbers(heads, rows, stacked) - 1
    first_head = f"recipe{_JOIN[stacked]}(SIMULATED)" if drawn.simulated else "recipe"
    most = max(_LEAST, min(room, _NAME))
    made.add_column(first_head, no_wrap=True, max_width=most, overflow="ellipsis")
    for head in heads[1:]:
        made.add_column(Text(head.replace(", ", _HEAD[stacked])), justify="right", no_wrap=True)
    for row in rows:
        name = _shortened(row[0][0], most)
        made.add_row(Text(name), *(Text(_joined(cell, stacked)) for cell in row[1:]))
    return made


def _brief(head: str, cell: Cell) -> Cell:
    """Of the frontier the status alone; by whom and how surely stands in the report."""
    return parts(cell)[0] if head == "frontier" else cell


_JOIN, _HEAD = {True: "\n", False: " "}, {True: ",\n", False: ", "}


def _shortened(name: str, most: int) -> str:
    """A name that keeps its mark at the end."""
    if len(name) <= most:
        return name
    mark = name[-2:] if name[-1:] == "★" else ""
    return f"{name[: most - 1 - len(mark)]}…{mark}"


def _fits(heads: list[str], rows: Cells, width: int, *, stacked: bool) -> bool:
    names = max((len(row[0][0]) for row in rows), default=_LEAST)
    least = min(names, 20) if stacked else max(min(names, _NAME), len("recipe (SIMULATED)"))
    return _numbers(heads, rows, stacked) + least + 1 <= width


def _numbers(heads: list[str], rows: Cells, stacked: bool) -> int:
    """Columns that all but the names take."""
    total = 0
    for k, head in enumerate(heads[1:], 1):
        words = head.split(", ") if stacked else [head]
        lines = [line for row in rows for line in _joined(row[k], stacked).split("\n")]
        total += max(map(len, [*words, *lines])) + _GAP
    return total


def _joined(cell: tuple[str, str], stacked: bool) -> str:
    value, ends = cell
    if not ends:
        return value
    return f"{value}\n{ends}" if stacked else f"{value} ({ends})"


def _cell(cell: Cell) -> tuple[str, str]:
    """(value, `low–high`); without the sign of dollars in the interval."""
    ends = [str(p).removeprefix("$") for p in parts(cell) if isinstance(p, Number) and p.end]
    if not ends:
        return plain("".join(map(str, parts(cell)))), ""
    before = []
    for part in parts(cell):
        if part == " (":
            break
        before.append(str(part))
    unit = " s" if all(end.endswith(" s") for end in ends) else ""
    return "".join(before), "–".join(end.removesuffix(unit) for end in ends)


def opening(source: Run | Mapping[str, Any], width: int = WIDTH) -> Iterator[tuple[str, str]]:
    """(style, text) of what stands above the table."""
    shown = first(_summary(source))
    for text in shown.alarms:
        yield "bold red", text  # one line, which logs are searched for
    if shown.study:
        yield "bold", _filled(shown.study, width)
    yield "", _filled(shown.made, width)
    yield "bold", _filled(shown.sentence, width)
    for text in shown.kinds:
        yield "", _filled(text, width, "", "  ")


def below(source: Run | Mapping[str, Any], width: int = WIDTH) -> str:
    """What stands below the table: how to read it, and what else is decided; a line each."""
    summary = _summary(source)
    return "\n".join(_filled(text, width) for text in (first(summary).legend, *brief(summary)))


def paragraph(source: Run | Mapping[str, Any], width: int = WIDTH) -> str:
    """The decision in a few sentences, each from a line of its own."""
    summary = _summary(source)
    texts = [first(summary).sentence, *brief(summary)]
    return "\n".join(_filled(text, width) for text in texts)


def findings(source: Run | Mapping[str, Any], width: int = WIDTH) -> list[str]:
    """What is odd in the data, one paragraph each with a mark in front; empty where nothing is."""
    return [_filled(text, width, "! ", "  ") for text in first_screen(_summary(source))]


def kinds(source: Run | Mapping[str, Any], width: int = WIDTH) -> list[str]:
    """Scores of checked and of rubric tasks apart, before they are averaged; else empty."""
    summary = _summary(source)
    lines = kinds_lines(summary, [name for name, _ in by_score(summary)])
    return [_filled(line, width, "", "  ") for line in lines]


def _filled(text: str, width: int, start: str = "", rest: str = "") -> str:
    """Lines of at most `width`; what says how large a number is stays with the number."""
    joined = text.replace("> ", ">\xa0").replace("< ", "<\xa0")
    return textwrap.fill(
        joined,
        width,
        initial_indent=start,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    ).replace("\xa0", " ")


def _summary(source: Run | Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(source, Run):
        return source
    path = source.path / "summary.json"
    return read_json(source, path.name) if path.exists() else summarize(source)
