"""A call that hangs is named while it hangs, and not only when its deadline ends it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from fusion_eval.core import Call, Reply, Send

_SHARE = 0.5  # of the deadline, after which a call is late
_QUIET_S = 10.0  # between two notes: a dead endpoint makes all calls late at once


class Watch:
    """Says which call is late."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said = float("-inf")

    def wrap(self, send: Send) -> Send:
        """The same, with a note when half of the deadline is over."""

        async def watched(call: Call) -> Reply:
            after = _SHARE * call.model.endpoint.timeout_s
            late = asyncio.get_running_loop().call_later(after, self._late, call, after)
            try:
                return await send(call)
            finally:
                late.cancel()

        return watched

    def _late(self, call: Call, waited_s: float) -> None:
        now = time.monotonic()
        if now - self._said < _QUIET_S:
            return
        self._said = now
        model, endpoint = call.model, call.model.endpoint
        self._say(
            f"call {call.key[:12]} to {model.name} at {endpoint.name!r} has had no reply for "
            f"{waited_s:.0f} s; it is given up after {endpoint.timeout_s:.0f} s"
        )
