"""What may be sent now: slots that adapt to refusals, and dollars reserved before they go."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from fusion_eval.core import Call, Reply
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.errors import BudgetError

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


class Budget:
    """US dollars of one run. The worst case of an attempt is reserved before it is sent.

    `worst_usd(call)` is None for a price that nobody knows; `paid_usd(call, reply)` is what a
    reply cost. `most` None means that nothing is limited, and only sums are kept.
    """

    def __init__(
        self,
        most: float | None,
        worst_usd: Callable[[Call], float | None],
        paid_usd: Callable[[Call, Reply], float | None],
        spent: float = 0.0,
    ) -> None:
        self.most = most
        self.spent = spent
        self._reserved = 0.0
        self._reservations = 0
        self._worst_usd = worst_usd
        self._paid_usd = paid_usd
        self._settled = asyncio.Event()

    def wrap(self, send: One) -> One:
        """Reserve, send, settle. Raises BudgetError when the worst case cannot fit any more."""

        async def within(call: Call) -> Reply:
            worst = self._worst_usd(call)
            await self._reserve(worst)
            cost = worst or 0.0  # what an attempt of unknown bill may have cost
            try:
                reply = await send(call)
                paid = self._paid_usd(call, reply)
                cost = paid if paid is not None else cost
                return reply
            except AttemptFailedError as problem:
                if problem.attempt.billed is not None:
                    cost = 0.0
                raise
            finally:
                self._settle(worst, cost)

        return within

    async def _reserve(self, worst: float | None) -> None:
        if self.most is None:
            return
        if worst is None:
            raise BudgetError("a call of unknown price was asked for under a budget")
        while self.spent + self._reserved + worst > self.most:
            if not self._reservations:
                raise BudgetError(
                    f"the next call may cost ${worst:.4f}, and ${self.most - self.spent:.4f} of "
                    f"${self.most:.2f} are left"
                )
            self._settled.clear()
            await self._settled.wait()
        self._reserved += worst
        self._reservations += 1

    def _settle(self, worst: float | None, cost: float) -> None:
        if self.most is not None:
            self._reservations -= 1
            # exactly 0 when nothing is reserved: nobody should wait for a rest of rounding
            self._reserved = self._reserved - (worst or 0.0) if self._reservations else 0.0
        self.spent += cost
        self._settled.set()
