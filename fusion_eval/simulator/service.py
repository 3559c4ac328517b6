"""The endpoint: a Starlette app that speaks OpenAI's chat completions.

Also below any prefix (`/fast/v1/…`), so that one server can stand for several endpoints.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from fusion_eval.core import Task
from fusion_eval.simulator.reply import Completion
from fusion_eval.simulator.request import BadRequest, Request, parse
from fusion_eval.simulator.simulator import Simulator
from fusion_eval.simulator.world import World

_CREATED = 1_700_000_000  # a fixed date: same request, same reply
_PIECE = 48  # characters in one chunk of a stream


def app(world: World, tasks: Sequence[Task], *, sleep: bool = False) -> Starlette:
    """An OpenAI-compatible endpoint for one world; with `sleep`, replies take their latency."""
    endpoint = _Endpoint(world, tasks, sleep)
    routes = [
        Route(f"{prefix}/v1{path}", handler, methods=[method])
        for prefix in ("", "/{prefix:path}")
        for path, handler, method in (
            ("/chat/completions", endpoint.completions, "POST"),
            ("/models", endpoint.models, "GET"),
        )
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _refuse})


class _Endpoint:
    """The two addresses, with the simulator behind them."""

    def __init__(self, world: World, tasks: Sequence[Task], sleep: bool) -> None:
        self._world = world
        self._simulator = Simulator(world, tasks)
        self._sleep = sleep

    async def models(self, _: HttpRequest) -> Response:
        rows = [
            {"id": i, "object": "model", "created": _CREATED, "owned_by": self._world.maker_of[i]}
            for i in self._world.models
        ]
        return _json({"object": "list", "data": rows})

    async def completions(self, http: HttpRequest) -> Response:
        try:
            request = parse(await http.body())
        except BadRequest as error:
            return _error(400, error.message, error.param)
        if request.model not in self._world.models:
            message = f"The model '{request.model}' does not exist in world '{self._world.name}'."
            return _error(404, message, "model", "model_not_found")
        done = self._simulator.complete(request)
        if request.stream:
            return _streamed(request, done, self._sleep)
        if self._sleep:
            await asyncio.sleep(done.latency_s)
        return _json(_body(done))


def _body(done: Completion) -> dict[str, Any]:
    message = {"role": "assistant", "content": done.content, "refusal": done.refusal}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": done.finish}
    return {
        **_head(done, "chat.completion"),
        "choices": [choice],
        "usage": done.usage(),
        "simulated": done.simulated(),
    }


def _streamed(request: Request, done: Completion, sleep: bool) -> Response:
    """Server-sent events; with `sleep`, spread evenly over the latency."""
    text = done.content or ""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": done.refusal}]
    deltas += [{"content": text[i : i + _PIECE]} for i in range(0, len(text), _PIECE)]
    chunks = [_chunk(done, [{"index": 0, "delta": d, "finish_reason": None}]) for d in deltas]
    chunks.append(_chunk(done, [{"index": 0, "delta": {}, "finish_reason": done.finish}]))
    chunks[-1]["simulated"] = done.simulated()
    if request.stream_usage:
        chunks.append({**_chunk(done, []), "usage": done.usage(), "simulated": done.simulated()})
    pause = done.latency_s / len(chunks) if sleep else 0.0

    async def events() -> AsyncIterator[str]:
        for chunk in chunks:
            if pause:
                await asyncio.sleep(pause)
            yield f"data: {json.dumps(chunk)}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


def _chunk(done: Completion, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {**_head(done, "chat.completion.chunk"), "choices": choices}


def _head(done: Completion, kind: str) -> dict[str, Any]:
    name = f"chatcmpl-{done.draw[:24]}"
    return {"id": name, "object": kind, "created": _CREATED, "model": done.model}


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(value), status_code=status, media_type="application/json")


def _error(
    status: int, message: str, param: str | None = None, code: str | None = None
) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return _json({"error": error}, status)


async def _refuse(_: HttpRequest, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _error(status, "There is nothing at this address, or not for this method.")
