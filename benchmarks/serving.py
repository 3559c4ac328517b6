"""What `serve` adds: time to the first token, and calls per second of a solo recipe.

    python benchmarks/serving.py            # a table; `--json` for one document

Three processes on this machine: an endpoint that answers after a fixed time, `serve` in front of
it, and one client that asks either of them. The endpoint writes the time (of the one monotonic
clock) into the first word of each stream, so the client knows when it was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

BENCH = """
endpoints: {{up: {{base_url: http://127.0.0.1:{port}/v1}}}}
models: {{m: {{endpoint: up, id: m, price: {{input: 1, output: 2}}}}}}
recipes:
  solo: {{strategy: solo, member: m}}
  panel: {{strategy: panel, members: [m, m], synthesizer: m}}
"""
WORDS = " ".join(["word"] * 300)


def endpoint(port: int, wait_s: float) -> None:
    """Answers every request with 300 words after `wait_s`."""
    usage = {"prompt_tokens": 20, "completion_tokens": 400, "total_tokens": 420}
    choice = {"index": 0, "message": {"role": "assistant", "content": WORDS}}
    body = {
        "id": "x",
        "object": "chat.completion",
        "model": "m",
        "usage": usage,
        "choices": [{**choice, "finish_reason": "stop"}],
    }

    async def events() -> AsyncIterator[str]:
        await asyncio.sleep(wait_s)
        for i in range(20):
            text = f"{time.monotonic_ns()} " if i == 0 else "word " * 15
            delta = {"index": 0, "delta": {"content": text}, "finish_reason": None}
            yield f"data: {json.dumps({'id': 'x', 'model': 'm', 'choices': [delta]})}\n\n"
            await asyncio.sleep(0.005)
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        yield f"data: {json.dumps({'id': 'x', 'model': 'm', 'choices': [last]})}\n\n"
        yield f"data: {json.dumps({'id': 'x', 'model': 'm', 'choices': [], 'usage': usage})}\n\n"
        yield "data: [DONE]\n\n"

    async def chat(http: Request) -> Response:
        if (await http.json()).get("stream"):
            return StreamingResponse(events(), media_type="text/event-stream")
        await asyncio.sleep(wait_s)
        return JSONResponse(body)

    app = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
    uvicorn.run(app, port=port, log_level="error", access_log=False)


def server(port: int, upstream: int, folder: str) -> None:
    """`fusion-eval serve` in front of the endpoint."""
    from fusion_eval.bench.configure import configure
    from fusion_eval.serving.app import build, serve
    from fusion_eval.serving.settings import Settings

    path = Path(folder) / "bench.yaml"
    path.write_text(BENCH.format(port=upstream))
    settings = Settings(port=port, max_requests=1000)
    serve(build(configure(path), settings), settings)


async def first_tokens(url: str, model: str, count: int, at_once: int) -> list[float]:
    """Milliseconds from the endpoint's first word to the client's, of `count` streams."""
    gate, found = asyncio.Semaphore(at_once), list[float]()
    async with aiohttp.ClientSession() as session:

        async def one() -> None:
            async with gate, session.post(f"{url}/chat/completions", json=body) as answer:
                seen = False
                async for line in answer.content:
                    now = time.monotonic_ns()
                    if not seen and (text := _text(line)):
                        found.append((now - int(text.split()[0])) / 1e6)
                        seen = True

        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "?"}]}
        await asyncio.gather(*(one() for _ in range(count)))
    return found


def _text(line: bytes) -> str:
    if not line.startswith(b"data: {"):
        return ""
    choices = json.loads(line[6:])["choices"]
    return (choices[0]["delta"].get("content") or "") if choices else ""


async def per_second(url: str, model: str, count: int, at_once: int) -> float:
    """Answers per second of a client with `at_once` requests in flight."""
    gate = asyncio.Semaphore(at_once)
    body = {"model": model, "messages": [{"role": "user", "content": "?"}]}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one() -> None:
            async with gate, session.post(f"{url}/chat/completions", json=body) as answer:
                assert (await answer.json())["choices"][0]["message"]["content"] == WORDS

        await asyncio.gather(*(one() for _ in range(at_once)))  # connections are open
        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        return count / (time.perf_counter() - began)


def measure(wait_s: float, at_once: int, count: int) -> dict[str, Any]:
    """Both figures, at one latency of the endpoint and one number of requests in flight."""
    ports = [_free_port(), _free_port()]
    with tempfile.TemporaryDirectory() as folder:
        workers = [
            multiprocessing.Process(target=endpoint, args=(ports[0], wait_s), daemon=True),
            multiprocessing.Process(target=server, args=(*ports[::-1], folder), daemon=True),
        ]
        for worker in workers:
            worker.start()
        try:
            direct, through = (f"http://127.0.0.1:{port}/v1" for port in ports)
            _wait_for(ports)
            asyncio.run(per_second(through, "solo", 2 * at_once, at_once))
            pairs = [
                (
                    asyncio.run(per_second(direct, "m", count, at_once)),
                    asyncio.run(per_second(through, "solo", count, at_once)),
                )
                for _ in range(3)
            ]
            tokens = {
                name: _percentiles(asyncio.run(first_tokens(through, name, count // 2, 4)))
                for name in ("solo", "panel")
            }
        finally:
            for worker in workers:
                worker.terminate()
    without, served = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {
        "endpoint_ms": wait_s * 1000,
        "at_once": at_once,
        "direct_per_s": round(without, 1),
        "served_per_s": round(served, 1),
        "ratio": round(served / without, 3),
        "first_token_ms": tokens,
    }


def _percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    late = ordered[int(0.95 * (len(ordered) - 1))]
    return {"p50": round(statistics.median(ordered), 2), "p95": round(late, 2), "n": len(ordered)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(ports: list[int]) -> None:
    deadline = time.monotonic() + 60
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--count", type=int, default=400)
    chosen = parser.parse_args()
    rows = [measure(wait, at_once, chosen.count) for wait, at_once in ((0.2, 16), (0.05, 8))]
    if chosen.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(
            f"endpoint {row['endpoint_ms']:.0f} ms, {row['at_once']} at once: "
            f"{row['direct_per_s']:.0f} answers/s without, {row['served_per_s']:.0f} through serve "
            f"({row['ratio']:.2f}); first token after "
            + ", ".join(
                f"{name} p50 {t['p50']} ms, p95 {t['p95']} ms (n={t['n']})"
                for name, t in row["first_token_ms"].items()
            )
        )


if __name__ == "__main__":
    main()
