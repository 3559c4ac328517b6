"""The stack between `Ask` and the wire, put together in its one order."""

from __future__ import annotations

from collections.abc import Callable

from fusion_eval.core import Limits, Send
from fusion_eval.engine.breaker import Breaker
from fusion_eval.engine.budget import Budget
from fusion_eval.engine.client import Clients
from fusion_eval.engine.gate import concurrency
from fusion_eval.engine.retry import retry
from fusion_eval.engine.waiting import Waits, silent
from fusion_eval.engine.watch import Watch


def sending(
    clients: Clients,
    limits: Limits,
    budget: Budget,
    recording: Callable[[Send], Send],
    breaker: Breaker | None = None,
    say: Callable[[str], None] | None = None,
    ends: Callable[[Callable[[], None]], None] | None = None,
    beside: Callable[[Send], Send] | None = None,
) -> Send:
    """retry ─> budget ─> concurrency ─> recording ─> client.

    The ledger stands at both ends: it looks up at the top (`Ledger.wrap`), where a reply waits
    until it is on disk, and writes down at the bottom (`Ledger.recording`). Concurrency
    stands below retry, so no slot is held while a Retry-After runs; the budget reserves per
    attempt, because attempts are what is billed. `say` hears of late calls and long waits; `ends`
    is given what ends every wait; `beside` takes the calls that no endpoint answers (of tools).
    """
    wire: Send = beside(clients.send) if beside is not None else clients.send
    wire = Watch(say).wrap(wire) if say is not None else wire
    waits = Waits(say or silent, most_s=limits.wait_s, outage_s=limits.outage_s)
    if ends is not None:
        ends(waits.end)
    gated: Send = concurrency(
        recording(wire), max_in_flight=limits.max_in_flight, breaker=breaker, waits=waits
    )
    return retry(budget.wrap(gated), attempts=limits.attempts, waits=waits)
