"""How many requests may be in flight: slots that adapt to refusals."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from fusion_eval.core import Call, Reply
from fusion_eval.engine.attempt import AttemptFailedError

One = Callable[[Call], Awaitable[Reply]]


class Gate:
    """Slots of one endpoint: as many as allowed, fewer after a refusal, then slowly more again.

    Additive increase, multiplicative decrease (Chiu and Jain 1989), at most one decrease per
    round trip, so that one burst of refusals counts once.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._shrunk_at = -1e9

    async def enter(self) -> None:
        """Wait for a slot."""
        if self.in_flight < int(self.limit) and not self._waiting:
            self.in_flight += 1
            return
        slot = asyncio.get_running_loop().create_future()
        self._waiting.append(slot)
        try:
            await slot
        except asyncio.CancelledError:
            if slot.done() and not slot.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1
        while self._waiting and self.in_flight < int(self.limit):
            slot = self._waiting.popleft()
            if not slot.done():
                self.in_flight += 1
                slot.set_result(None)

    def grow(self) -> None:
        """One reply more: room for one more slot per round."""
        self.limit = min(float(self.most), self.limit + 1.0 / self.limit)

    def shrink(self, round_trip_s: float) -> None:
        """Refused for too much at once."""
        now = time.monotonic()
        if now - self._shrunk_at > max(round_trip_s, 0.1):
            self.limit = max(1.0, self.limit * 0.75)
            self._shrunk_at = now


def concurrency(send: One, *, max_in_flight: int) -> One:
    """At most `max_in_flight` requests per endpoint at once, fewer where it refuses."""
    gates: dict[str, Gate] = {}

    async def gated(call: Call) -> Reply:
        gate = gates.setdefault(call.model.endpoint.name, Gate(max_in_flight))
        await gate.enter()
        try:
            reply = await send(call)
        except AttemptFailedError as problem:
            if problem.attempt.failure == "rate_limited":
                gate.shrink(problem.attempt.latency_s)
            raise
        else:
            gate.grow()
            return reply
        finally:
            gate.leave()

    return gated
