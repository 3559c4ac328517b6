"""An OpenAI-compatible endpoint for benchmarks: latency, a ceiling and faults, on one core.

    python benchmarks/endpoint.py --latency 0.05

prints its base URL and serves until it is killed. Above `--ceiling` requests in flight it answers
429 with `Retry-After: 1`; faults are drawn per arrival. `GET /v1/stats` says what arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections import Counter
from typing import Any

FAULTS = ("limited", "broken", "reset", "cut", "error_200", "hang")


class Endpoint:
    """What is served and what has arrived; one `_Connection` each."""

    def __init__(
        self,
        latency_s: float = 0.05,
        characters: int = 1_800,
        ceiling: int | None = None,
        faults: dict[str, float] | None = None,
        seed: int = 0,
    ) -> None:
        self.latency_s = latency_s
        self.ceiling = ceiling
        self.faults = faults or {}
        self.chance = random.Random(seed)
        self.inside = self.peak = self.arrived = 0
        self.outcomes: Counter[str] = Counter()
        self.rejected_at: list[int] = []  # numbers of the arrivals that were above the ceiling
        self._good = _completion(
            "the panel judge weighs each criterion " * (characters // 38) + "\nAnswer: 42"
        )

    def fault(self) -> str | None:
        """What goes wrong with this arrival, drawn once."""
        drawn = self.chance.random()
        for name, probability in self.faults.items():
            drawn -= probability
            if drawn < 0:
                return name
        return None

    async def serve(self) -> tuple[asyncio.Server, str]:
        """Listen on a free port of this machine."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=2048)
        port = server.sockets[0].getsockname()[1]
        return server, f"http://127.0.0.1:{port}/v1"

    def stats(self) -> dict[str, Any]:
        """What arrived, and what became of it."""
        return {
            "arrived": self.arrived,
            "peak": self.peak,
            "outcomes": dict(self.outcomes),
            "rejected_at": self.rejected_at,
        }

    def answer(self, connection: _Connection) -> None:
        """Decide about one request, now; the answer comes after the latency."""
        self.arrived += 1
        if self.ceiling is not None and self.inside >= self.ceiling:
            self.outcomes["rejected"] += 1
            self.rejected_at.append(self.arrived)
            return connection.write(_response(429, b'{"error": "too many"}', "Retry-After: 1\r\n"))
        fault = self.fault()
        self.outcomes[fault or "good"] += 1
        if fault == "limited":
            return connection.write(_response(429, b'{"error": "slower"}', "Retry-After: 1\r\n"))
        if fault == "hang":
            return None
        self.inside += 1
        self.peak = max(self.peak, self.inside)
        loop = asyncio.get_running_loop()
        loop.call_later(self.latency_s, self._done, connection, fault)
        return None

    def _done(self, connection: _Connection, fault: str | None) -> None:
        self.inside -= 1
        if fault == "reset":
            return connection.abort()
        body = self._good
        if fault == "cut":
            body = body[: len(body) // 2]
        if fault == "error_200":
            body = b'{"error": {"code": 500, "message": "overloaded"}}'
        return connection.write(_response(500 if fault == "broken" else 200, body))


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as little of it as a client sends."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self.buffer) < end + 4 + length:
            return
        self.buffer = self.buffer[end + 4 + length :]
        if head.startswith(b"post"):
            self.endpoint.answer(self)
        elif b"/stats" in head.split(b"\r\n", 1)[0]:
            self.write(_response(200, json.dumps(self.endpoint.stats()).encode()))
        else:
            self.write(_response(200, b'{"object": "list", "data": []}'))

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def abort(self) -> None:
        self.transport.abort()


def _completion(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "served/m",
        "choices": [{**choice, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 300, "total_tokens": 340},
    }
    return json.dumps(body).encode()


def _response(status: int, body: bytes, headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _serve(endpoint: Endpoint) -> None:
    server, url = await endpoint.serve()
    print(url, flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--characters", type=int, default=1_800)
    parser.add_argument("--ceiling", type=int)
    for fault in FAULTS:
        parser.add_argument(f"--{fault.replace('_', '-')}", type=float, default=0.0)
    given = parser.parse_args()
    faults = {name: p for name in FAULTS if (p := getattr(given, name)) > 0}
    asyncio.run(_serve(Endpoint(given.latency, given.characters, given.ceiling, faults)))


if __name__ == "__main__":
    main()
