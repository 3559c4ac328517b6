"""The bottom of the stack: the official `openai` client, and the only file that knows it.

Its own retries are off; `retry` owns all attempts. The simulator stands behind the same client,
on a transport that needs no socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import math
import re
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import httpx2
import openai

from fusion_eval.core import Attempt, Call, Endpoint, Reply
from fusion_eval.engine import keys, replies
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.wire import Wire
from fusion_eval.errors import EndpointError

Clock = Callable[[], float]
_CHECK_TIMEOUT_S = 10.0
_MOST_WAIT_S = 60.0  # on the word of a good reply alone; then a refusal tells more
_DURATION = re.compile(
    r"(?:(?P<h>[\d.]+)h)?(?:(?P<m>[\d.]+)m(?!s))?(?:(?P<s>[\d.]+)s)?(?:(?P<ms>[\d.]+)ms)?"
)
_FORMATS = ("json_schema", "json_object", "text")


class Clients:
    """One client per endpoint, opened at its first call and closed together."""

    def __init__(
        self,
        transports: Mapping[str, httpx2.AsyncBaseTransport] | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        self._transports = transports or {}
        self._clients: dict[str, openai.AsyncOpenAI] = {}
        self._options: dict[str, openai.RequestOptions] = {}
        self._keys: dict[str, str] = {}
        self._format: dict[tuple[str, str], int] = {}
        self._clock = clock

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            with contextlib.suppress(Exception):
                await client.close()

    async def check(self, endpoint: Endpoint) -> frozenset[str] | None:
        """The model ids that an endpoint lists; None where it has no list that can be read.

        Raises EndpointError where the first call could not succeed: no key, or nobody answers.
        """
        client = self._client(endpoint).with_options(timeout=_CHECK_TIMEOUT_S)
        try:
            return frozenset(one.id for one in (await client.models.list()).data) or None
        except openai.APIConnectionError as problem:
            raise EndpointError(
                f"endpoint {endpoint.name!r}: nobody answers at {endpoint.base_url} "
                f"({_cause(problem)}); is it running, and is the URL right?"
            ) from None
        except (openai.AuthenticationError, openai.PermissionDeniedError) as problem:
            raise EndpointError(
                f"endpoint {endpoint.name!r}: {endpoint.base_url} refuses the key "
                f"(status {problem.status_code}); check {endpoint.api_key_env or 'api_key_env'}"
            ) from None
        except Exception:  # no list, or a body that is none: no reason not to ask
            return None

    async def send(self, call: Call) -> Reply:
        """One attempt. Raises AttemptFailedError with what is known about its bill."""
        endpoint = call.model.endpoint
        client, key = self._client(endpoint), self._keys[endpoint.name]
        started = self._clock()
        try:
            async with asyncio.timeout(endpoint.timeout_s):
                response, rung = await self._create(client, call)
            took = self._clock() - started
            body = _loaded(keys.without(key, response.content))
            reply = replies.read(body, took, response.headers)
            learned: dict[str, Any] = {"rung": rung} if call.output else {}
            if (wait := _said_beforehand(response.headers)) is not None:
                learned["used_up_s"] = min(wait, _MOST_WAIT_S)
            return replace(reply, extra={**reply.extra, **learned}) if learned else reply
        except openai.OpenAIError as problem:
            raise _failed(problem, key, self._clock() - started) from None
        except TimeoutError:
            detail = f"no reply within {endpoint.timeout_s:g} s"
            raise _attempt("timeout", detail, self._clock() - started) from None
        except (ValueError, RecursionError):  # cut off, or a web page
            detail = f"not JSON: {keys.without(key, response.content)[:100]!r}"
            raise _attempt("bad_reply", detail, self._clock() - started) from None

    async def streams(self, call: Call) -> bool:
        """Whether a reply comes piece by piece when it is asked for so; one request.

        Raises AttemptFailedError.
        """
        endpoint, started = call.model.endpoint, self._clock()
        client, key = self._client(endpoint), self._keys[endpoint.name]
        request = {**_request(call, "text"), "stream": True}
        try:
            response = await client.post(
                _url(endpoint), content=json.dumps(request).encode(), cast_to=httpx2.Response
            )
        except openai.OpenAIError as problem:
            raise _failed(problem, key, self._clock() - started) from None
        return any(line.startswith(b"data:") for line in response.content.splitlines())

    def _client(self, endpoint: Endpoint) -> openai.AsyncOpenAI:
        if endpoint.name not in self._clients:
            transport = self._transports.get(endpoint.name)
            key = self._keys[endpoint.name] = keys.api_key(endpoint)
            self._options[endpoint.name] = _options(endpoint)
            self._clients[endpoint.name] = openai.AsyncOpenAI(
                base_url=endpoint.base_url,
                api_key=key,
                max_retries=0,
                timeout=_deadlines(endpoint),
                http_client=_http(transport),
            )
        return self._clients[endpoint.name]

    async def _create(self, client: openai.AsyncOpenAI, call: Call) -> tuple[httpx2.Response, str]:
        """Ask for the schema in the best form that the endpoint takes, and remember which: the
        rung goes with the reply.

        `post` and not `chat.completions.create`: that spends more time on copying the request and
        the reply into typed objects than all the rest of a call takes.
        """
        place = (call.model.endpoint.name, call.model.id)
        url, options = _url(call.model.endpoint), self._options[call.model.endpoint.name]
        while True:
            rung = self._format.get(place, 0)
            try:
                response = await client.post(
                    url,
                    content=json.dumps(_request(call, _FORMATS[rung])).encode(),
                    cast_to=httpx2.Response,
                    options=options,
                )
                return response, _FORMATS[rung]
            except (openai.BadRequestError, openai.UnprocessableEntityError) as problem:
                refused = call.output is not None and _about_the_format(problem.response.text)
                if not refused or rung == len(_FORMATS) - 1:
                    raise
                self._format[place] = max(rung + 1, self._format.get(place, 0))


def _url(endpoint: Endpoint) -> str:
    """Whole, because the client parses a relative one twice."""
    return f"{endpoint.base_url.rstrip('/')}/chat/completions"


def _http(transport: httpx2.AsyncBaseTransport | None) -> httpx2.AsyncClient:
    """What stands below the client: a simulator's transport, or HTTP; ours knows no proxies."""
    if transport is not None:
        return openai.DefaultAsyncHttpxClient(transport=transport)
    return openai.DefaultAioHttpClient() if urllib.request.getproxies() else Wire()


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


