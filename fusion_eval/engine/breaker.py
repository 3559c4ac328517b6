"""When to give an endpoint up: it refuses us for good, or nothing has come back for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fusion_eval.core import Attempt, Endpoint
from fusion_eval.errors import DeadEndpointError

GONE = frozenset({"connection", "timeout", "server_error", "bad_reply", "provider_error"})
"""Failures of an endpoint that may be gone; it is given up after a while without any reply."""

CLOSED = frozenset({"not_allowed", "no_credit"})
"""Failures that will not mend while this run lasts."""


@dataclass
class _Row:
    """Failures in a row at one endpoint."""

    since: float
    count: int = 0
    closed: int = 0
    last: str = ""


@dataclass
class Breaker:
    """Trips for the rest of a run, at one endpoint. One reply resets it."""

    patience_s: float = 45.0
    failures: int = 20
    refusals: int = 5
    clock: Callable[[], float] = time.monotonic
    _rows: dict[str, _Row] = field(default_factory=dict)
    _tripped: dict[str, str] = field(default_factory=dict)

    def check(self, endpoint: Endpoint) -> None:
        """Raise DeadEndpointError where it has tripped."""
        if why := self._tripped.get(endpoint.name):
            raise DeadEndpointError(why)

    def replied(self, endpoint: Endpoint) -> None:
        """It lives."""
        self._rows.pop(endpoint.name, None)

    def failed(self, endpoint: Endpoint, attempt: Attempt) -> None:
        """One attempt more that brought nothing; a refusal for too much is a sign of life."""
        word = attempt.failure or ""
        if word not in GONE | CLOSED:
            if word == "rate_limited":
                self.replied(endpoint)
            return
        row = self._rows.setdefault(endpoint.name, _Row(self.clock()))
        row.count += 1
        row.closed += word in CLOSED
        row.last = f"{word} ({attempt.detail[:120]})" if attempt.detail else word
        lasted = self.clock() - row.since
        if row.closed >= self.refusals or (
            row.count >= self.failures and lasted >= self.patience_s
        ):
            self._tripped[endpoint.name] = (
                f"endpoint {endpoint.name!r} at {endpoint.base_url} is given up: {row.count} "
                f"attempts in a row brought nothing in {lasted:.0f} s, the last: {row.last}"
            )
