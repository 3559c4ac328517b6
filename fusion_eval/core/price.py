"""What tokens cost: rates, and the conditions under which other rates hold. Values, no lookups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusion_eval.core.call import Usage

_PER_TOKEN = 1e-6
MOST_TOKENS = 2**53
"""Tokens of one call, at least, that nobody believes: from here on floats are no whole numbers."""
MOST_USD = 1e6
"""US dollars of one call; a bill of more is taken for an error, and unknown."""

STANDARD = "standard"
_STANDARD = {"", "default", "auto", "standard", "standard_only", "on_demand", "none"}


def tier_of(word: object) -> str:
    """The service tier that a request or a reply names: `standard` under all of its names."""
    named = word.strip().lower() if isinstance(word, str) else ""
    return STANDARD if named in _STANDARD else named


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """US dollars per million tokens, and `request` per call, while its conditions hold.

    Conditions: more than `above` input tokens in all (then all tokens pay this rate), a request
    on or after the date `since`, or between two times of day (UTC, `HH:MM:SS`; over midnight too),
    a reply served at `tier` (None: that of the price). Cached input without a rate of its own is
    charged as fresh input; input that is cached for an hour as Anthropic does, twice.
    """

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None
    request: float = 0.0
    tier: str | None = None
    above: int | None = None
    since: str | None = None
    between: tuple[str, str] | None = None

    def holds(self, tokens_in: int, at: datetime) -> bool:
        """Whether a request with so much input pays this rate at that time."""
        if self.above is not None and tokens_in <= self.above:
            return False
        if self.since is not None and at.date().isoformat() < self.since:
            return False
        if self.between is None:
            return True
        start, end = self.between
        now = at.time().isoformat()
        return (start <= now < end) if start <= end else (now >= start or now < end)

    def dollars(self, usage: Usage) -> float:
        """The price of one reply. Reasoning is charged as output."""
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        into = usage.input * self.input + usage.cache_read * read + usage.cache_write * write
        into += usage.cache_write_1h * self.hourly
        return (into + usage.tokens_out * self.output) * _PER_TOKEN + self.request

    @property
    def hourly(self) -> float:
        """The rate of input that is written to the cache for an hour."""
        return 2 * self.input if self.cache_write_1h is None else self.cache_write_1h

    def cache_help(self, usage: Usage) -> float:
        """What the provider's cache, which another recipe may have filled, has saved (US$)."""
        saved = 0.0 if self.cache_read is None else self.input - self.cache_read
        return usage.cache_read * max(0.0, saved) * _PER_TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of a model: US dollars per million tokens, with exceptions.

    The rates here are those of the service tier `tier`. Of the `exceptions` that hold for a request
    the last counts; without one, the rates here do. `source` says where the figures come from:
    `bench file`, `simulator`, `genai-prices 0.2.3`.
    """

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None
    request: float = 0.0
    tier: str = STANDARD
    exceptions: tuple[Rate, ...] = ()
    source: str = "bench file"

    @property
    def base(self) -> Rate:
        """The rate without exceptions."""
        return Rate(
            input=self.input,
            output=self.output,
            cache_read=self.cache_read,
            cache_write=self.cache_write,
            cache_write_1h=self.cache_write_1h,
            request=self.request,
        )

    @property
    def rates(self) -> tuple[Rate, ...]:
        """Every rate that some request may pay."""
        return (self.base, *self.exceptions)

    @property
    def free(self) -> bool:
        """True when no request costs anything."""
        return all(rate.input == rate.output == rate.request == 0 for rate in self.rates)

    def rate(
        self, tokens_in: int, at: float | None = None, served: str | None = None
    ) -> Rate | None:
        """The rate of a request with so much input, sent at a time (Unix seconds; None: now).

        `served` is the service tier that the reply names (None: as asked). None where the price
        has no rate for it.
        """
        when = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
        tier = self.tier if served is None else tier_of(served)
        there = [r for r in self.rates if (r.tier or self.tier) == tier]
        return next((r for r in reversed(there) if r.holds(tokens_in, when)), None)