def _request(call: Call, output_format: str) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": call.model.id,
        "messages": [{"role": m.role, "content": m.content} for m in call.messages],
        **call.model.params,
    }
    if call.model.endpoint.sends_seed and "seed" not in request:
        request["seed"] = call.wire_seed
    if call.tools:
        request["tools"] = list(call.tools)
    if call.output is not None and output_format == "json_schema":
        schema = {"name": call.output.name, "schema": call.output.json_schema, "strict": True}
        request["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif call.output is not None and output_format == "json_object":
        request["response_format"] = {"type": "json_object"}
    return {**request, **call.model.extra_body}


def _loaded(body: bytes) -> Any:
    """The JSON of a body. A model cut inside an emoji leaves half of it, which no file can hold."""
    value = json.loads(body)
    if b"\\ud" in body.lower():
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def _about_the_format(message: str) -> bool:
    return any(word in message for word in ("response_format", "json_schema", "json_object"))


def _failed(problem: openai.OpenAIError, key: str, took_s: float) -> AttemptFailedError:
    status = getattr(problem, "status_code", None)
    failure, billed = _meaning(problem, status)
    detail = keys.without(key, _said(problem))
    return _attempt(failure, detail, took_s, billed=billed, retry_after_s=_retry_after(problem))


def _said(problem: openai.OpenAIError) -> str:
    if isinstance(problem, openai.APIStatusError):
        return f"status {problem.status_code}: {problem.response.text}"
    return _cause(problem)


def _attempt(
    failure: str,
    detail: str,
    took_s: float,
    *,
    billed: bool | None = None,
    retry_after_s: float | None = None,
) -> AttemptFailedError:
    attempt = Attempt(
        number=0, failure=failure, detail=detail[:300], latency_s=took_s, billed=billed
    )
    return AttemptFailedError(attempt, retry_after_s)


def _meaning(problem: openai.OpenAIError, status: int | None) -> tuple[str, bool | None]:
    """The failure's word, and whether it was billed (None: nobody knows)."""
    if isinstance(problem, openai.APIConnectionError):
        return _broken_connection(problem)
    if status == 429:
        return "rate_limited", False
    if status is not None and status >= 500:
        return "server_error", None
    words = {401: "not_allowed", 402: "no_credit", 403: "not_allowed", 404: "not_found"}
    if status == 408:
        return "timeout", None
    if status is not None:
        return words.get(status, "bad_request"), False
    return "bad_reply", None


_NEVER_SENT = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
_TOO_LATE = (TimeoutError, httpx2.ReadTimeout, httpx2.WriteTimeout, httpx2.PoolTimeout)


def _broken_connection(problem: BaseException) -> tuple[str, bool | None]:
    """From the bottom of the chain of causes: the aiohttp transport calls any of it a time-out."""
    causes = list(_causes(problem))
    if any(isinstance(cause, (*_NEVER_SENT, httpx2.ConnectError)) for cause in causes):
        return "connection", False
    if any(_no_connection(c) for c in causes):
        return "timeout", False
    return "timeout" if any(isinstance(c, _TOO_LATE) for c in causes) else "connection", None


def _no_connection(cause: BaseException) -> bool:
    """What the aiohttp transport raises where there was no connection in time."""
    return type(cause).__name__ == "ConnectionTimeoutError"


def _causes(problem: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = problem
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _retry_after(problem: openai.OpenAIError) -> float | None:
    """Seconds to wait, as the headers of a refusal say in one of three ways; at most an hour."""
    response = getattr(problem, "response", None)
    if response is None:
        return None
    seconds = _wait(response.headers)
    return None if seconds is None else min(max(seconds, 0.0), 3600.0)


def _wait(headers: Mapping[str, str]) -> float | None:
    """From `retry-after`, a number or an HTTP date; else from the limit that is used up."""
    if (value := headers.get("retry-after")) is not None:
        with contextlib.suppress(ValueError):
            return _finite(float(value))
        with contextlib.suppress(ValueError):
            return email.utils.parsedate_to_datetime(value).timestamp() - time.time()
    return _used_up(headers)


def _said_beforehand(headers: httpx2.Headers) -> float | None:
    """`_used_up` of a good reply. Most have no such header, and looking one up takes 5 µs."""
    if any(name[:11].lower() == b"x-ratelimit" for name, _ in headers.raw):
        return _used_up(headers)
    return None


def _used_up(headers: Mapping[str, str]) -> float | None:
    """Seconds until there is something left again; None where there is, or nobody says."""
    resets = [
        _duration(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    ]
    return max((seconds for seconds in resets if seconds is not None), default=None)


def _duration(text: str) -> float | None:
    """Seconds of `6m0s`, `1.5s`, `20ms` or `7`."""
    with contextlib.suppress(ValueError):
        return _finite(float(text))
    parts = _DURATION.fullmatch(text)
    if parts is None or not text:
        return None
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    return sum(float(value) * units[unit] for unit, value in parts.groupdict().items() if value)


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None


def _cause(problem: BaseException) -> str:
    return (str(problem.__cause__ or problem).splitlines() or [""])[0][:200]
