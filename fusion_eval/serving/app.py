"""A bench as a Starlette app, and the app on a port."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fusion_eval.bench.pricing import priced
from fusion_eval.bench.refuse import costs_money, models_used
from fusion_eval.core import Bench, TaskSet
from fusion_eval.engine import collector, keys
from fusion_eval.engine.prices import price_of
from fusion_eval.errors import EndpointError, InputError
from fusion_eval.loopback import is_loopback
from fusion_eval.serving.door import Door
from fusion_eval.serving.endpoints import Endpoints
from fusion_eval.serving.models import offered
from fusion_eval.serving.refusals import Refused
from fusion_eval.serving.settings import VIA, Settings
from fusion_eval.serving.upstream import Upstream
from fusion_eval.simulator import app as simulated
from fusion_eval.simulator import load_world, transport

_STOP_S = 10
"""How long requests that are being answered may take when the server is told to stop."""


def build(
    bench: Bench,
    settings: Settings,
    tasks: TaskSet | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Starlette:
    """The app for a bench; a simulator in it knows `tasks`.

    Raises InputError with every reason why the bench cannot be served so.
    """
    bench = priced(replace(bench, grader=None), {})
    _refuse(bench, settings)
    upstream = Upstream(
        bench,
        _transports(bench, tasks),
        usd_per_day=settings.usd_per_day,
        ledger=settings.ledger,
        marks={VIA: settings.mark},
        say=say,
    )
    endpoints = Endpoints(bench, settings, upstream, say)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await upstream.close()

    return Starlette(
        routes=[
            Route("/v1/chat/completions", endpoints.chat, methods=["POST"]),
            Route("/v1/responses", endpoints.responses, methods=["POST"]),
            Route("/v1/estimate", endpoints.estimate, methods=["POST"]),
            Route("/v1/models", endpoints.list_models, methods=["GET"]),
            Route("/v1/models/{model:path}", endpoints.one_model, methods=["GET"]),
            Route("/health", endpoints.health, methods=["GET"]),
            Route("/metrics", endpoints.metrics, methods=["GET"]),
            Route("/openapi.json", endpoints.openapi, methods=["GET"]),
        ],
        middleware=[Middleware(Door, settings=settings)],
        exception_handlers={HTTPException: _nothing_here},
        lifespan=lifespan,
    )


def greeting(bench: Bench, settings: Settings) -> str:
    """What is said when the server begins: where, which models, and for whom."""
    recipes = offered(bench, members=settings.members)
    used = models_used(replace(bench, recipes=recipes, grader=None))
    simulated = any(model.endpoint.simulator is not None for model in used)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    who = f"{len(settings.keys)} keys" if settings.keys else "no key, this machine only"
    mark = "SIMULATED " if simulated else ""
    names, note = [*recipes], ""
    if settings.rule is not None:
        names.append("auto")
        if settings.rule.run is not None and settings.rule.run.simulated and not simulated:
            note = "\nnote: the rule file was made from a SIMULATED run; its scores are of no model"
    return f"{mark}models at http://{host}:{settings.port}/v1 ({who}): {', '.join(names)}{note}"


def serve(app: Starlette, settings: Settings) -> None:
    """Serve until interrupted; requests that are being answered then have a few seconds."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_S,
    )
    with collector.seldom(), contextlib.suppress(KeyboardInterrupt):
        asyncio.run(uvicorn.Server(config).serve())


async def _nothing_here(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = "There is nothing at this address, or not for this method."
    headers = getattr(error, "headers", None)
    return Refused(status, message, headers=headers).response


def _transports(bench: Bench, tasks: TaskSet | None) -> dict[str, Any]:
    """A transport without a socket for every endpoint that is a simulator."""
    rows = tasks.tasks if tasks else ()
    return {
        endpoint.name: transport(simulated(load_world(endpoint.simulator), rows))
        for endpoint in bench.endpoints
        if endpoint.simulator is not None
    }


def _refuse(bench: Bench, settings: Settings) -> None:
    """Raise InputError: money without a limit, a key that is missing, a server that asks itself."""
    recipes = offered(bench, members=settings.members)
    used = {m.name: m for m in models_used(replace(bench, recipes=recipes))}
    if settings.tools_to in bench.models:
        used[settings.tools_to] = bench.models[settings.tools_to]
    problems = list[str]()
    paid = [model for model in used.values() if costs_money(model)]
    if paid and settings.usd_per_day is None:
        names = ", ".join(model.name for model in paid)
        problems.append(f"{names} may cost money; give --usd-per-day, in US dollars")
    for model in paid:
        if price_of(model) is None:
            problems.append(
                f"{bench.where(model.name)}: the price of model {model.name!r} is unknown, so no "
                "limit of dollars can hold; give `price: {input: …, output: …}` in US$ per million "
                "tokens (0 if it is free)"
            )
    for endpoint in {m.endpoint.name: m.endpoint for m in used.values()}.values():
        try:
            keys.api_key(endpoint)
        except EndpointError as error:
            problems += error.problems
        if _is_this_server(endpoint.base_url, settings):
            problems.append(
                f"endpoint {endpoint.name!r} is {endpoint.base_url}, where this server listens: a "
                "recipe would ask itself; give --port another number"
            )
    if problems:
        raise InputError(problems)


def _is_this_server(url: str, settings: Settings) -> bool:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    host = parts.hostname or ""
    same = host == settings.host or is_loopback(host)
    return port == settings.port and same
