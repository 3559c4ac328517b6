"""Out of a body and its headers: token buckets, the cost that the provider reports, the tier.

Any dialect in, disjoint buckets or unknown out. What is not said plainly is None and never 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fusion_eval.core import Usage
from fusion_eval.core.price import MOST_TOKENS
from fusion_eval.engine.replies.costs import cost_of, number, object_, reported_cost

__all__ = ["NOTHING", "Bill", "bill", "buckets", "number", "object_", "reported_cost"]

_DIGITS = re.compile(r"\s*(\d{1,16})(?:\.0*)?\s*")
_READ = ("cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens", "cache_read_tokens")
_WRITTEN = (
    "cache_creation_input_tokens", "cache_write_tokens", "cache_creation_tokens",
    "cache_write_input_tokens",
)  # fmt: skip
_NATIVE = (_READ[0], _WRITTEN[0])
"""Anthropic's names. Where they come from, these tokens stand beside the prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What one body says that it cost: tokens by bucket, US dollars; None where it does not say.

    `tier` is the service tier that it names. `problem` says why a `usage` that is there tells
    nothing.
    """

    usage: Usage | None = None
    cost: float | None = None
    tier: str | None = None
    problem: str | None = None


NOTHING = Bill()
"""A body that says nothing about tokens or dollars."""


def bill(body: Mapping[str, Any], headers: Mapping[str, str], *, text: bool) -> Bill:
    """The bill of a body, whatever else is wrong with it.

    `text` tells whether the reply has a visible text, which cannot have taken no tokens.
    """
    usage, problem = object_(body.get("usage")), None
    found: Usage | None = None
    try:
        found = _buckets(usage)
        if found is not None and text and not found.tokens_out:
            found, problem = None, "its usage says 0 output tokens beside a text"
    except ValueError as error:
        problem = str(error)
    tier = body.get("service_tier") or usage.get("service_tier")
    return Bill(
        usage=found,
        cost=cost_of(body, headers),
        tier=tier[:40] if isinstance(tier, str) else None,
        problem=problem,
    )


def buckets(usage: Mapping[str, Any]) -> Usage | None:
    """Disjoint token buckets from a `usage` in any dialect; None where it has none, or says what
    cannot be: zeros, negative, half or absurd numbers, a total that nothing explains."""
    try:
        return _buckets(usage)
    except ValueError:
        return None


def _buckets(usage: Mapping[str, Any]) -> Usage | None:
    """The same; ValueError, with what is wrong, where a `usage` cannot be.

    Cached tokens stand inside the prompt (OpenAI, OpenRouter; DeepSeek, Together and Moonshot name
    them otherwise), or beside it (Anthropic, and gateways that hand its numbers on under OpenAI's
    names, with a total that counts them or does not). Reasoning stands inside the completion, or
    on top of it where the total says so (xAI, and Gemini, which names it nowhere).
    """
    native = "prompt_tokens" not in usage and "input_tokens" in usage
    prompt = _tokens(usage, "input_tokens" if native else "prompt_tokens")
    completion = _tokens(usage, "output_tokens" if native else "completion_tokens")
    if prompt is None or completion is None:
        return None
    details = object_(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    read, written, hourly = _cached(usage, details)
    parts = _Parts(
        prompt=prompt,
        completion=completion,
        read=read,
        written=written,
        thought=_thought(usage),
        beyond=None if not (all_ := _tokens(usage, "total_tokens")) else all_ - prompt - completion,
        native=any(usage.get(name) for name in _NATIVE),
    )
    beside, thoughts = parts.beside_only() if native and not details else parts.fitted()
    inside = prompt + beside - read - written
    if inside + read + written == 0:
        raise ValueError("its usage says 0 input tokens, which no request has")
    on_top = parts.thought > completion or parts.on_top
    return Usage(
        input=inside,
        cache_read=read,
        cache_write=written - hourly,
        cache_write_1h=hourly,
        output=completion if on_top else completion - parts.thought,
        reasoning=parts.thought + thoughts,
    )


@dataclass(slots=True, kw_only=True)
class _Parts:
    """Numbers of a `usage`. `beyond` is what the total has more than prompt and completion, None
    without a total; `on_top` becomes true where that shows the reasoning on top."""

    prompt: int
    completion: int
    read: int
    written: int
    thought: int
    beyond: int | None
    native: bool
    on_top: bool = False

    def beside_only(self) -> tuple[int, int]:
        """(cached tokens beside the prompt, tokens that are thoughts without a name)."""
        return self._first([self.read + self.written]) or (self.read + self.written, self._rest())

    def fitted(self) -> tuple[int, int]:
        """The same, with cached tokens wherever they fit and the total finds them."""
        both = self.read + self.written
        if both <= self.prompt:
            return self._first([0, both, self.written, self.read]) or self._inside(both)
        if self.read <= self.prompt:
            return self._first([self.written, both]) or (self.written, self._over(self.written))
        return self._first([both]) or (both, self._over(both))

    def _first(self, places: Iterable[int]) -> tuple[int, int] | None:
        """The first number of tokens beside the prompt that the total confirms, or does not
        count, without or with the reasoning on top."""
        if self.beyond is None:
            return next(iter(places)), 0
        for beside in places:
            for on_top in (False, True) if self.thought else (False,):
                more = self.beyond - (self.thought if on_top else 0)
                forced = beside and self.prompt < self.read + self.written
                if more == beside or (more == 0 and forced):
                    self.on_top = on_top
                    return beside, 0
        return None

    def _inside(self, both: int) -> tuple[int, int]:
        """All cached tokens fit into the prompt: what is beyond is thought, unless their own names
        say that they stand beside it; less than all leaves out what is named."""
        beyond = self._named()
        if beyond > 0:
            beside = both if self.native and beyond > both else 0
            return beside, beyond - beside
        if -beyond in (self.read, self.written, both, self.thought):
            return 0, 0
        raise ValueError("the total of its usage is less than its parts")

    def _over(self, beside: int) -> int:
        """Thoughts without a name; cached tokens stand beside the prompt and the total counts
        them."""
        more = self._named() - beside
        if more < 0:
            raise ValueError("the parts of its usage do not fit its total")
        return more

    def _rest(self) -> int:
        return max(0, self._named() - self.read - self.written)

    def _named(self) -> int:
        """What is beyond, without reasoning that can only stand on top."""
        return (self.beyond or 0) - (self.thought if self.thought > self.completion else 0)


def _cached(usage: Mapping[str, Any], details: Mapping[str, Any]) -> tuple[int, int, int]:
    """Tokens read from the cache, written to it, and those of them that are kept for an hour."""
    creation = object_(usage.get("cache_creation"))
    of_details = object_(details.get("cache_creation_token_details"))
    kinds = [object_(usage.get("cache_creation_token_details")), creation, of_details]
    hourly = max(_tokens(kind, "ephemeral_1h_input_tokens") or 0 for kind in kinds)
    minutes = max(_tokens(kind, "ephemeral_5m_input_tokens") or 0 for kind in kinds)
    read = max(_tokens(at, name) or 0 for at in (details, usage) for name in _READ)
    written = max(_tokens(at, name) or 0 for at in (details, usage) for name in _WRITTEN)
    return read, max(written, hourly + minutes), hourly


def _thought(usage: Mapping[str, Any]) -> int:
    details = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    return _tokens(object_(details), "reasoning_tokens") or 0


def _tokens(of: Mapping[str, Any], name: str) -> int | None:
    """A count of tokens, also as 10.0 or "10"; None where it is not there, else ValueError."""
    value = of.get(name)
    if value is None:
        return None
    if isinstance(value, str) and (digits := _DIGITS.fullmatch(value)):
        value = int(digits[1])
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    if not whole or not 0 <= value < MOST_TOKENS or value != int(value):
        raise ValueError(f"its usage says {str(value)[:20]!r} as `{name}`")
    return int(value)
