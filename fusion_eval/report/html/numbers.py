"""Numbers of a page: each is looked up in `summary.json` and says where it stands there.

A cell is `<data value="0.7157" data-from="/recipes/panel/score/value">71.6</data>`: the pointer is
a JSON Pointer (RFC 6901) into `summary.json`, so that a reader, or a test, can check every one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from markupsafe import Markup, escape

from fusion_eval.report.words import dollars, points
from fusion_eval.stats.caveats import percent

Kind = Callable[[Any], str]

KINDS: dict[str, Kind] = {
    "points": points,
    "difference": lambda value: points(value, signed=True),
    "usd": dollars,
    "usd2": lambda value: dollars(value, 2),
    "percent": lambda value: percent(value, 0),
    "percent1": percent,
    "count": lambda value: f"{value:,}",
    "plain": lambda value: f"{value:g}",
    "seconds": lambda value: f"{value:.3g} s",
    "p": lambda value: "< 0.001" if value < 0.001 else f"{value:.3f}",
}
"""How a number is written, by what it is."""


class Numbers:
    """Looks up numbers of one JSON document by pointer and writes them with their origin."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def __call__(self, kind: str, *path: str | int, none: str = "unknown") -> Markup:
        """The number at a path; `none` where nothing stands there."""
        value = self.get(*path)
        if value is None:
            return _none(none)
        said, origin, text = json.dumps(value), pointer(*path), KINDS[kind](value)
        return Markup(  # escaped here, as the format of Markup takes ten times as long
            f'<data value="{escape(said)}" data-from="{escape(origin)}">{escape(text)}</data>'
        )

    def get(self, *path: str | int) -> Any:
        """What stands at a path, or None."""
        value: Any = self._document
        for step in path:
            if type(value) is dict or isinstance(value, Mapping):
                value = value.get(str(step))
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def interval(self, kind: str, *path: str | int, value: str = "value") -> Markup:
        """`71.6 (68.3 to 74.6)` of the estimate at a path; its ends where there are any."""
        if self.get(*path) is None or self.get(*path, value) is None:
            return Markup('<span class="none">unknown</span>')
        found = self(kind, *path, value)
        if self.get(*path, "lower_bound"):
            unknown = self("count", *path, "unknown")
            return Markup("≥ {} ({} unknown)").format(found, unknown)
        if self.get(*path, "low") is None or self.get(*path, "high") is None:
            return Markup('{} <span class="none">(no interval)</span>').format(found)
        low, high = self(kind, *path, "low"), self(kind, *path, "high")
        return Markup('{} <span class="range">({} to {})</span>').format(found, low, high)


@cache
def _none(text: str) -> Markup:
    return Markup('<span class="none">{}</span>').format(text)


def pointer(*path: str | int) -> str:
    """The JSON Pointer of a path (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
