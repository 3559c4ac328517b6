"""Waiting for endpoints: said where it is long, bounded, and ended together."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

LONG_S = 30.0
"""A wait from here on is said, with its end."""

Sleep = Callable[[float], Awaitable[None]]


def silent(_: str) -> None:
    """Nobody hears it."""


class Waits:
    """All waits of one run. `say` hears of the long ones.

    `most_s` is how long a model may refuse everything (429) before its endpoint is given up;
    `outage_s` how long one that is gone is waited for.
    """

    def __init__(
        self,
        say: Callable[[str], None] = silent,
        *,
        most_s: float = 600.0,
        outage_s: float = 180.0,
        sleep: Sleep | None = None,
    ) -> None:
        self.most_s = most_s
        self.outage_s = outage_s
        self.say = say
        self._sleep = sleep
        self._over = asyncio.Event()
        self._said_until: dict[str, float] = {}

    def end(self) -> None:
        """End every wait, now and from here on: each raises CancelledError where it stands.

        Nothing is in flight while a call waits, so nothing is lost.
        """
        self._over.set()

    async def wait(self, seconds: float, what: str) -> None:
        """Wait; a long wait is said once, as `what` until when."""
        if self._over.is_set():
            raise asyncio.CancelledError
        if seconds >= LONG_S and self._said_until.get(what, 0.0) < time.time() + seconds - LONG_S:
            self._said_until[what] = time.time() + seconds
            self.say(f"{what}; waiting until {at(seconds)} ({span(seconds)}), Ctrl-C ends the wait")
        if self._sleep is not None:
            await self._sleep(seconds)
            return
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._over.wait()
        except TimeoutError:
            return
        raise asyncio.CancelledError


def backoff(failures: int, most: float = 30.0) -> float:
    """Seconds after so many failures in a row: doubling from half a second, with jitter.

    Full jitter on half of it, so that not all come back in the same moment.
    """
    whole = min(most, 0.5 * 2.0 ** min(failures - 1, 10))
    return float(whole * (0.5 + 0.5 * random.random()))


def at(seconds: float) -> str:
    """The time of day after so many seconds; with the date where it is another day."""
    then = time.localtime(time.time() + seconds)
    today = time.strftime("%x", then) == time.strftime("%x")
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", then)


def span(seconds: float) -> str:
    """A duration in words: `45 s`, `5 min`, `7 h 12 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
