"""Numbers of a page: each says where it stands in `summary.json`, or in which table of the run.

A cell is `<data value="0.7157" data-from="/recipes/panel/score/value">71.6</data>`: the pointer is
a JSON Pointer (RFC 6901) into `summary.json`, so that a reader, or a test, can check every one.
"""

from __future__ import annotations

import json
from functools import cache

from markupsafe import Markup, escape

from fusion_eval.core.readable import KINDS as KINDS
from fusion_eval.report.blocks import Cell, Look, Number, Part, Path, parts

_NOTHING = frozenset({"unknown", "none", "–"})


class Numbers(Look):
    """Looks up numbers for a template and writes them with their origin."""

    def __call__(self, kind: str, *path: str | int, none: str = "unknown") -> Markup:
        """The number at a path; `none` where nothing stands there."""
        return marked(self.number(kind, *path, none=none))


def marked(cell: Cell) -> Markup:
    """A cell as HTML; the ends of an interval stand in an element of their own."""
    pieces = parts(cell)
    ends = [k for k, part in enumerate(pieces) if isinstance(part, Number) and part.end]
    if not ends:
        return Markup("").join(map(_part, pieces))
    first, last = ends[0] - 1, ends[-1] + 2
    before, between = (Markup("").join(map(_part, p)) for p in (pieces[:first], pieces[first:last]))
    after = Markup("").join(map(_part, pieces[last:]))
    opened = between.lstrip()
    return Markup('{} <span class="range">{}</span>{}').format(before, opened, after)


def _part(part: Part) -> Markup:
    if isinstance(part, Number):
        return Markup(  # escaped here, as the format of Markup takes ten times as long
            f'<data value="{escape(json.dumps(part.value))}" data-kind="{escape(part.kind)}"'
            f' data-from="{escape(pointer(*part.path))}">{escape(str(part))}</data>'
        )
    return _none(part) if part in _NOTHING else escape(part)


@cache
def _none(text: str) -> Markup:
    return Markup('<span class="none">{}</span>').format(text)


def pointer(*path: str | int) -> str:
    """The JSON Pointer of a path (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


__all__ = ["KINDS", "Numbers", "Path", "marked", "pointer"]
