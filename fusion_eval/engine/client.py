"""The bottom of the stack: one attempt at a call, and the only file that knows `openai`.

The official client makes one request per endpoint as a sample; a plain POST has the URL and the
headers of that sample and is sent by `wire`, without the client. Streams, the responses interface,
lists of models, endpoints with `transport: openai`, and the simulator, whose transport needs no
socket, go through the client. Its own retries are off; `retry` owns all attempts. What comes back
is read by `replies`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import openai

from fusion_eval.core import Call, Endpoint, Reply, clean
from fusion_eval.engine import keys, ladder, prices, products, replies, responses
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.bodies import request_of
from fusion_eval.engine.hearing import Hearing
from fusion_eval.engine.masking import masker
from fusion_eval.engine.replies.answered import Answered
from fusion_eval.engine.replies.failures import attempt_failed
from fusion_eval.engine.waiting import silent
from fusion_eval.engine.wire import Route, Wire, broken, damaged, reason
from fusion_eval.errors import EndpointError

Clock = Callable[[], float]
_CHECK_TIMEOUT_S = 10.0
_FORMS = ("text", "json_object")  # what the ladder has come down to, lowest first


@dataclass(slots=True)
class _Line:
    """An endpoint, opened: its client, its URL, and what is sent with every request.

    `wire` sends without the client, along `route`, which is found at the first request; it is None
    where everything goes through the client.
    """

    client: openai.AsyncOpenAI
    url: str
    options: openai.RequestOptions
    wire: Wire | None
    route: Route | None = None

    async def post(self, content: bytes, headers: Mapping[str, str]) -> tuple[int, Any, bytes]:
        """Status, headers and body of what comes back for one request."""
        if self.wire is None:
            options: openai.RequestOptions = {**self.options, "headers": headers}
            response = await self.client.post(
                self.url, content=content, cast_to=httpx2.Response, options=options
            )
            return response.status_code, response.headers, response.content
        if self.route is None:
            self.route = await self._route(self.wire)
        return await self.wire.exchange(self.route, content, headers)

    async def _route(self, wire: Wire) -> Route:
        """Where the official client sends a request of this endpoint, and with which headers."""
        sample = wire.sample()
        client = self.client.with_options(http_client=sample)
        await client.post(self.url, content=b"{}", cast_to=httpx2.Response, options=self.options)
        return sample.route()


class Clients:
    """One client per endpoint, opened at its first call and closed together.

    `say` hears what is learned about a model: which parts of a request it does without. `marks` are
    headers of every request that cannot change a reply, and so are no part of a call.
    """

    def __init__(
        self,
        transports: Mapping[str, httpx2.AsyncBaseTransport] | None = None,
        clock: Clock = time.perf_counter,
        say: Callable[[str], None] = silent,
        marks: Mapping[str, str] | None = None,
    ) -> None:
        self._transports = transports or {}
        self._marks = marks or {}
        self._lines: dict[str, _Line] = {}
        self._secrets: set[str] = set()
        self._mask = masker(())
        self._steps: dict[tuple[str, str], tuple[str, ...]] = {}
        self._refused: set[tuple[str, str]] = set()
        self._turns: dict[str, asyncio.Lock] = {}
        self._clock = clock
        self._say = say

    async def close(self) -> None:
        """Close every connection."""
        for line in self._lines.values():
            with contextlib.suppress(Exception):
                await line.client.close()

    async def check(self, endpoint: Endpoint) -> frozenset[str] | None:
        """The model ids that an endpoint lists; None where it has no list that can be read in time.

        Raises EndpointError where the first call could not succeed: no key, or no response.
        """
        line = self._line(endpoint)
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                client = line.client.with_options(timeout=_CHECK_TIMEOUT_S)
                listed = (await client.models.list()).data
                return frozenset(self._tidy(one.id) for one in listed) or None
        except openai.APIConnectionError as problem:
            raise EndpointError(
                f"endpoint {endpoint.name!r}: no response from {endpoint.base_url} "
                f"({self._tidy(reason(problem))}); is it running, and is the URL right?"
            ) from None
        except (openai.AuthenticationError, openai.PermissionDeniedError) as problem:
            raise EndpointError(
                f"endpoint {endpoint.name!r}: {endpoint.base_url} refuses the key "
                f"(status {problem.status_code}); check {endpoint.api_key_env or 'api_key_env'}"
            ) from None
        except Exception:  # no list, or a body that is none: no reason not to ask
            return None

    async def send(self, call: Call) -> Reply:
        """One attempt. Raises AttemptFailedError with what is known about its bill.

        A reply that somebody listens to, and of which some text was heard, is not asked for again:
        what was said cannot be taken back.
        """
        async with self._turn(call):
            return await self._sent(call)

    def _turn(self, call: Call) -> contextlib.AbstractAsyncContextManager[object]:
        """Behind a tap products are asked one after the other: what it sees is joined by time, and
        might belong to two answers else."""
        if call.role != products.ROLE or not call.model.endpoint.tap:
            return contextlib.nullcontext()
        return self._turns.setdefault(call.model.endpoint.tap, asyncio.Lock())

    async def _sent(self, call: Call) -> Reply:
        started = self._clock()
        hearing = Hearing(self._clock, call.listen, self._tidy)
        try:
            async with asyncio.timeout(call.model.endpoint.timeout_s):
                return await self._lightest_that_passes(call, hearing)
        except TimeoutError:
            detail = f"no reply within {call.model.endpoint.timeout_s:g} s"
            raise attempt_failed("timeout", detail, self._clock() - started,
                                 final=hearing.was_heard) from None  # fmt: skip
        except AttemptFailedError as problem:
            problem.final |= hearing.was_heard
            raise _priced(problem, call) from None

    async def streams(self, call: Call) -> bool:
        """Whether a reply comes piece by piece when it is asked for so; one request.

        Raises AttemptFailedError.
        """
        started = self._clock()
        try:
            async with asyncio.timeout(call.model.endpoint.timeout_s):
                answered = await self._posted(call, {**self._request(call), "stream": True})
        except TimeoutError:
            detail = f"no end of a stream within {call.model.endpoint.timeout_s:g} s"
            raise attempt_failed("timeout", detail, self._clock() - started) from None
        if answered.status >= 400:
            replies.read(answered, self._mask)
        return any(line.startswith(b"data:") for line in answered.content.splitlines())

    async def _lightest_that_passes(self, call: Call, hearing: Hearing) -> Reply:
        """Ask, without what the endpoint has refused before, and learn what it refuses now.

        What was learned goes with the reply.
        """
        place = (call.model.endpoint.name, call.model.id)
        steps = self._steps.get(place, ())
        request = self._request(call)
        while True:
            answered = await self._posted(call, request, hearing)
            try:
                reply = products.with_told(call, replies.read(answered, self._mask))
            except AttemptFailedError as problem:
                down = _step_down(call, request, problem, steps)
                if down is None:
                    raise self._with_way_out(problem, call, request) from None
                steps, request = (*steps, down[0]), down[1]
                continue
            if new := set(steps) - set(self._steps.get(place, ())):
                self._steps[place] = (*self._steps.get(place, ()), *new)
                what = "; ".join(ladder.notes(tuple(new)))
                self._say(f"model {call.model.name!r} {what}: its endpoint refuses the usual form")
            return _with_steps(reply, call, steps)

    async def _posted(
        self, call: Call, request: ladder.Request, hearing: Hearing | None = None
    ) -> Answered:
        """What comes back for one request, whatever its status. Raises AttemptFailedError."""
        line = self._line(call.model.endpoint)
        if call.model.endpoint.api == "responses":
            request = responses.request_of(request)
        content = json.dumps(request).encode()
        own = _own_headers(call, content)
        hearing = hearing or Hearing(self._clock)
        started, at = self._clock(), time.time()
        hearing.begin()
        try:
            if request.get("stream"):
                status, headers, body = await _followed(line, content, own, hearing)
            else:
                status, headers, body = await line.post(content, own)
        except openai.APIStatusError as problem:
            at_fault = problem.response
            status, headers, body = at_fault.status_code, at_fault.headers, at_fault.content
        except (openai.APIConnectionError, httpx2.HTTPError) as problem:
            raise self._broken(problem, self._clock() - started) from None
        except (openai.OpenAIError, httpx2.InvalidURL, ValueError) as problem:
            detail = self._tidy(reason(problem))
            raise attempt_failed("bad_request", detail, self._clock() - started) from None
        return Answered(
            status=status,
            headers=headers,
            content=body,
            took_s=self._clock() - started,
            at=at,
            first_token_s=hearing.first_s,
        )

    def _request(self, call: Call) -> ladder.Request:
        place = (call.model.endpoint.name, call.model.id)
        return ladder.lightened(request_of(call), self._steps.get(place, ()))

    def _with_way_out(
        self, problem: AttemptFailedError, call: Call, request: ladder.Request
    ) -> AttemptFailedError:
        """The refusal of a request with the line to write; the first of each model is said."""
        if problem.attempt.failure not in ("bad_request", "not_found"):
            return problem
        detail, model = problem.attempt.detail, call.model
        if way := ladder.way_out(request, model, detail):
            detail = f"{detail}; {way}"
            problem.attempt = replace(problem.attempt, detail=detail)
        if (model.endpoint.name, model.id) not in self._refused:
            self._refused.add((model.endpoint.name, model.id))
            self._say(f"model {model.name!r} at endpoint {model.endpoint.name!r} refused: {detail}")
        return problem

    def _broken(self, problem: BaseException, took_s: float) -> AttemptFailedError:
        detail = self._tidy(reason(problem))
        if damaged(problem):
            return attempt_failed("bad_reply", detail, took_s, final=True)
        failure, billed, gone = broken(problem)
        return attempt_failed(failure, detail, took_s, billed=billed, gone=gone)

    def _tidy(self, text: str) -> str:
        return self._mask(clean(text))

    def _line(self, endpoint: Endpoint) -> _Line:
        if endpoint.name not in self._lines:
            key = keys.api_key(endpoint)
            headers = keys.filled(endpoint, endpoint.headers)
            query = keys.filled(endpoint, endpoint.query)
            self._secrets |= {key, *keys.secrets_in(endpoint)}
            self._mask = masker(self._secrets)
            transport = self._transports.get(endpoint.name)
            wire = Wire() if transport is None else None
            whole = endpoint.transport == "openai" or endpoint.api != "chat"
            self._lines[endpoint.name] = _Line(
                client=openai.AsyncOpenAI(
                    base_url=endpoint.base_url,
                    api_key=key,
                    max_retries=0,
                    timeout=_deadlines(endpoint),
                    default_headers={**headers, **self._marks},
                    default_query=query,
                    http_client=wire or openai.DefaultAsyncHttpxClient(transport=transport),
                ),
                url=_url(endpoint, query),
                options=_options(endpoint),
                wire=None if whole else wire,
            )
        return self._lines[endpoint.name]


def _own_headers(call: Call, content: bytes) -> dict[str, str]:
    """What differs from request to request; equal for every attempt with the same body."""
    if not call.model.endpoint.idempotency_key:
        return {}
    return {"idempotency-key": hashlib.sha256(call.key.encode() + content).hexdigest()[:32]}


async def _followed(
    line: _Line, content: bytes, own: Mapping[str, str], hearing: Hearing
) -> tuple[int, httpx2.Headers, bytes]:
    """A reply that comes in pieces, heard as it comes, and all of its bytes."""
    stream = await line.client.post(
        line.url,
        content=content,
        cast_to=object,
        options={**line.options, "headers": own},
        stream=True,
        stream_cls=openai.AsyncStream[object],
    )
    try:
        async for piece in stream.response.aiter_raw():
            hearing.hear(piece)
    finally:
        await stream.response.aclose()
    return stream.response.status_code, stream.response.headers, hearing.end()


def _with_steps(reply: Reply, call: Call, steps: tuple[str, ...]) -> Reply:
    """With the rung of the schema that it took, and what else was done without."""
    learned: dict[str, Any] = {}
    if call.output is not None:
        learned["rung"] = next((form for form in _FORMS if form in steps), "json_schema")
    if others := [step for step in steps if step not in _FORMS]:
        learned["without"] = others
    return replace(reply, extra={**reply.extra, **learned}) if learned else reply


def _step_down(
    call: Call, request: ladder.Request, problem: AttemptFailedError, steps: tuple[str, ...]
) -> tuple[str, ladder.Request] | None:
    word, kept = problem.attempt.failure, set[str]()
    if word not in ("bad_request", "server_error", "provider_error", "not_found"):
        return None
    if word != "bad_request":
        kept |= {step.name for step in ladder.STEPS} - ladder.ABOUT_ROLES
    if "seed" in call.model.params or "seed" in call.model.extra_body:
        kept |= ladder.ABOUT_SEED
    return ladder.step_down(request, problem.attempt.detail, steps, kept)


def _priced(problem: AttemptFailedError, call: Call) -> AttemptFailedError:
    """An attempt whose body tells its bill costs that, and not the most it could have cost."""
    attempt = problem.attempt
    if attempt.billed and attempt.failure is not None:
        usd = prices.paid(call.model, attempt.usage, attempt.cost_reported, time.time()).usd
        billed = True if usd is not None else None
        problem.attempt = replace(attempt, billed=billed, cost_worst=usd)
    return problem


def _url(endpoint: Endpoint, query: Mapping[str, str]) -> str:
    """Whole, because the client parses a relative one twice."""
    path = "responses" if endpoint.api == "responses" else "chat/completions"
    url = f"{endpoint.base_url}/{path}"
    return str(httpx2.URL(url, params=dict(query))) if query else url


def _options(endpoint: Endpoint) -> openai.RequestOptions:
    """What the client would copy from its defaults, or make up, at each call.

    Without an idempotency key it draws one that it does not send.
    """
    return {
        "headers": {},
        "max_retries": 0,
        "timeout": _deadlines(endpoint),
        "idempotency_key": "",
        "security": {"bearer_auth": True},
    }


def _deadlines(endpoint: Endpoint) -> httpx2.Timeout:
    """Until there is a connection, and without a byte; `send` keeps the time of the whole."""
    silence = endpoint.silence_s or endpoint.timeout_s
    return httpx2.Timeout(
        connect=endpoint.connect_s, read=silence, write=silence, pool=endpoint.timeout_s
    )
