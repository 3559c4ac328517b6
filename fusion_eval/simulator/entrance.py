"""What stands before the models: capacity, and faults that are drawn for every arrival.

A fault hangs on how many requests came before, not on what is asked: asked again, the same request
may pass. So it lies outside of what a reply is, and all packaged worlds have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fusion_eval.simulator.chance import uniform
from fusion_eval.simulator.endpoint import Faults
from fusion_eval.simulator.world import World


class Entrance:
    """The queue of one endpoint: how many came, and how many are inside."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.service = world.service
        self.arrived = 0
        self.inside = 0

    @property
    def full(self) -> bool:
        """Whether one more would be above capacity."""
        return self.service.capacity is not None and self.inside >= self.service.capacity

    @contextmanager
    def entered(self) -> Iterator[None]:
        """One request inside, however it ends."""
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    def arrival(self) -> tuple[int, str | None]:
        """The number of an arrival and the fault that it meets, if any."""
        self.arrived += 1
        left = uniform(self._world.root, "arrival", str(self.arrived))
        for name in Faults.model_fields:
            left -= getattr(self.service.faults, name)
            if left < 0:
                return self.arrived, name
        return self.arrived, None

    def fresh(self, draw: str, arrival: int) -> str:
        """The draw of a request at an endpoint without `seed` support: another one each time."""
        if self.service.seed:
            return draw
        return blake2b(f"{draw}/{arrival}".encode(), digest_size=16).hexdigest()

    def headers(self) -> dict[str, str]:
        """Rate-limit headers as OpenAI sends them, where the endpoint has any."""
        service = self.service
        if not service.rate_limit_headers or service.capacity is None:
            return {}
        return {
            "x-ratelimit-limit-requests": str(service.capacity),
            "x-ratelimit-remaining-requests": str(max(0, service.capacity - self.inside)),
            "x-ratelimit-reset-requests": f"{service.retry_after_s:g}s",
        }


class Dropped(Response):
    """A reply whose connection ends in the middle of its body."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content, media_type="application/json")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: dict[str, Any] = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
