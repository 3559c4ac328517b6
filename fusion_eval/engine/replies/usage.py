"""Out of a body and its headers: token buckets and the cost that the provider reports.

Any dialect in, disjoint buckets or unknown out. What is not said plainly is None and never 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from fusion_eval.core import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What one body says that it cost: tokens by bucket, US dollars; None where it does not say."""

    usage: Usage | None = None
    cost: float | None = None


NOTHING = Bill()
"""A body that says nothing about tokens or dollars."""


def bill(body: Mapping[str, Any], headers: Mapping[str, str], *, text: bool) -> Bill:
    """The bill of a body, whatever else is wrong with it.

    `headers` has lower-case names. `text` tells whether the reply has a visible text.
    """
    usage = object_(body.get("usage"))
    return Bill(usage=buckets(usage), cost=reported_cost(usage))


def buckets(usage: dict[str, Any]) -> Usage | None:
    """Disjoint token buckets from a `usage` in any dialect, or None where there is none.

    Cached tokens stand inside the prompt (OpenAI, OpenRouter; DeepSeek, Together and Moonshot name
    them otherwise), or beside it (`input_tokens` of Anthropic). Reasoning stands inside the
    completion, or on top of it where the total says so (xAI, and Gemini, which names it nowhere).
    """
    beside = "prompt_tokens" not in usage and "input_tokens" in usage
    prompt = usage.get("input_tokens" if beside else "prompt_tokens")
    completion = usage.get("output_tokens" if beside else "completion_tokens")
    if not _whole(prompt) or not _whole(completion):
        return None
    of_prompt = object_(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    native = _count(usage.get("cache_read_input_tokens"))
    created = _count(usage.get("cache_creation_input_tokens"))
    if beside and not of_prompt:
        prompt += native + created
    cached = (
        of_prompt.get("cached_tokens"), usage.get("cached_tokens"),
        usage.get("prompt_cache_hit_tokens"), native,
    )  # fmt: skip
    read_ = min(max(map(_count, cached)), prompt)
    written = min(max(_count(of_prompt.get("cache_write_tokens")), created), prompt - read_)
    output, reasoning = _output(usage, prompt, completion)
    return Usage(
        input=prompt - read_ - written,
        cache_read=read_,
        cache_write=written,
        output=output,
        reasoning=reasoning,
    )


def _output(usage: dict[str, Any], prompt: int, completion: int) -> tuple[int, int]:
    """(visible, reasoning) tokens."""
    details = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    reasoning = _count(object_(details).get("reasoning_tokens"))
    beyond = _count(usage.get("total_tokens")) - prompt - completion
    if not reasoning:
        return completion, max(0, beyond)
    on_top = reasoning > completion or beyond == reasoning
    return (completion if on_top else completion - reasoning), reasoning


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def reported_cost(usage: dict[str, Any]) -> float | None:
    """What the provider says it charged (US$), with its upstream bill where the key is our own.

    Negative numbers stand for dynamic prices, which are unknown and not free.
    """
    said = usage.get("cost")
    cost = number(said.get("total_cost") if isinstance(said, dict) else said)
    if cost is None:
        return None
    upstream = number(object_(usage.get("cost_details")).get("upstream_inference_cost"))
    return cost + upstream if upstream and (usage.get("is_byok") or not cost) else cost


def number(value: object) -> float | None:
    """A finite number from 0 up, or None."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if good and 0 <= value < math.inf else None  # type: ignore[operator,arg-type]


def object_(value: object) -> dict[str, Any]:
    """The value where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if _whole(value) else 0
