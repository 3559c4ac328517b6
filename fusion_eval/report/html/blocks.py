"""Blocks as HTML: everything in them is escaped, or sanitised where it is our own Markdown."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from fusion_eval.report.blocks import Block, Section, Table, Text, text
from fusion_eval.report.html.numbers import marked
from fusion_eval.report.html.safe import our_own

Figures = Mapping[str, Markup | None]
_CONCLUSIONS = frozenset({"better", "worse"})


def section_html(section: Section, figures: Figures) -> Markup:
    """A section of the page; its heading is named, so that links and readers reach it."""
    return Markup(
        '<section id="{0}" aria-labelledby="h-{0}">\n<h2 id="h-{0}">{1}</h2>\n{2}\n</section>'
    ).format(section.name, section.title, blocks_html(section.blocks, figures))


def blocks_html(blocks: tuple[Block, ...], figures: Figures) -> Markup:
    """Blocks below each other; figures that there is nothing for are left out."""
    return Markup("\n").join(_block(block, figures) for block in blocks)


def _block(block: Block, figures: Figures) -> Markup:
    if isinstance(block, Text):
        return our_own(block.text)
    if isinstance(block, Table):
        return table_html(block)
    drawn = figures.get(block.name)
    if not drawn:
        return Markup("")
    file = block.name if block.name == "pareto" else f"figures/{block.name}"
    return Markup(
        '<figure>{}<p class="tip" aria-live="polite"></p><figcaption>{}. The same figure: '
        '<a href="{}.png">PNG</a>, <a href="{}.svg">SVG</a>.</figcaption></figure>'
    ).format(drawn, block.caption, file, file)


def table_html(table: Table) -> Markup:
    """A table that scrolls within its own frame where a window is narrow."""
    first = f"{table.heads[0]} (SIMULATED)" if table.simulated else table.heads[0]
    heads = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(_kind(table, k), head)
        for k, head in enumerate((first, *table.heads[1:]))
    )
    rows = Markup("\n").join(_row(table, k) for k in range(len(table.rows)))
    return Markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="{}">'
        '<table class="data sticky"><thead><tr>{}</tr></thead>\n<tbody>{}</tbody></table></div>'
    ).format(table.label, heads, rows)


def _row(table: Table, place: int) -> Markup:
    first, *rest = table.rows[place]
    cells = Markup("").join(
        Markup("<td{}>{}</td>").format(_kind(table, k, text(cell)), marked(cell))
        for k, cell in enumerate(rest, 1)
    )
    return Markup('<tr><th scope="row">{}</th>{}</tr>').format(marked(first), cells)


def _kind(table: Table, place: int, said: str = "") -> Markup:
    names = ["word"] * table.is_word(place) + ["long"] * (table.heads[place] == "caveat")
    names += [said] * (said in _CONCLUSIONS) + ["frontier"] * (table.heads[place] == "frontier")
    return Markup(' class="{}"').format(" ".join(names)) if names and place else Markup("")
