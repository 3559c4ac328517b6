"""What a call costs: reported by the provider > the bench file > genai-prices > unknown.

Unknown is None and never 0. Two readings of one call: `paid` is the bill; `stand_alone` is what
the same call costs without the help of a provider's cache that another recipe may have warmed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from fusion_eval.core import Attempt, Call, Model, Price, Rate, Reply, Usage, canonical
from fusion_eval.core.price import MOST_USD, STANDARD

MAX_TOKENS_UNSAID = 32_768
"""Output tokens assumed as the worst case of a model without `max_tokens`."""

_PER_TOKEN = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """US dollars, or None for unknown; where they come from, and the rate that was applied."""

    usd: float | None
    source: str
    rate: Rate | None = None


def price_of(model: Model) -> Price | None:
    """The price of a model: its own, else that of genai-prices for its endpoint, else None.

    The list has prices of the standard service tier only.
    """
    if model.price is not None:
        return model.price
    if model.endpoint.simulator is not None or model.tier != STANDARD:
        return None
    return listed(model.id, model.endpoint.base_url)


def paid(
    model: Model,
    usage: Usage | None,
    reported: float | None,
    at: float | None = None,
    served: str | None = None,
) -> Cost:
    """The bill of one reply, whose request was sent `at` (Unix seconds; None: now).

    `served` is the service tier that the reply names. A bill above `MOST_USD` is unknown.
    """
    price = price_of(model)
    if reported is not None and _believed(model, price, reported):
        return Cost(usd=reported, source="provider")
    rate = None if price is None or usage is None else price.rate(usage.tokens_in, at, served)
    if price is None or usage is None or rate is None or rate.dollars(usage) > MOST_USD:
        return Cost(usd=None, source="unknown")
    return Cost(usd=rate.dollars(usage), source=price.source, rate=rate)


def stand_alone(
    model: Model,
    usage: Usage | None,
    reported: float | None,
    at: float | None = None,
    served: str | None = None,
) -> Cost:
    """The bill with every cached input token charged as a fresh one, where the price is known."""
    cost, price = paid(model, usage, reported, at, served), price_of(model)
    if cost.usd is None or usage is None or price is None:
        return cost
    rate = price.rate(usage.tokens_in, at, served)
    return replace(cost, usd=cost.usd + rate.cache_help(usage)) if rate else cost


def bill_of(model: Model, reply: Reply) -> Cost:
    """The bill of a reply."""
    return paid(model, reply.usage, reply.cost_reported, reply.asked_at, reply.service_tier)


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
    out, hourly = most_out(call.model), "1h" in canonical(call.model.extra_body)
    return max(_most(rate, bytes_in, out, hourly) for rate in price.rates)


def _most(rate: Rate, tokens_in: int, tokens_out: int, hourly: bool) -> float:
    dearest = max(rate.input, rate.cache_read or 0.0, rate.cache_write or 0.0)
    if hourly or rate.cache_write_1h is not None:
        dearest = max(dearest, rate.hourly)
    return (tokens_in * dearest + tokens_out * rate.output) * _PER_TOKEN + rate.request


def most_out(model: Model) -> int:
    """Output tokens at most: extra body fields replace parameters, and `n` asks for n replies."""
    n = {**model.params, **model.extra_body}.get("n")
    limit = token_limit(model) or MAX_TOKENS_UNSAID
    return limit * (n if isinstance(n, int) and n > 1 else 1)


def token_limit(model: Model) -> int | None:
    """Tokens that one reply may take; None where nothing is said of it."""
    sent = {**model.params, **model.extra_body}
    caps = [sent.get(name) for name in ("max_tokens", "max_completion_tokens")]
    return max((cap for cap in caps if isinstance(cap, int) and cap > 0), default=None)


def possibly(attempts: Iterable[Attempt]) -> float | None:
    """The most that failed attempts can have cost: their bill where their body told it, else their
    worst case; None where nobody knows."""
    total = 0.0
    for attempt in attempts:
        if attempt.failure is not None and attempt.billed is not False:
            if attempt.cost_worst is None:
                return None
            total += attempt.cost_worst
    return total


def paid_for(call: Call, reply: Reply) -> float | None:
    """The bill of a reply in US dollars, None where it is unknown."""
    return bill_of(call.model, reply).usd


def _believed(model: Model, price: Price | None, reported: float) -> bool:
    """A reported 0 is a dynamic price unless the model is free by name or by its price."""
    free = model.id.endswith(":free") or (price is not None and price.free)
    return 0 < reported <= MOST_USD or (reported == 0 and free)


@cache
def listed(model_id: str, base_url: str) -> Price | None:
    """The standard price in genai-prices with its tiers, dates and hours; None where it has none.

    All of it is kept as data, so that a manifest can hold it: a run is priced by what was known
    when it began, whatever version of the list is installed later.
    """
    import genai_prices
    from genai_prices.types import ModelPrice

    if (found := _entry(model_id, base_url)) is None:
        return None
    known = found.prices
    dated = (
        [(None, known)]
        if isinstance(known, ModelPrice)
        else [(each.constraint, each.prices) for each in known]
    )
    rates = [rate for constraint, prices in dated for rate in _rates(prices, constraint)]
    if not rates:
        return None
    first = rates[0]
    return Price(
        input=first.input,
        output=first.output,
        cache_read=first.cache_read,
        cache_write=first.cache_write,
        request=first.request,
        exceptions=tuple(rates[1:]),
        source=f"genai-prices {genai_prices.__version__}",
    )


def window(model_id: str, base_url: str) -> int | None:
    """Tokens of question and reply together, as genai-prices has them; None where it does not."""
    found = _entry(model_id, base_url)
    return None if found is None else found.context_window


@cache
def _entry(model_id: str, base_url: str) -> Any:
    """The model in genai-prices, or None."""
    import genai_prices
    from genai_prices import Usage as Tokens

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return genai_prices.calc_price(Tokens(), model_id, provider_api_url=base_url).model
    except (LookupError, ValueError):
        return None


_NAMES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "request": "requests_kcount",
}


def _rates(prices: Any, constraint: Any) -> list[Rate]:
    """One price of the list as rates: its base, then each tier of input that it knows."""
    values = {ours: vars(prices).get(theirs) for ours, theirs in _NAMES.items()}
    if values["input"] is None and values["output"] is None:
        return []
    starts = {tier.start for v in values.values() for tier in getattr(v, "tiers", ())}
    return [
        Rate(
            input=_value(values["input"], above) or 0.0,
            output=_value(values["output"], above) or 0.0,
            cache_read=_value(values["cache_read"], above),
            cache_write=_value(values["cache_write"], above),
            request=(_value(values["request"], above) or 0.0) / 1000,
            above=above,
            **_conditions(constraint),
        )
        for above in (None, *sorted(starts))
    ]


def _value(value: Any, above: int | None) -> float | None:
    """The figure for more than so many input tokens; a tier is a cliff, not a step."""
    if value is None or not hasattr(value, "tiers"):
        return None if value is None else float(value)
    reached = [tier.price for tier in value.tiers if above is not None and tier.start <= above]
    return float(reached[-1] if reached else value.base)


def _conditions(constraint: Any) -> dict[str, Any]:
    if constraint is None:
        return {}
    if hasattr(constraint, "start_date"):
        return {"since": constraint.start_date.isoformat()}
    times = (constraint.start_time, constraint.end_time)
    return {"between": tuple(_utc(time).isoformat() for time in times)}


def _utc(time: Any) -> Any:
    moment = datetime.combine(date(1970, 1, 1), time)
    return moment.astimezone(UTC).time() if time.tzinfo else time
