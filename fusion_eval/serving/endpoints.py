"""The addresses of the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from fusion_eval.core import Bench, Recipe
from fusion_eval.errors import InputError, did_you_mean
from fusion_eval.loading.rule import Features
from fusion_eval.openai_api.responses import chat_body
from fusion_eval.serving import models
from fusion_eval.serving.answering import Answering
from fusion_eval.serving.asked import Asked, asked_of, load
from fusion_eval.serving.estimating import estimates
from fusion_eval.serving.forms import form_of
from fusion_eval.serving.limits import AtOnce, PerMinute
from fusion_eval.serving.metrics import Metrics
from fusion_eval.serving.openapi import description
from fusion_eval.serving.outcome import Outcome, header
from fusion_eval.serving.record import Record
from fusion_eval.serving.refusals import CLIENT_LEFT, Refused, failed, json_response, refusal_of
from fusion_eval.serving.settings import Settings
from fusion_eval.serving.streaming import ClientLeftError, Streamed, whole
from fusion_eval.serving.upstream import Upstream

_READ_S = 60.0
"""How long the body of a request may take."""


class Endpoints:
    """Handlers over one bench. `upstream` is the stack that calls go through."""

    def __init__(
        self, bench: Bench, settings: Settings, upstream: Upstream, say: Callable[[str], None]
    ) -> None:
        self._bench, self._settings, self._upstream, self._say = bench, settings, upstream, say
        self._recipes = models.offered(bench, members=settings.members)
        self._rule = settings.rule
        routes = self._rule.recipes if self._rule else []
        _check(routes, self._recipes, settings, bench)
        self._models = models.rows(bench, self._recipes, routes, int(time.time()))
        self._answering = Answering(
            bench,
            upstream,
            tools_to=bench.models[settings.tools_to] if settings.tools_to else None,
            fresh=settings.ledger is None,
        )
        self._at_once = AtOnce(settings.max_requests)
        self._per_minute = PerMinute(settings.per_minute)
        self._record = Record(settings.record) if settings.record else None
        spent = partial(getattr, upstream.budget, "spent")
        self._metrics = Metrics(lambda: self._at_once.inside, spent)

    async def chat(self, http: Request) -> Response:
        """`POST /v1/chat/completions`."""
        return await self._served(http, partial(self._answered, http, responses=False))

    async def responses(self, http: Request) -> Response:
        """`POST /v1/responses`."""
        return await self._served(http, partial(self._answered, http, responses=True))

    async def estimate(self, http: Request) -> Response:
        """`POST /v1/estimate`: what a chat completion would cost under each recipe."""
        return await self._served(http, partial(self._estimated, http))

    async def list_models(self, _: Request) -> Response:
        """`GET /v1/models`."""
        return json_response({"object": "list", "data": list(self._models.values())})

    async def one_model(self, http: Request) -> Response:
        """`GET /v1/models/{id}`."""
        name = http.path_params["model"]
        if name not in self._models:
            return refusal_of(models.unknown(name, self._models)).response
        return json_response(self._models[name])

    async def health(self, _: Request) -> Response:
        """`GET /health`: whether the server answers; it does not ask upstream."""
        return json_response({"status": "ok", "in_flight": self._at_once.inside})

    async def metrics(self, _: Request) -> Response:
        """`GET /metrics`, for Prometheus."""
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi(self, _: Request) -> Response:
        """`GET /openapi.json`."""
        return json_response(description(list(self._models)))

    async def _served(
        self, http: Request, work: Callable[[ExitStack, _Seen], Awaitable[Response]]
    ) -> Response:
        """The response of some work within the limits; every way in which it may end is counted."""
        seen = _Seen()
        with ExitStack() as held:
            try:
                self._per_minute.take(http.scope["fusion_key"])
                held.enter_context(self._at_once.entered())
                response = await work(held, seen)
            except (ClientLeftError, ClientDisconnect):
                response = Response(status_code=CLIENT_LEFT)
            except Exception as problem:
                refused = refusal_of(problem)
                self._log(refused)
                response = refused.response
        if not isinstance(response, Streamed):
            self._metrics.ended(seen.recipe, response.status_code)
        return response

    async def _answered(
        self, http: Request, held: ExitStack, seen: _Seen, *, responses: bool
    ) -> Response:
        body = load(await self._body(http))
        asked = asked_of(chat_body(body) if responses else body)
        recipe, notes = self._routed(asked)
        seen.recipe = recipe.name
        form = form_of(body, asked, recipe.name, responses=responses)

        async def work(listen: Callable[[str], None] | None) -> Outcome:
            outcome = await self._answering.answer(asked, recipe, notes, listen)
            self._metrics.answered(outcome)
            if self._record is not None:
                self._record.keep(asked, outcome)
            return outcome

        if asked.stream:
            return Streamed(
                http,
                work,
                form,
                stops=asked.stops,
                headers=self._stream_headers(recipe),
                ping_s=self._settings.ping_s,
                held=held.pop_all(),
                began=partial(self._metrics.first_token, recipe.name),
                ended=partial(self._metrics.ended, recipe.name),
                log=self._log,
            )
        outcome = await whole(http, work)
        if outcome.failure:
            raise failed(outcome)
        return json_response(form.whole(outcome.output(asked.stops)), headers=outcome.headers)

    def _stream_headers(self, recipe: Recipe) -> dict[str, str]:
        """What is known before the first call; the bill comes with the last event."""
        told = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        told["x-fusion-recipe"] = header(recipe.name)
        mark = {"x-fusion-simulated": "true"} if self._answering.is_simulated(recipe) else {}
        return told | mark

    async def _estimated(self, http: Request, _: ExitStack, seen: _Seen) -> Response:
        body = load(await self._body(http))
        given = body.get("model")
        asked = asked_of({**body, "model": models.AUTO if given is None else given})
        chosen = {given: self._recipes[given]} if given in self._recipes else self._recipes
        if given not in (None, models.AUTO, *self._recipes):
            raise models.unknown(str(given), self._models)
        rows = await asyncio.to_thread(estimates, asked, chosen, self._bench, self._settings.ledger)
        return json_response({"object": "list", "data": rows})

    def _routed(self, asked: Asked) -> tuple[Recipe, dict[str, Any]]:
        """The recipe that answers, and what is said of the choice."""
        if asked.model == models.AUTO and self._rule is not None:
            system = asked.question.system or ""
            text = "\n\n".join(filter(None, [system, asked.question.prompt]))
            choice = self._rule.choose(Features(text=text, domain=asked.domain))
            told = choice.model_dump(exclude={"recipe"}, exclude_none=True)
            run = self._rule.run.model_dump() if self._rule.run else None
            return self._recipes[choice.recipe], {"routed": {"by": "rule", "run": run, **told}}
        if asked.model not in self._recipes:
            raise models.unknown(asked.model, self._models)
        return self._recipes[asked.model], {}

    async def _body(self, http: Request) -> bytes:
        """The bytes of a request. Raises Refused where they are too many, or too slow."""
        most = self._settings.max_body
        too_long = Refused(413, f"A request may have {most} bytes.", code="request_too_large")
        length = http.headers.get("content-length", "")
        if length.isdecimal() and int(length) > most:
            raise too_long
        parts, size = list[bytes](), 0
        try:
            async with asyncio.timeout(_READ_S):
                async for part in http.stream():
                    size += len(part)
                    if size > most:
                        raise too_long
                    parts.append(part)
        except TimeoutError:
            raise Refused(408, "The body did not come in time.", code="timeout") from None
        return b"".join(parts)

    def _log(self, refused: Refused) -> None:
        if refused.log:
            self._say(refused.log)


class _Seen:
    """The recipe of a request, as soon as it is known."""

    recipe = ""


def _check(routes: list[str], recipes: dict[str, Recipe], settings: Settings, bench: Bench) -> None:
    """Raise InputError where options name what the bench has not."""
    problems = [
        f"--rule: it chooses recipe {name!r}, which is not served; {did_you_mean(name, recipes)}"
        for name in routes
        if name not in recipes
    ]
    if models.AUTO in recipes:
        problems.append(f"recipe {models.AUTO!r}: that name is taken by routing; rename it")
    if settings.tools_to is not None and settings.tools_to not in bench.models:
        way = did_you_mean(settings.tools_to, bench.models)
        problems.append(f"--tools-to: the bench has no model {settings.tools_to!r}; {way}")
    if problems:
        raise InputError(problems)
