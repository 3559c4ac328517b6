"""What a report is made of, before anybody prints it: headings, texts, tables, figures.

A number in a table knows its kind and where it stands in `summary.json`; the printers (Markdown,
page, terminal, notebook) only lay it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_eval.core.readable import KINDS

Path = tuple[str | int, ...]
_WORDS = frozenset(
    ["strategy", "against", "criteria", "criterion", "conclusion", "caveat", "frontier", "take"]
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a kind of `KINDS`, and its place in the document; `end` of an interval."""

    kind: str
    value: Any
    path: Path = ()
    end: bool = False

    def __str__(self) -> str:
        return KINDS[self.kind](self.value)


Part = str | Number
Cell = Part | tuple[Part, ...]
"""Text as it is, not escaped for anything; a number; or several of both."""


def parts(cell: Cell) -> tuple[Part, ...]:
    """A cell as its parts."""
    return cell if isinstance(cell, tuple) else (cell,)


@dataclass(frozen=True, slots=True)
class Text:
    """Paragraphs in Markdown, in which every name is escaped."""

    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the page by its name, and what it shows in words."""

    name: str
    caption: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its first heading says SIMULATED where `simulated`.

    words : headings of columns that hold words and not numbers
    left_out : columns that say nothing for any row, and are therefore not in the table
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    simulated: bool
    label: str = ""
    left_out: tuple[str, ...] = ()

    def is_word(self, place: int) -> bool:
        """Whether a column is read as words."""
        return place == 0 or self.heads[place] in _WORDS


Block = Text | Table | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: its heading, the name of its place in the page, and its blocks."""

    name: str
    title: str
    blocks: tuple[Block, ...]


def table(
    heads: Sequence[str], rows: Sequence[Sequence[Cell]], *, simulated: bool, label: str = "",
    sparse: bool = False,
) -> Table:  # fmt: skip
    """A table; with `sparse` without the columns that say nothing for any row."""
    empty = []
    if sparse:
        nothing = ({"unknown"}, {"–"}, {"unknown", "–"})
        empty = [k for k in range(1, len(heads)) if {text(row[k]) for row in rows} in nothing]
    kept = [k for k in range(len(heads)) if k not in empty]
    return Table(
        heads=tuple(heads[k] for k in kept),
        rows=tuple(tuple(row[k] for k in kept) for row in rows),
        simulated=simulated,
        label=label,
        left_out=tuple(heads[k] for k in empty),
    )


def text(cell: Cell) -> str:
    """A cell without any markup."""
    return "".join(str(part) for part in parts(cell))


class Look:
    """Looks up numbers of a JSON document by their path, as cells that know where they stand."""

    def __init__(self, document: Mapping[str, Any], at: Path = ()) -> None:
        self._document = document
        self._at = at

    def below(self, *path: str | int) -> Look:
        """The same for a part of the document."""
        return Look(self.get(*path), (*self._at, *path))

    def get(self, *path: str | int) -> Any:
        """What stands at a path, or None."""
        value: Any = self._document
        for step in path:
            if isinstance(value, Mapping):
                value = value.get(str(step))
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def number(self, kind: str, *path: str | int, none: str = "unknown", end: bool = False) -> Part:
        """The number at a path; `none` where nothing stands there."""
        value = self.get(*path)
        return none if value is None else Number(kind, value, (*self._at, *path), end)

    def interval(
        self, kind: str, *path: str | int, value: str = "value",
        ends: tuple[str, str] = ("low", "high"), none: str = "none",
    ) -> Cell:  # fmt: skip
        """`71.6 (68.3 to 74.6)` of the estimate at a path; its ends where both are known."""
        if self.get(*path, value) is None:
            return none
        first = self.number(kind, *path, value)
        low, high = (self.number(kind, *path, name, none="", end=True) for name in ends)
        if low == "" or high == "":
            return (first, " (no interval)")
        return (first, " (", low, " to ", high, ")")

    def cost(self, *path: str | int) -> Cell:
        """`$0.0223 ($0.0190 to $0.0264)`, `≥ $0.02 (3 unknown)`, or `unknown`."""
        cost = self.get(*path)
        if cost is None:
            return "unknown"
        value = self.number("usd", *path, "value")
        if cost["lower_bound"]:
            return ("≥ ", value, " (", self.number("count", *path, "unknown"), " unknown)")
        if cost["low"] == cost["high"]:
            return value
        return self.interval("usd", *path)
