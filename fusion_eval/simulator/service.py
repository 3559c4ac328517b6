"""The endpoint: a Starlette app that speaks OpenAI's chat completions and Responses.

Also below any prefix (`/fast/v1/…`), so that one server can stand for several endpoints.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from fusion_eval.core import Task
from fusion_eval.openai_api import BadRequestError, error_body
from fusion_eval.simulator.bodies import CREATED, body, streamed, whole
from fusion_eval.simulator.dialects import usage
from fusion_eval.simulator.entrance import Dropped, Entrance
from fusion_eval.simulator.request import Request, parse, spelled_alike
from fusion_eval.simulator.simulator import Simulator
from fusion_eval.simulator.spelling import broken_off, refusal, spelled
from fusion_eval.simulator.tools import called, researched
from fusion_eval.simulator.world import World

_JSON = "application/json"


def app(world: World, tasks: Sequence[Task], *, sleep: bool = False) -> Starlette:
    """An OpenAI-compatible endpoint for one world; with `sleep`, replies take their latency."""
    endpoint = _Endpoint(world, tasks, sleep)
    routes = [
        Route(f"{prefix}/v1{path}", handler, methods=[method])
        for prefix in ("", "/{prefix:path}")
        for path, handler, method in (
            ("/chat/completions", endpoint.completions, "POST"),
            ("/responses", endpoint.responses, "POST"),
            ("/models", endpoint.models, "GET"),
            ("/models/{model:path}", endpoint.model, "GET"),
        )
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _refuse})


class _Endpoint:
    """The two addresses, with the simulator behind them."""

    def __init__(self, world: World, tasks: Sequence[Task], sleep: bool) -> None:
        self._world = world
        self._simulator = Simulator(world, tasks)
        self._sleep = sleep
        self._entrance = Entrance(world)

    async def models(self, _: HttpRequest) -> Response:
        return _json({"object": "list", "data": [self._row(name) for name in self._world.models]})

    async def model(self, http: HttpRequest) -> Response:
        name = http.path_params["model"]
        return _json(self._row(name)) if name in self._world.models else self._unknown(name)

    def _row(self, name: str) -> dict[str, Any]:
        maker = self._world.maker_of[name]
        return {"id": name, "object": "model", "created": CREATED, "owned_by": maker}

    async def completions(self, http: HttpRequest) -> Response:
        return await self._arrived(http, responses=False)

    async def responses(self, http: HttpRequest) -> Response:
        return await self._arrived(http, responses=True)

    async def _arrived(self, http: HttpRequest, *, responses: bool) -> Response:
        try:
            raw = await http.body()
        except ClientDisconnect:  # nobody reads what is answered
            return Response(status_code=400)
        arrival, fault = self._entrance.arrival()
        if self._entrance.full:
            reply = _error(429, "Rate limit reached; try again later.", code="rate_limit_exceeded")
            reply.headers["Retry-After"] = f"{self._entrance.service.retry_after_s:g}"
        else:
            with self._entrance.entered():
                reply = await self._served(raw, arrival, fault, responses)
        reply.headers.update(self._entrance.headers())
        return reply

    async def _served(
        self, raw: bytes, arrival: int, fault: str | None, responses: bool
    ) -> Response:
        """The reply of a model, or what a fault makes of it."""
        if fault in ("error_500", "error_200") and _dialect(self._world, raw) == "openrouter":
            return _json(broken_off())
        if fault == "error_500":
            return _error(500, "The server had an error while processing your request.")
        if fault == "error_200":
            return _json({"error": {"message": "Provider returned error", "code": 502}})
        if fault == "hang":
            await asyncio.sleep(self._entrance.service.hang_s)
            return Dropped(b"{}")
        reply = await self._answered(raw, arrival, responses)
        if fault == "reset":
            return Dropped(await whole(reply))
        if fault == "truncated_json":
            content = await whole(reply)
            return Response(content[: len(content) // 2], media_type=reply.media_type)
        return reply

    def _researched(self, request: Request, draw: str) -> dict[str, Any] | None:
        if self._world.evidence is None or not request.body.get("tools"):
            return None
        known = self._simulator.catalogue.find(request.text)
        return researched(self._world, known, replace(request, draw=draw))

    def _unknown(self, name: str) -> Response:
        message = f"The model '{name}' does not exist in world '{self._world.name}'."
        return _error(404, message, "model", "model_not_found")

    async def _answered(self, raw: bytes, arrival: int, responses: bool) -> Response:
        try:
            request = parse(raw, responses=responses)
        except BadRequestError as error:
            return _error(400, error.message, error.param, error.code)
        if request.model not in self._world.models:
            return self._unknown(request.model)
        if request.form == "json_schema" and not self._entrance.service.json_schema:
            message = "'response_format' of type 'json_schema' is not supported with this model."
            return _error(400, message, "response_format")
        bird = self._world.models[request.model]
        if bird.dialect is not None:
            request = replace(request, draw=spelled_alike(request))
            if (problem := refusal(bird.dialect, request)) is not None:
                return _error(400, problem[0], problem[1], "unsupported_parameter")
        draw = self._entrance.fresh(request.draw, arrival)
        done = self._simulator.complete(replace(request, draw=draw))
        used = usage(done, bird.usage)
        call = called(request) or self._researched(request, draw)
        if call is not None and self._world.evidence is not None:
            done = self._simulator.briefly(done)
        if request.stream:
            return streamed(request, done, used, self._sleep, call)
        if self._sleep:
            await asyncio.sleep(done.latency_s)
        value = body(request, done, used, call)
        dialect = bird.dialect if request.asked is None else None
        return _json(spelled(dialect, value, done) if dialect else value)


def _dialect(world: World, raw: bytes) -> str | None:
    with contextlib.suppress(BadRequestError):
        bird = world.models.get(parse(raw).model)
        return bird.dialect if bird is not None else None
    return None


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(value), status_code=status, media_type=_JSON)


def _error(
    status: int, message: str, param: str | None = None, code: str | None = None
) -> Response:
    return _json(error_body(status, message, param, code), status)


async def _refuse(_: HttpRequest, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _error(status, "There is nothing at this address, or not for this method.")
