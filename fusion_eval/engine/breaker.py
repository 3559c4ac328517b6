"""When to wait for an endpoint, and when to give it up.

One that is gone is waited for: one request at a time looks whether it is back, and the attempts
that met it gone do not count. One that refuses us for good, from which nothing comes back for a
while, or that stays gone, is given up for the rest of the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fusion_eval.core import Attempt, Endpoint
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.waiting import Waits, at, span
from fusion_eval.errors import DeadEndpointError

SILENT = frozenset({"connection", "timeout", "server_error", "bad_reply", "provider_error"})
"""Failures of an endpoint that may be dead; it is given up after a while without any reply."""

CLOSED = frozenset({"not_allowed", "no_credit"})
"""Failures that will not mend while this run lasts."""

_IN_A_ROW = 3  # answers of a gateway that nobody is behind it; a refused connection needs no more
_PROBE_S = (0.25, 5.0)  # between two looks, first and most


@dataclass
class _Row:
    """Failures in a row at one endpoint."""

    since: float
    count: int = 0
    closed: int = 0
    gone: int = 0
    last: str = ""


@dataclass
class _Outage:
    """An endpoint that is gone: since when, when to look next, and whether somebody looks."""

    since: float
    look_at: float
    pause: float = _PROBE_S[0]
    looking: bool = False


@dataclass
class Breaker:
    """What is known of each endpoint's life. One reply resets it.

    One that was given up stays so for the rest of a run; with `rests_s`, for so many seconds.
    """

    patience_s: float = 45.0
    failures: int = 20
    refusals: int = 5
    clock: Callable[[], float] = time.monotonic
    waits: Waits = field(default_factory=Waits)
    rests_s: float | None = None
    _rows: dict[str, _Row] = field(default_factory=dict)
    _outages: dict[str, _Outage] = field(default_factory=dict)
    _tripped: dict[str, tuple[str, float]] = field(default_factory=dict)

    def check(self, endpoint: Endpoint) -> None:
        """Raise DeadEndpointError where it has tripped."""
        if (tripped := self._tripped.get(endpoint.name)) is None:
            return
        why, since = tripped
        if self.rests_s is None or self.clock() - since < self.rests_s:
            raise DeadEndpointError(why)
        del self._tripped[endpoint.name]
        self._rows.pop(endpoint.name, None)

    async def admit(self, endpoint: Endpoint) -> None:
        """Wait while an endpoint is gone, but for one call at a time that looks for it.

        Raises DeadEndpointError once it has tripped.
        """
        self.check(endpoint)
        while (outage := self._outages.get(endpoint.name)) is not None:
            left = outage.look_at - self.clock()
            if not outage.looking and left <= 0:
                outage.looking = True
                return
            await self.waits.wait(max(left, 0.05), f"endpoint {endpoint.name!r} is gone")
            self.check(endpoint)

    def left(self, endpoint: Endpoint) -> None:
        """An attempt has ended, in whatever way: another call may look next."""
        if (outage := self._outages.get(endpoint.name)) is not None:
            outage.looking = False

    def replied(self, endpoint: Endpoint) -> None:
        """It lives."""
        self._rows.pop(endpoint.name, None)
        if (outage := self._outages.pop(endpoint.name, None)) is not None:
            lasted = self.clock() - outage.since
            self.waits.say(f"endpoint {endpoint.name!r} answers again, after {span(lasted)}")

    def failed(self, endpoint: Endpoint, problem: AttemptFailedError) -> None:
        """One attempt more that brought nothing; any refusal of a request is a sign of life.

        Marks the attempt as `held` where the endpoint as a whole is waited for.
        """
        word = problem.attempt.failure or ""
        if word not in SILENT | CLOSED:
            if word in ("rate_limited", "bad_request", "not_found"):
                self.replied(endpoint)
            return
        row = self._rows.setdefault(endpoint.name, _Row(self.clock()))
        row.count += 1
        row.closed += word in CLOSED
        row.gone = row.gone + 1 if problem.gone or word == "connection" else 0
        row.last = _last(problem.attempt)
        if self._waited_for(endpoint, problem, row):
            problem.held = problem.gone or word == "connection"
            return
        lasted = self.clock() - row.since
        if row.closed >= self.refusals or (
            row.count >= self.failures and lasted >= self.patience_s
        ):
            self._trip(endpoint, row, lasted)

    def _waited_for(self, endpoint: Endpoint, problem: AttemptFailedError, row: _Row) -> bool:
        """Whether the endpoint is gone, and for how long that is waited for."""
        now, outage = self.clock(), self._outages.get(endpoint.name)
        if outage is None:
            refused = problem.gone and problem.attempt.failure == "connection"
            if not refused and row.gone < _IN_A_ROW:
                return False
            self._outages[endpoint.name] = _Outage(since=now, look_at=now + _PROBE_S[0])
            most = self.waits.outage_s
            self.waits.say(
                f"endpoint {endpoint.name!r} at {endpoint.base_url} is gone ({row.last}); waiting "
                f"for it at no cost until {at(most)} ({span(most)}), Ctrl-C ends the wait"
            )
            return True
        if now - outage.since >= self.waits.outage_s:
            self._trip(endpoint, row, now - outage.since)
            return False
        if now >= outage.look_at:
            outage.pause = min(2 * outage.pause, _PROBE_S[1])
            outage.look_at = now + outage.pause
        return True

    def _trip(self, endpoint: Endpoint, row: _Row, lasted: float) -> None:
        self._outages.pop(endpoint.name, None)
        why = (
            f"endpoint {endpoint.name!r} at {endpoint.base_url} is given up: {row.count} "
            f"attempts in a row brought nothing in {lasted:.0f} s, the last: {row.last}"
        )
        self._tripped[endpoint.name] = why, self.clock()


def _last(attempt: Attempt) -> str:
    word = attempt.failure or ""
    return f"{word} ({attempt.detail[:120]})" if attempt.detail else word
