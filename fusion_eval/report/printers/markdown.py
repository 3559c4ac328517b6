"""Blocks as Markdown, readable on GitHub."""

from __future__ import annotations

from collections.abc import Iterable

from fusion_eval.report.blocks import Block, Cell, Figure, Section, Table, Text, parts
from fusion_eval.report.words import escaped


def printed(sections: Iterable[Section]) -> list[str]:
    """Paragraphs of all sections; figures are of the page alone."""
    found: list[str] = []
    for section in sections:
        found += [f"## {section.title}"] if section.title else []
        found += [text for block in section.blocks if (text := block_text(block))]
    return found


def block_text(block: Block) -> str:
    """One block; empty for what Markdown does not show."""
    if isinstance(block, Text):
        return block.text
    return "" if isinstance(block, Figure) else table_text(block)


def table_text(table: Table) -> str:
    """A table; numbers on the right, words on the left."""
    first = f"{table.heads[0]} (SIMULATED)" if table.simulated else table.heads[0]
    rule = ["---" if table.is_word(k) else "---:" for k in range(len(table.heads))]
    heads = [escaped(head) for head in (first, *table.heads[1:])]
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *rows))


def _cell(cell: Cell) -> str:
    return "".join(_words(part) if isinstance(part, str) else str(part) for part in parts(cell))


def _words(part: str) -> str:
    """Escaped, with the spaces that part it from what is beside it."""
    before, after = (" " * part[side:][:1].isspace() for side in (0, -1))
    return f"{before}{escaped(part)}{after}"
