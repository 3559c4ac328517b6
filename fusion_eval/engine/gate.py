"""How many requests may be in flight: found per model, never more than an endpoint's maximum.

Starts gently and doubles per round trip until refusals come; then one more at a time, each kept
when a whole round trip passes with at most one refusal. Two are blamed on the newest slot, one on
chance, because endpoints also refuse at random; many within one round trip cost a quarter of all
slots, once (additive increase, multiplicative decrease; Chiu and Jain 1989).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from fusion_eval.core import Call, Reply, Send
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.breaker import Breaker
from fusion_eval.engine.waiting import Waits

Clock = Callable[[], float]

_FIRST = 16
_CHANCE = 1  # refusals within one round trip; above a ceiling the next come at once
_MANY = 0.1  # of the slots, refused within one round trip
_MOST_PATIENCE = 8  # round trips between two tries for one slot more
_MOST_WAIT_S = 60.0  # on the word of a good reply alone; then a refusal tells more


class Window:
    """The number of slots that one model at one endpoint takes, learned from what comes back."""

    def __init__(self, most: int, clock: Clock = time.monotonic) -> None:
        self.most = most
        self.limit = min(most, _FIRST)
        self.proven = self.limit
        self.round_trip_s = 0.1
        self.closed_until = 0.0
        self._clock = clock
        self._aim = most  # doubles up to here
        self._since = clock()  # this round began,
        self._began = self.limit  # with so many slots
        self._refused = 0  # in this round
        self._refused_since: float | None = None  # everything, without a reply in between
        self._patience = self._wait = 1

    def replied(self, took_s: float) -> None:
        """One reply; at the end of a good round trip there is room for more."""
        self._refused_since = None
        self.round_trip_s += 0.1 * (took_s - self.round_trip_s)
        if self._starting:
            self.limit += 1
        self._look_at_the_clock()

    def refused(self, retry_after_s: float | None = None) -> None:
        """Refused for too much at once, or too often; with one slot left it is too often."""
        self._look_at_the_clock()
        self._refused += 1
        if self._refused_since is None:
            self._refused_since = self._clock()
        if self.limit == 1 and retry_after_s is not None:
            self.close_for(retry_after_s)
        if self._refused == self._many() + 1:
            self._fewer()
        elif not self._starting and self._refused == _CHANCE + 1:
            self._one_fewer()

    def close_for(self, seconds: float) -> None:
        """The endpoint has said when to come back."""
        self.closed_until = max(self.closed_until, self._clock() + seconds)

    def refused_for_s(self) -> float:
        """Seconds in which nothing but refusals came back."""
        return 0.0 if self._refused_since is None else self._clock() - self._refused_since

    def closed_s(self) -> float:
        """Seconds until it may be asked again."""
        return max(0.0, self.closed_until - self._clock())

    @property
    def _starting(self) -> bool:
        return self.limit < self._aim

    def _look_at_the_clock(self) -> None:
        """At the end of a round trip: what it began with has worked if it passed, or has not."""
        if self._clock() - self._since < self.round_trip_s:
            return
        good = self._refused <= (self._many() if self._starting else _CHANCE)
        if good and self._began > self.proven:
            self.proven = self._began
            self._patience = max(1, self._patience // 2)
        self._wait -= 1
        if good and not self._starting and self._wait <= 0 and self.limit == self.proven:
            self.limit = min(self.most, self.limit + 1)
            self._wait = self._patience
        self._new_round()

    def _one_fewer(self) -> None:
        """The newest slot was one too many; if it was a try, the next one waits longer."""
        if self.limit > self.proven:
            self._patience = min(2 * self._patience, _MOST_PATIENCE)
        self.limit = self.proven = max(1, self.limit - 1)
        self._wait = self._patience

    def _fewer(self) -> None:
        """Many refusals: back to what worked, or to three quarters of what does not any more.

        What worked may be little when refusals came early; half of what was refused is then
        reached as fast as in the beginning.
        """
        refused, worked = self.limit, self.proven < self.limit
        self.limit = self.proven if worked else max(1, int(0.75 * self.limit))
        self._aim = max(self.limit, refused // 2)
        self.proven = self.limit
        self._patience = self._wait = 1

    def _many(self) -> int:
        return max(1, int(_MANY * self.limit))

    def _new_round(self) -> None:
        self._since, self._refused, self._began = self._clock(), 0, self.limit


class Slots:
    """All slots of one endpoint, with one queue per model; whoever has room goes first."""

    def __init__(
        self, most: int, clock: Clock = time.monotonic, waits: Waits | None = None
    ) -> None:
        self.most = most
        self.in_flight = 0
        self._waits = waits or Waits()
        self.windows: dict[str, Window] = {}
        self._clock = clock
        self._inside: dict[str, int] = {}
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}

    def window(self, model: str) -> Window:
        """What is known about one model."""
        if model not in self.windows:
            self.windows[model] = Window(self.most, self._clock)
            self._inside[model], self._queues[model] = 0, deque()
        return self.windows[model]

    async def enter(self, model: str) -> None:
        """Wait for a slot, and until an endpoint that has nothing left has something again."""
        while True:
            if (closed := self.window(model).closed_s()) > 0:
                await self._waits.wait(closed, f"model {model!r} is at its rate limit")
            await self._slot(model)
            if not self.window(model).closed_s():
                return
            self.leave(model)

    async def _slot(self, model: str) -> None:
        if self._room(model) and not self._queues[model]:
            self._take(model)
            return
        slot = asyncio.get_running_loop().create_future()
        self._queues[model].append(slot)
        try:
            await slot
        except asyncio.CancelledError:
            if slot.done() and not slot.cancelled():
                self.leave(model)
            raise

    def leave(self, model: str) -> None:
        """Give a slot back."""
        self.in_flight -= 1
        self._inside[model] -= 1
        for name in [*self._queues]:
            queue = self._queues[name]
            while queue and self._room(name):
                slot = queue.popleft()
                if not slot.done():
                    self._take(name)
                    slot.set_result(None)
            if queue:  # who did not get all goes last next time
                self._queues[name] = self._queues.pop(name)

    def _room(self, model: str) -> bool:
        return self.in_flight < self.most and self._inside[model] < self.windows[model].limit

    def _take(self, model: str) -> None:
        self.in_flight += 1
        self._inside[model] += 1


def concurrency(
    send: Send,
    *,
    max_in_flight: int,
    breaker: Breaker | None = None,
    waits: Waits | None = None,
) -> Send:
    """At most `max_in_flight` requests per endpoint at once, fewer where a model is refused.

    Waits while an endpoint is gone. Raises DeadEndpointError, without sending, once the breaker
    has tripped.
    """
    endpoints: dict[str, Slots] = {}
    breaker = breaker or Breaker(waits=waits or Waits())

    async def gated(call: Call) -> Reply:
        endpoint = call.model.endpoint
        if endpoint.name not in endpoints:
            endpoints[endpoint.name] = Slots(max_in_flight, waits=waits)
        slots = endpoints[endpoint.name]
        await slots.enter(call.model.id)
        window, started = slots.window(call.model.id), time.monotonic()
        try:
            await breaker.admit(endpoint)
            started = time.monotonic()
            reply = await send(call)
        except AttemptFailedError as problem:
            if problem.attempt.failure == "rate_limited":
                window.refused(problem.retry_after_s)
                problem.refused_for_s = window.refused_for_s()
            breaker.failed(endpoint, problem)
            raise
        else:
            window.replied(time.monotonic() - started)
            window.close_for(min(reply.extra.get("used_up_s", 0.0), _MOST_WAIT_S))
            breaker.replied(endpoint)
            return reply
        finally:
            breaker.left(endpoint)
            slots.leave(call.model.id)

    return gated
