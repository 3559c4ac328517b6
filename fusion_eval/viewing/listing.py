"""The list of runs in a terminal: one line each where it fits, else two; no number is cut."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from fusion_eval.viewing.runs import Listed
from fusion_eval.viewing.words import day, paid, status, told, trials

_HEADS = ("run", "date (UTC)", "status", "trials", "paid", "recipes", "tasks", "bench", "")
_RIGHT = {"trials", "paid", "recipes"}


def lines(rows: Sequence[Listed], width: int | None) -> Iterator[str]:
    """The list in a terminal of so many columns; None for a pipe, where lines are as long as they
    are."""
    if not rows:
        yield "no runs here yet; `fusion-eval run TASKS` makes one"
        return
    cells = [_cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(_HEADS, *cells, strict=True)]
    if width is None or sum(widths) + 2 * len(widths) - 2 <= width:
        yield _line(_HEADS, widths)
        for row, texts in zip(rows, cells, strict=True):
            yield _line(texts, widths) if row.problem is None else _damaged(row)
        return
    for row, texts in zip(rows, cells, strict=True):
        yield from _folded(row, texts, width)


def _cells(row: Listed) -> tuple[str, ...]:
    if row.problem is not None:
        return (told(row.id), *[""] * (len(_HEADS) - 1))
    count = told(len(row.recipes) or None)
    mark = "SIMULATED" if row.simulated else ""
    head = (told(row.id), day(row.date), status(row.status), trials(row), paid(row), count)
    return (*head, told(row.tasks), told(row.bench), mark)


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        text.rjust(size) if head in _RIGHT else text.ljust(size)
        for head, text, size in zip(_HEADS, texts, widths, strict=True)
    ]
    return "  ".join(cells).rstrip()


def _folded(row: Listed, texts: Sequence[str], width: int) -> Iterator[str]:
    """The name on a line of its own, what is known below it, broken between parts only."""
    if row.problem is not None:
        yield from textwrap.wrap(_damaged(row), width, subsequent_indent="    ")
        return
    name, date, ended, count, dollars, recipes, tasks, bench, mark = texts
    yield name
    parts = [date, mark, ended, f"{count} trials", f"paid {dollars}", f"{recipes} recipes"]
    parts += [f"tasks {tasks}", f"bench {bench}"]
    glued = [part.replace(" ", "\0") for part in parts if part]
    below = textwrap.wrap(
        ", ".join(glued),
        width,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=True,
        break_on_hyphens=False,
    )
    yield from (line.replace("\0", " ") for line in below)


def _damaged(row: Listed) -> str:
    return f"{told(row.id)}  cannot be read: {told(row.problem)}"
