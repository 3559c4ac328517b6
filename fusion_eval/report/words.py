"""Numbers and names as they are read: points, dollars, lists, and text made harmless."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fusion_eval.core.readable import dollars as dollars
from fusion_eval.core.readable import plain as plain
from fusion_eval.core.readable import points as points

_WORDS = (
    "strategy", "against", "criteria", "criterion", "conclusion", "caveat", "frontier", "take",
)  # fmt: skip
_MARKUP = re.compile(r"([\\`*\[\]<>|~])")


def escaped(text: object) -> str:
    """The same for Markdown, also inside a table."""
    quoted = _MARKUP.sub(r"\\\1", plain(text))
    return re.sub(r"^_|_$", r"\\_", quoted)


def in_code(text: object) -> str:
    """The same as code, for names within a sentence."""
    return f"`{plain(text).replace('`', chr(39))}`"


def number(count: int, what: str, many: str | None = None) -> str:
    """`1 task`, `3 tasks`, `1,200 tries`; `many` for plurals that do not just end in s."""
    return f"{count:,} {what if count == 1 else many or what + 's'}"


def points_range(estimate: Mapping[str, Any] | None, signed: bool = False) -> str:
    """`71.6 (68.3 to 74.6)`; `none` without an estimate."""
    if not estimate or estimate.get("value") is None:
        return "none"
    low, high = estimate.get("low"), estimate.get("high")
    if low is None or high is None:
        return points(estimate["value"], signed)
    ends = f"{points(low, signed)} to {points(high, signed)}"
    return f"{points(estimate['value'], signed)} ({ends})"


def cost_range(cost: Mapping[str, Any] | None) -> str:
    """`$0.0223 ($0.0190 to $0.0264)`, `≥ $0.02 (3 unknown)`, or `unknown`."""
    if cost is None:
        return "unknown"
    if cost["lower_bound"]:
        return f"≥ {dollars(cost['value'])} ({cost['unknown']} unknown)"
    if cost["low"] is None or cost["low"] == cost["high"]:
        return dollars(cost["value"])
    return f"{dollars(cost['value'])} ({dollars(cost['low'])} to {dollars(cost['high'])})"


def listed(names: Sequence[str], most: int = 6) -> str:
    """`a, b and c`; of many the first ones and how many more."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, simulated: bool) -> str:
    """A Markdown table; its first heading says SIMULATED where that is so."""
    first = f"{header[0]} (SIMULATED)" if simulated else header[0]
    rule = ["---" if name in _WORDS else "---:" for name in header[1:]]
    lines = [[first, *header[1:]], ["---", *rule], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
