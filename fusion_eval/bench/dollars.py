"""What calls are expected to cost, and how far that may be off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fusion_eval.bench.experience import Experience
from fusion_eval.core import Call, Usage
from fusion_eval.engine import prices
from fusion_eval.engine.trace import Expected


@dataclass(frozen=True, slots=True)
class Dollars:
    """US dollars: where a sum should lie, and what is expected of it."""

    low: float
    expected: float
    high: float

    def capped(self, most: float) -> Dollars:
        """The same, where it cannot be more than so much."""
        return Dollars(*(min(usd, most) for usd in (self.low, self.expected, self.high)))

    def per(self, count: int) -> Dollars:
        """The same for one of so many."""
        return Dollars(self.low / count, self.expected / count, self.high / count)


def dollars_of(
    calls: Sequence[Call], replies: Sequence[Expected], experience: Experience
) -> Dollars | None:
    """What such calls have cost or would; None where nobody knows a price."""
    low = high = total = 0.0
    for call, reply in zip(calls, replies, strict=True):
        usage = Usage(input=reply.tokens_in, output=reply.tokens_out)
        usd = prices.paid(call.model, usage, None).usd
        if usd is None and (usd := experience.dollars(call)) is None:
            return None
        spread = experience.spread(call, len(calls))
        low, total, high = low + usd * (1 - spread), total + usd, high + usd * (1 + spread)
    return Dollars(low, total, high)
