"""The bottom of the stack: the official `openai` client, and the only file that knows it.

Its own retries are off; `retry` owns all attempts. The simulator stands behind the same client,
on a transport that needs no socket.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import httpx2
import openai
from openai.types.chat import ChatCompletion

from fusion_eval.core import Attempt, Call, Endpoint, Reply
from fusion_eval.engine import keys, replies
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.errors import EndpointError

Clock = Callable[[], float]
_CHECK_TIMEOUT_S = 10.0
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
        self._keys: dict[str, str] = {}
        self._format: dict[tuple[str, str], int] = {}
        self._clock = clock

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            with contextlib.suppress(Exception):
                await client.close()

    async def check(self, endpoint: Endpoint) -> None:
        """Raise EndpointError where the first call could not succeed: no key, or nobody answers."""
        client = self._client(endpoint)
        try:
            await client.with_options(timeout=_CHECK_TIMEOUT_S).models.list()
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
        except openai.OpenAIError:
            pass  # no model list is no reason not to ask
        except Exception:  # a body that is no model list, from whoever listens there
            pass

    async def send(self, call: Call) -> Reply:
        """One attempt. Raises AttemptFailedError with what is known about its bill."""
        client = self._client(call.model.endpoint)
        started = self._clock()
        try:
            response = await self._create(client, call)
        except openai.OpenAIError as problem:
            raise self._failed(call, problem, self._clock() - started) from None
        except (ValueError, TypeError) as problem:  # a body that is not what it says
            raise self._bad(repr(problem), self._clock() - started) from None
        return replies.read(response, self._clock() - started)

    def _client(self, endpoint: Endpoint) -> openai.AsyncOpenAI:
        if endpoint.name not in self._clients:
            transport = self._transports.get(endpoint.name)
            http: httpx2.AsyncClient = (
                openai.DefaultAsyncHttpxClient(transport=transport)
                if transport is not None
                else openai.DefaultAioHttpClient()
            )
            key = self._keys[endpoint.name] = keys.api_key(endpoint)
            self._clients[endpoint.name] = openai.AsyncOpenAI(
                base_url=endpoint.base_url,
                api_key=key,
                max_retries=0,
                timeout=endpoint.timeout_s,
                http_client=http,
            )
        return self._clients[endpoint.name]

    async def _create(self, client: openai.AsyncOpenAI, call: Call) -> ChatCompletion:
        """Ask for the schema in the best form that the endpoint takes, and remember which."""
        place = (call.model.endpoint.name, call.model.id)
        while True:
            rung = self._format.get(place, 0)
            try:
                request = _request(call, _FORMATS[rung])
                return cast(ChatCompletion, await client.chat.completions.create(**request))
            except openai.BadRequestError as problem:
                refused = call.output is not None and "response_format" in str(problem)
                if not refused or rung == len(_FORMATS) - 1:
                    raise
                self._format[place] = max(rung + 1, self._format.get(place, 0))

    def _failed(self, call: Call, problem: openai.OpenAIError, took: float) -> AttemptFailedError:
        status = getattr(problem, "status_code", None)
        failure, billed = _meaning(problem, status)
        detail = keys.without(self._keys[call.model.endpoint.name], str(problem))[:300]
        attempt = Attempt(number=0, failure=failure, detail=detail, latency_s=took, billed=billed)
        return AttemptFailedError(attempt, _retry_after(problem))

    def _bad(self, detail: str, took: float) -> AttemptFailedError:
        return AttemptFailedError(
            Attempt(number=0, failure="bad_reply", detail=detail[:300], latency_s=took, billed=None)
        )


def _request(call: Call, output_format: str) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": call.model.id,
        "messages": [{"role": m.role, "content": m.content} for m in call.messages],
        **call.model.params,
    }
    if call.model.endpoint.sends_seed:
        request["seed"] = call.wire_seed
    if call.model.extra_body:
        request["extra_body"] = call.model.extra_body
    if call.tools:
        request["tools"] = list(call.tools)
    if call.output is not None and output_format == "json_schema":
        schema = {"name": call.output.name, "schema": call.output.json_schema, "strict": True}
        request["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif call.output is not None and output_format == "json_object":
        request["response_format"] = {"type": "json_object"}
    return request


def _meaning(problem: openai.OpenAIError, status: int | None) -> tuple[str, bool | None]:
    """The failure's word, and whether it was billed (None: nobody knows)."""
    if isinstance(problem, openai.APITimeoutError):
        return "timeout", None
    if isinstance(problem, openai.APIConnectionError):
        return "connection", False if "refused" in _cause(problem).lower() else None
    if status == 429:
        return "rate_limited", False
    if status is not None and status >= 500:
        return "server_error", None
    words = {400: "bad_request", 401: "not_allowed", 402: "no_credit", 403: "not_allowed"}
    if status is not None:
        return words.get(status, "not_found" if status == 404 else "bad_request"), False
    return "bad_reply", None


def _retry_after(problem: openai.OpenAIError) -> float | None:
    response = getattr(problem, "response", None)
    value = response.headers.get("retry-after") if response is not None else None
    try:
        return min(max(float(value), 0.0), 3600.0) if value is not None else None
    except ValueError:
        return None


def _cause(problem: BaseException) -> str:
    return str(problem.__cause__ or problem).splitlines()[0][:200]
