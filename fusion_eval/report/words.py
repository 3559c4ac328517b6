"""Numbers and names as they are read: points, dollars, lists, and text made harmless."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fusion_eval.core.readable import dollars as dollars
from fusion_eval.core.readable import plain as plain
from fusion_eval.core.readable import points as points
from fusion_eval.core.readable import with_ends

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
    kind = "difference" if signed else "points"
    return with_ends(kind, estimate["value"], estimate.get("low"), estimate.get("high"))


def cost_range(cost: Mapping[str, Any] | None) -> str:
    """`$0.0223 ($0.0190 to $0.0264)`, `≥ $0.02 (3 unknown)`, or `unknown`."""
    if cost is None:
        return "unknown"
    if cost["lower_bound"]:
        return f"≥ {dollars(cost['value'])} ({cost['unknown']} unknown)"
    if cost["low"] == cost["high"]:
        return dollars(cost["value"])
    return with_ends("usd", cost["value"], cost["low"], cost["high"])


def listed(names: Sequence[str], most: int = 6) -> str:
    """`a, b and c`; of many the first ones and how many more."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
