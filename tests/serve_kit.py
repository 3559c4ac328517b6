"""A scripted endpoint and our server in front of it, each on a port of the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from fusion_eval.bench.configure import configure
from fusion_eval.serving.app import build
from fusion_eval.serving.settings import Settings

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
FIELDS = ("consensus", "contradictions", "partial_coverage", "unique_insights", "blind_spots")
JUDGED: dict[str, list[str]] = {name: [] for name in FIELDS}
PIECES = ("Once ", "upon ", "a time.")
TEXT = "".join(PIECES)


@dataclass
class Line:
    """What a model of the scripted endpoint does: pieces of text, pauses, a status, a bill."""

    pieces: tuple[str, ...] = PIECES
    first_s: float = 0.0
    pause_s: float = 0.0
    status: int = 200
    usage: dict[str, Any] | None = field(default_factory=lambda: dict(USAGE))
    tool_calls: list[dict[str, Any]] | None = None
    finish: str = "stop"
    breaks_off: bool = False


class Endpoint:
    """Answers by the script of each model; remembers what it was asked and who left."""

    def __init__(self, **lines: Line) -> None:
        self.lines = lines
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.sent_at: list[float] = []
        self.inside = 0
        self.most_inside = 0
        self.left = 0
        routes = [
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/v1/models", self._models),
        ]
        self.app = Starlette(routes=routes)

    async def _models(self, _: Request) -> Response:
        rows = [
            {"id": name, "object": "model", "created": 1, "owned_by": "x"} for name in self.lines
        ]
        return JSONResponse({"object": "list", "data": rows})

    async def _chat(self, http: Request) -> Response:
        body = await http.json()
        self.bodies.append(body)
        self.headers.append(dict(http.headers))
        line = self.lines[body["model"]]
        if body.get("response_format", {}).get("type") == "json_schema" and not body.get("tools"):
            line = Line(pieces=(json.dumps(JUDGED),), usage=line.usage, status=line.status)
        if line.status != 200:
            return JSONResponse({"error": {"message": "scripted failure"}}, line.status)
        if body.get("stream"):
            return StreamingResponse(self._events(line), media_type="text/event-stream")
        await self._works(http, line.first_s + line.pause_s * len(line.pieces))
        message: dict[str, Any] = {"role": "assistant", "content": "".join(line.pieces)}
        if line.tool_calls:
            message |= {"content": None, "tool_calls": line.tool_calls}
        choice = {"index": 0, "message": message, "finish_reason": line.finish}
        done = {"id": "x", "object": "chat.completion", "model": body["model"], "choices": [choice]}
        return JSONResponse({**done, **({"usage": line.usage} if line.usage else {})})

    async def _events(self, line: Line) -> AsyncIterator[str]:
        self._enter()
        whole = False
        try:
            await asyncio.sleep(line.first_s)
            for piece in line.pieces:
                self.sent_at.append(time.perf_counter())
                yield _chunk([{"index": 0, "delta": {"content": piece}, "finish_reason": None}])
                await asyncio.sleep(line.pause_s)
            if line.breaks_off:
                whole = True
                return
            yield _chunk([{"index": 0, "delta": {}, "finish_reason": line.finish}])
            if line.usage:
                yield _chunk([], usage=line.usage)
            yield "data: [DONE]\n\n"
            whole = True
        finally:
            self.inside -= 1
            self.left += not whole

    async def _works(self, http: Request, seconds: float) -> None:
        """Take the time; who leaves before its end is counted."""

        async def gone() -> None:
            while (await http.receive())["type"] != "http.disconnect":
                pass

        self._enter()
        watch = asyncio.ensure_future(gone())
        done, _ = await asyncio.wait({watch}, timeout=seconds)
        watch.cancel()
        self.left += bool(done)
        self.inside -= 1

    def _enter(self) -> None:
        self.inside += 1
        self.most_inside = max(self.inside, self.most_inside)


def _chunk(choices: list[dict[str, Any]], **more: Any) -> str:
    head = {"id": "x", "object": "chat.completion.chunk", "model": "m", "choices": choices}
    return f"data: {json.dumps({**head, **more})}\n\n"


@contextlib.contextmanager
def running(app: Any) -> Iterator[str]:
    """The app on a free port of the loopback, in a thread; its URL."""
    config = uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.005)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=15)


RECIPES = """
  solo: {strategy: solo, member: a}
  panel: {strategy: panel, members: [a, b], judge: b, synthesizer: writer}
  vote: {strategy: vote, members: [a, b]}
"""


def bench_of(url: str, folder: Path, recipes: str = RECIPES, **models: str) -> Any:
    """A bench over the models `a`, `b` and `writer` of an endpoint."""
    named = {"a": "", "b": "", "writer": ""} | models
    rows = "\n".join(
        f"  {name}: {{endpoint: up, id: {name}, price: {{input: 1, output: 2}}{more}}}"
        for name, more in named.items()
    )
    path = folder / "bench.yaml"
    path.write_text(
        f"endpoints: {{up: {{base_url: {url}/v1}}}}\nmodels:\n{rows}\nrecipes:{recipes}"
        "limits: {attempts: 1}\n"
    )
    return configure(path)


@contextlib.contextmanager
def served(
    endpoint: Endpoint,
    folder: Path,
    recipes: str = RECIPES,
    notes: list[str] | None = None,
    models: dict[str, str] | None = None,
    **settings: Any,
) -> Iterator[str]:
    """Our server over a scripted endpoint; its URL with `/v1`."""
    say = (lambda note: None) if notes is None else notes.append
    with running(endpoint.app) as url:
        bench = bench_of(url, folder, recipes, **(models or {}))
        with running(build(bench, Settings(**settings), say=say)) as mine:
            yield f"{mine}/v1"


def chat(model: str = "solo", text: str = "Tell a story.", **more: Any) -> dict[str, Any]:
    """The body of a chat completion."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}
