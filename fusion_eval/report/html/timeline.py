"""The calls of one trial on its own clock: what ran beside what, and what waited for what."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from fusion_eval.plots.style import COLOURS
from fusion_eval.report.words import dollars, plain

_WIDE, _ROW, _TEXT, _MOST = 360, 18, 130, 60


def timeline(calls: Sequence[Mapping[str, Any]]) -> Markup:
    """A bar for each call, from its start to its end (seconds); empty where no time is known."""
    timed = [c for c in calls if _number(c.get("start_s")) and _number(c.get("end_s"))][:_MOST]
    last = max((c["end_s"] for c in timed), default=0.0)
    if last <= 0:
        return Markup("")
    roles = list(dict.fromkeys(_role(c) for c in timed))
    bars = Markup("").join(
        _bar(k, call, last, COLOURS[roles.index(_role(call)) % len(COLOURS)])
        for k, call in enumerate(timed)
    )
    tall = _ROW * len(timed) + 4
    return Markup('<svg viewBox="0 0 {} {}" width="{}" role="img" aria-label="{}">{}</svg>').format(
        _WIDE, tall, _WIDE, f"{len(timed)} calls over {last:.3g} s", bars
    )


def _bar(place: int, call: Mapping[str, Any], last: float, colour: str) -> Markup:
    across = _WIDE - _TEXT - 4
    left = _TEXT + across * call["start_s"] / last
    wide = max(1.5, across * (call["end_s"] - call["start_s"]) / last)
    top = 2 + _ROW * place
    said = (
        f"{_role(call)} {plain(call['model'])}: {call['start_s']:.3g} to {call['end_s']:.3g} s, "
        f"{dollars(call['cost_usd'] if _number(call['cost_usd']) else None)}"
    )
    return Markup(
        '<g><title>{}</title><text x="0" y="{}" font-size="10" fill="var(--ink)">{}</text>'
        '<rect x="{}" y="{}" width="{}" height="{}" fill="{}"/></g>'
    ).format(said, top + 12, _name(call), f"{left:.1f}", top + 2, f"{wide:.1f}", _ROW - 5, colour)


def _role(call: Mapping[str, Any]) -> str:
    return plain(call["role"])


def _name(call: Mapping[str, Any]) -> str:
    name = f"{_role(call)} {plain(call['model'])}"
    return name if len(name) <= 22 else f"{name[:21]}…"


def _number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
