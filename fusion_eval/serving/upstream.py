"""The stack below a server: the one that a run uses, kept open, and forgiving where a run is not.

What an endpoint refuses today it may grant tomorrow: failures are not remembered, and one that was
given up is tried again. Calls that nobody waits for any more are cancelled.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fusion_eval.bench.refuse import models_used
from fusion_eval.bench.running import worst_of
from fusion_eval.bench.tooling import toolkit_of
from fusion_eval.core import Bench, Call, Limits, Send
from fusion_eval.engine import prices
from fusion_eval.engine.breaker import Breaker
from fusion_eval.engine.budget import Budget
from fusion_eval.engine.client import Clients
from fusion_eval.engine.ledger import Known, Ledger
from fusion_eval.engine.place import Place
from fusion_eval.engine.stack import sending
from fusion_eval.engine.waiting import Waits
from fusion_eval.errors import CallFailedError

PATIENCE_S = 30.0
"""How long a request waits for an endpoint that is gone, or at its limit, before it gets 503."""
_REST_S = 10.0

Through = Callable[[Call], Awaitable[Known]]


class Upstream:
    """Sends the calls of served requests. `budget` holds the dollars of the present UTC day."""

    def __init__(
        self,
        bench: Bench,
        transports: dict[str, Any],
        *,
        usd_per_day: float | None = None,
        ledger: Place | None = None,
        marks: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self._bench = bench
        self._say = say
        self._limits = _patient(bench.limits)
        self._clients = Clients(transports, say=say, marks=marks)
        self._toolkit = toolkit_of(bench, None)
        self._ledger = Ledger(ledger, say) if ledger is not None else None
        self._waiting: Counter[str] = Counter()
        self._day = ""
        self.budget = Budget(usd_per_day, worst_of, prices.paid_for)
        self._waits = Waits(say, most_s=self._limits.wait_s, outage_s=self._limits.outage_s)
        self._breaker = Breaker(waits=self._waits, rests_s=_REST_S)

    async def close(self) -> None:
        """Give up what is in flight and close every connection."""
        if self._ledger is not None:
            await self._ledger.stop()
        await self._clients.close()
        await self._toolkit.close()
        if self._ledger is not None:
            self._ledger.close()

    def is_paid(self, call: Call) -> bool:
        """Whether a call is answered, or on its way, without being sent for this request."""
        ledger = self._ledger
        if ledger is None:
            return False
        return ledger.flies(call.key) or ledger.find(call.key) is not None

    async def send(self, call: Call) -> Known:
        """The reply to a call. Raises CallFailedError, BudgetError and DeadEndpointError."""
        through = self._today()
        if self._ledger is None:
            return await through(call)
        self._waiting[call.key] += 1
        try:
            return await through(call)
        except CallFailedError:
            self._ledger.forget_failure(call.key)
            raise
        except asyncio.CancelledError:
            if self._waiting[call.key] == 1:
                self._ledger.give_up(call.key)
            raise
        finally:
            self._waiting[call.key] -= 1
            self._waiting += Counter()  # forget keys that nobody waits for

    def _today(self) -> Through:
        """The stack; at the first call of a day, with the dollars of that day."""
        if (day := datetime.now(UTC).date().isoformat()) != self._day:
            self._day = day
            self.budget.spent = self._spent(day)
            self._through = self._stack(f"serve-{day}")
        return self._through

    def _spent(self, day: str) -> float:
        """What was spent today before this process began, as far as a ledger knows."""
        if self._ledger is None:
            return 0.0
        return self._ledger.spent(f"serve-{day}", models_used(self._bench))

    def _stack(self, run: str) -> Through:
        recording: Callable[[Send], Send] = _unchanged
        if self._ledger is not None:
            recording = partial(self._ledger.recording, run=run, worst=worst_of)
        send = sending(
            self._clients, self._limits, self.budget, recording, self._breaker, say=self._say,
            beside=self._toolkit.beside,
        )  # fmt: skip
        if self._ledger is not None:
            return self._ledger.wrap(send, ready=_nothing)

        async def through(call: Call) -> Known:
            return Known(await send(call), run)

        return through


def until_tomorrow_s() -> int:
    """Seconds until the dollars of a new UTC day may be spent."""
    return 86_400 - int(time.time()) % 86_400


def _unchanged(send: Send) -> Send:
    return send


async def _nothing(_: Call) -> None:
    return None


def _patient(limits: Limits) -> Limits:
    """As patient as a client is."""
    wait, outage = min(limits.wait_s, PATIENCE_S), min(limits.outage_s, PATIENCE_S)
    return replace(limits, wait_s=wait, outage_s=outage)
