"""How much may be asked: requests at once, and requests per key and minute."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fusion_eval.serving.refusals import Refused

_MINUTE_S = 60.0


class AtOnce:
    """Requests that are being answered."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.inside = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """One request inside, however it ends. Raises Refused (503) where there is no room."""
        if self.inside >= self.most:
            problem = f"{self.most} requests are being answered, and there is room for no more."
            raise Refused(503, problem, code="server_overloaded", retry_after_s=1)
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


class PerMinute:
    """Requests of each key in the last 60 seconds."""

    def __init__(self, most: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._clock = clock
        self._times: dict[str, deque[float]] = {}

    def take(self, who: str) -> None:
        """One request of somebody. Raises Refused (429) where it is one too many."""
        if self.most is None:
            return
        now, times = self._clock(), self._times.setdefault(who, deque())
        while times and times[0] <= now - _MINUTE_S:
            times.popleft()
        if len(times) >= self.most:
            wait = math.ceil(times[0] + _MINUTE_S - now) if times else _MINUTE_S
            problem = f"{self.most} requests per minute are allowed; try again in {wait:.0f} s."
            raise Refused(429, problem, code="rate_limit_exceeded", retry_after_s=int(wait))
        times.append(now)
