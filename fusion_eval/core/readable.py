"""Numbers and names as people read them: the only place that says how a number is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

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
    if value < 0:
        return f"−{dollars(-value, digits)}"
    decimals = max(2, digits - 1 - math.floor(math.log10(value))) if value < 100 else 0
    return f"${value:,.{decimals}f}"


def percent(share: float, digits: int = 1) -> str:
    """`12.3%`; never `0.0%` of something or `100.0%` of not all, but `< 0.1%` and `> 99.9%`."""
    text, least = f"{share:.{digits}%}", 10.0**-digits
    if share > 0 and text == f"{0:.{digits}%}":
        return f"< {least:.{digits}f}%"
    if share < 1 and text == f"{1:.{digits}%}":
        return f"> {100 - least:.{digits}f}%"
    return text


def seconds(value: float | None) -> str:
    """`8.94 s`, `1,240 s`; three digits that count. None is `unknown`."""
    if value is None:
        return "unknown"
    return f"{value:,.0f} s" if abs(value) >= 999.5 else f"{value:.3g} s"


def p_value(value: float | None) -> str:
    """`0.031`, `< 0.001`; None is `–`."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def coefficient(value: float) -> str:
    """A correlation or an agreement: `0.81`, `−0.20`."""
    return f"{value:.2f}".replace("-", "−")


KINDS: Mapping[str, Callable[[Any], str]] = {
    "points": points,
    "whole points": lambda value: f"{100 * value:.0f}",
    "difference": lambda value: points(value, signed=True),
    "usd": dollars,
    "usd2": lambda value: dollars(value, 2),
    "percent": lambda value: percent(value, 0),
    "percent1": percent,
    "count": lambda value: f"{value:,}",
    "plain": lambda value: f"{value:g}",
    "seconds": seconds,
    "p": p_value,
    "coefficient": coefficient,
    "tenths": lambda value: f"{value:.1f}",
    "factor": lambda value: f"{value:.2f} ×",
}
"""How a number is written, by what it is: of every table, figure and sentence."""


def with_ends(kind: str, value: float, low: float | None, high: float | None) -> str:
    """`71.6 (68.3 to 74.6)`; the value alone where an end is not known."""
    write = KINDS[kind]
    if low is None or high is None:
        return write(value)
    return f"{write(value)} ({write(low)} to {write(high)})"
