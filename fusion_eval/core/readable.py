"""Numbers and names as people read them, wherever they read them."""

from __future__ import annotations

import math

from fusion_eval.core.clean import inert


def plain(text: object) -> str:
    """One line, without control and direction characters that could change what is around it."""
    return inert(" ".join(str(text).split()))


def points(value: float | None, signed: bool = False) -> str:
    """A score of 0 to 1 as points: `71.6`, signed `+0.9`."""
    if value is None:
        return "none"
    text = f"{100 * value:+.1f}" if signed else f"{100 * value:.1f}"
    return text.replace("-", "−")


def dollars(value: float | None, digits: int = 3) -> str:
    """`$0.0123`, `$4.10`; so many digits that count, no powers of ten. None is `unknown`."""
    if value is None:
        return "unknown"
    if value == 0:
        return "$0"
    decimals = max(2, digits - 1 - math.floor(math.log10(abs(value)))) if abs(value) < 100 else 0
    return f"${value:,.{decimals}f}"
