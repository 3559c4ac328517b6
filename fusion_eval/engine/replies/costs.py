"""The US dollars that a provider reports for a reply: in the body, or in a header.

To read another gateway, add a line to `IN_BODY` or `IN_HEADERS`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fusion_eval.core.price import MOST_USD

IN_BODY: tuple[tuple[str, float], ...] = (
    ("usage.cost", 1.0),  # OpenRouter
    ("usage.cost.total_cost", 1.0),  # Perplexity
    ("usage.cost.total", 1.0),
    ("usage.total_cost", 1.0),
    ("usage.estimated_cost", 1.0),  # DeepInfra
    ("usage.cost_usd", 1.0),
    ("usage.cost_usd_total", 1.0),  # LLM Gateway
    ("usage.cost_in_usd_ticks", 1e-10),  # xAI
    ("cost_usd", 1.0),
    ("associated_dollar_cost", 1.0),  # UiPath
)
"""Where bodies have a cost, and US dollars per unit of it; the first that is a number counts."""

IN_HEADERS = (
    "x-litellm-response-cost",
    "x-fusion-cost-usd",
    "x-nr-request-cost",
)
"""Headers with a cost in US dollars, for bodies without one."""


_PATHS = tuple((tuple(path.split(".")), unit) for path, unit in IN_BODY)
_TOP = frozenset(path[0] for path, _ in _PATHS if path[0] != "usage")
_OF_USAGE = frozenset(path[1] for path, _ in _PATHS if path[0] == "usage")


def reported_cost(usage: Mapping[str, Any]) -> float | None:
    """The cost that a `usage` names, as in `cost_of`."""
    return cost_of({"usage": usage}, {})


def cost_of(body: Mapping[str, Any], headers: Mapping[str, str]) -> float | None:
    """What the provider says it charged (US$), with its upstream bill where the key is our own.

    Negative numbers stand for dynamic prices, which are unknown and not free; more than `MOST_USD`
    is no bill of one call.
    """
    usage = object_(body.get("usage"))
    cost = None
    if not (_TOP.isdisjoint(body) and _OF_USAGE.isdisjoint(usage)):
        found = (dollars(_at(body, path), unit) for path, unit in _PATHS)
        cost = next((usd for usd in found if usd is not None), None)
    upstream = dollars(object_(usage.get("cost_details")).get("upstream_inference_cost"))
    if upstream and (usage.get("is_byok") is True or not cost):
        cost = (cost or 0.0) + upstream
    if cost is not None:
        return cost
    named = {name.lower(): value for name, value in headers.items()}
    said = (dollars(named.get(name)) for name in IN_HEADERS)
    return next((usd for usd in said if usd is not None), None)


def _at(body: Mapping[str, Any], path: tuple[str, ...]) -> object:
    value: object = body
    for name in path:
        value = object_(value).get(name)
    return value


def dollars(value: object, unit: float = 1.0) -> float | None:
    """A number, or a text that is one, times a unit: US dollars of one call, or None."""
    if isinstance(value, str):
        try:
            value = float(value.strip().removeprefix("$"))
        except ValueError:
            return None
    usd = number(value)
    return usd * unit if usd is not None and usd * unit <= MOST_USD else None


def number(value: object) -> float | None:
    """A finite number from 0 up, or None."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if 0 <= found < math.inf else None


def object_(value: object) -> dict[str, Any]:
    """The value where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}
