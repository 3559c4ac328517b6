"""What a call costs: reported by the provider > the bench file > genai-prices > unknown.

Unknown is None and never 0. Two readings of one call: `paid` is the bill; `stand_alone` is what
the same call costs without the help of a provider's cache that another recipe may have warmed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from fusion_eval.core import Attempt, Call, Model, Price, Reply, Usage, canonical

MAX_TOKENS_UNSAID = 32_768
"""Output tokens assumed as the worst case of a model without `max_tokens`."""

_PER_TOKEN = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """US dollars, or None for unknown, and where they come from."""

    usd: float | None
    source: str


def price_of(model: Model) -> Price | None:
    """The price of a model: its own, else that of genai-prices for its endpoint, else None."""
    if model.price is not None:
        return model.price
    if model.endpoint.simulator is not None:
        return None
    return _listed(model.id, model.endpoint.base_url)


def paid(model: Model, usage: Usage | None, reported: float | None) -> Cost:
    """The bill of one reply."""
    price = price_of(model)
    if reported is not None and not _doubtful_zero(model, price, reported):
        return Cost(usd=reported, source="provider")
    if price is None or usage is None:
        return Cost(usd=None, source="unknown")
    return Cost(usd=_at(price, usage), source=price.source)


def stand_alone(model: Model, usage: Usage | None, reported: float | None) -> Cost:
    """The bill with every cached input token charged as a fresh one, where the price is known."""
    cost, price = paid(model, usage, reported), price_of(model)
    if cost.usd is None or usage is None or not usage.cache_read or price is None:
        return cost
    if price.cache_read is None:
        return cost
    help_ = usage.cache_read * (price.input - price.cache_read) * _PER_TOKEN
    return Cost(usd=cost.usd + max(0.0, help_), source=cost.source)


def worst_case(call: Call) -> float | None:
    """The most that one attempt can cost (US$): a token per byte in, `max_tokens` out."""
    price = price_of(call.model)
    if price is None:
        return None
    bytes_in = sum(len(m.content.encode()) + 16 for m in call.messages)
    if call.output is not None:
        bytes_in += len(canonical(call.output.json_schema).encode())
    if call.tools:
        bytes_in += len(canonical(call.tools).encode())
    dearest = max(price.input, price.cache_read or 0.0, price.cache_write or 0.0)
    return (bytes_in * dearest + most_out(call.model) * price.output) * _PER_TOKEN


def most_out(model: Model) -> int:
    """Output tokens at most: extra body fields replace parameters, and `n` asks for n replies."""
    sent = {**model.params, **model.extra_body}
    caps = [sent.get(name) for name in ("max_tokens", "max_completion_tokens")]
    known = [cap for cap in caps if isinstance(cap, int) and cap > 0]
    n = sent.get("n")
    return max(known, default=MAX_TOKENS_UNSAID) * (n if isinstance(n, int) and n > 1 else 1)


def possibly(attempts: Iterable[Attempt]) -> float | None:
    """The most that failed attempts of unknown bill can have cost; None where nobody knows."""
    total = 0.0
    for attempt in attempts:
        if attempt.failure is not None and attempt.billed is None:
            if attempt.cost_worst is None:
                return None
            total += attempt.cost_worst
    return total


def paid_for(call: Call, reply: Reply) -> float | None:
    """The bill of a reply in US dollars, None where it is unknown."""
    return paid(call.model, reply.usage, reply.cost_reported).usd


def _at(price: Price, usage: Usage) -> float:
    read = price.cache_read if price.cache_read is not None else price.input
    write = price.cache_write if price.cache_write is not None else price.input
    into = usage.input * price.input + usage.cache_read * read + usage.cache_write * write
    return (into + usage.tokens_out * price.output) * _PER_TOKEN


def _doubtful_zero(model: Model, price: Price | None, reported: float) -> bool:
    """A reported 0 is a dynamic price unless the model is free by name or by its price."""
    free = model.id.endswith(":free") or (price is not None and price.input == price.output == 0)
    return reported == 0 and not free


@cache
def _listed(model_id: str, base_url: str) -> Price | None:
    """List price of genai-prices at its base tier, or None for a model or endpoint it lacks."""
    import genai_prices
    from genai_prices import Usage as Tokens

    def dollars(tokens: Tokens) -> float:
        price = genai_prices.calc_price(tokens, model_id, provider_api_url=base_url)
        return float(price.total_price)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            thousand_in = dollars(Tokens(input_tokens=1000))
            thousand_out = dollars(Tokens(output_tokens=1000))
            cached = dollars(Tokens(input_tokens=1000, cache_read_tokens=1000))
    except (LookupError, ValueError):
        return None
    return Price(
        input=thousand_in * 1000,
        output=thousand_out * 1000,
        cache_read=cached * 1000,
        source=f"genai-prices {genai_prices.__version__}",
    )
