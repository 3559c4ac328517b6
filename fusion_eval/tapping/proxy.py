"""A proxy that stands between a product and its upstream, and counts what goes through.

Requests and replies are handed on as they are. One thing is added: streams are asked for their
usage, which the product did not ask for, and the chunk that tells it is kept from the product.
Keys pass through in headers and are never written down. While its file cannot be written (a full
disk), no further call goes through: what is not counted would make a product cheaper.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from fusion_eval.core import Endpoint, Model
from fusion_eval.engine import prices, replies
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.masking import masker
from fusion_eval.tapping.rows import Row

_HOP = frozenset({
    "host", "content-length", "connection", "transfer-encoding", "content-encoding",
    "accept-encoding", "keep-alive", "te", "trailer", "upgrade", "proxy-authorization",
    "proxy-authenticate",
})  # fmt: skip
_ASKS = ("/chat/completions", "/responses", "/completions", "/messages")
_KEYS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
_LONG_S = 3600


class Tap:
    """Counts calls to one upstream into one file; `calls` and `usd` are its totals."""

    def __init__(self, upstream: str, log: Path) -> None:
        self.upstream = upstream.rstrip("/")
        self.calls = 0
        self.usd: float | None = 0.0
        self._log = log
        self._unwritten: list[str] = []
        self._session: aiohttp.ClientSession
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()

    def app(self) -> Starlette:
        """The proxy: everything below `/` goes to the upstream, `/v1` to where that ends."""
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
        route = Route("/{path:path}", self._through, methods=methods)
        return Starlette(routes=[route], lifespan=self._living)

    @contextlib.asynccontextmanager
    async def _living(self, _: Starlette) -> AsyncIterator[None]:
        """One session to the upstream while the proxy is up."""
        timeout = aiohttp.ClientTimeout(total=_LONG_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as self._session:
            yield

    async def _through(self, http: Request) -> Response:
        if self._unwritten and (problem := self._write()):
            return _refused(f"{self._log}: {problem}; no call goes through that cannot be counted")
        raw, at = await http.body(), time.time()
        body = _object(raw)
        counted = http.method == "POST" and http.url.path.endswith(_ASKS) and "model" in body
        added = False
        if counted and body.get("stream") and http.url.path.endswith("/chat/completions"):
            options = body.get("stream_options") or {}
            if added := not options.get("include_usage"):
                body["stream_options"] = {**options, "include_usage": True}
                raw = json.dumps(body).encode()
        headers = {k: v for k, v in http.headers.items() if k.lower() not in _HOP}
        try:
            reply = await self._session.request(
                http.method, self._url(http), data=raw or None, headers=headers,
                allow_redirects=False,
            )  # fmt: skip
        except aiohttp.ClientError as problem:
            if counted:
                self._count(http, body, at, failure="connection")
            return _refused(
                f"the upstream of this tap cannot be reached ({type(problem).__name__})"
            )
        given = [(k, v) for k, v in reply.headers.items() if k.lower() not in _HOP]

        async def pieces() -> AsyncIterator[bytes]:
            kept = bytearray()
            try:
                async for piece in _lines(reply) if added else reply.content.iter_any():
                    kept.extend(piece)
                    if not (added and _only_usage(piece)):
                        yield piece
            finally:
                reply.release()
                if counted:
                    self._count(http, body, at, reply.status, reply.headers, bytes(kept))

        answer = StreamingResponse(pieces(), reply.status)
        answer.raw_headers = [(k.lower().encode(), v.encode("latin-1")) for k, v in given]
        return answer

    def _url(self, http: Request) -> str:
        path = http.url.path
        if path.startswith("/v1/") and self.upstream.rsplit("/", 1)[-1].startswith("v"):
            path = path[3:]  # the upstream names its version itself
        query = f"?{http.url.query}" if http.url.query else ""
        return f"{self.upstream}{path}{query}"

    def _count(
        self,
        http: Request,
        body: Mapping[str, Any],
        at: float,
        status: int = 0,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        failure: str | None = None,
    ) -> None:
        """Write down one call; what its bytes say is read as the client reads replies."""
        secrets = [http.headers.get(name, "").removeprefix("Bearer ") for name in _KEYS]
        tidy = masker(secret for secret in secrets if secret)
        took = time.time() - at
        model = tidy(str(body.get("model")))[:200]
        usage = cost = served = None
        answered, simulated, source = "", False, "unknown"
        if failure is None:
            got = replies.Answered(
                status=status, headers=headers or {}, content=content, took_s=took, at=at
            )
            try:
                reply = replies.read(got, tidy)
            except AttemptFailedError as problem:
                failure, usage = problem.attempt.failure, problem.attempt.usage
                cost = problem.attempt.cost_reported or (0.0 if status >= 400 else None)
            else:
                usage, answered, served = reply.usage, reply.text, reply.model_served
                simulated = reply.simulated
                bill = prices.bill_of(self._model(model), reply)
                cost, source = bill.usd, bill.source
        row = Row(
            at=at, took_s=took, model=model, served=served, asked=tidy(_asked(body)),
            answered=answered, tokens_in=usage.tokens_in if usage else None,
            tokens_out=usage.tokens_out if usage else None, usd=cost, source=source,
            failure=failure, simulated=simulated,
        )  # fmt: skip
        self._unwritten.append(row.line())
        self._write()
        self.calls += 1
        unknown = cost is None and failure is None
        self.usd = None if self.usd is None or unknown else self.usd + (cost or 0.0)

    def _write(self) -> str:
        """Write down what is not yet written, whole lines only; what keeps it from that, or ""."""
        try:
            with self._log.open("ab", buffering=0) as file:
                before = file.tell()
                while self._unwritten:
                    line = self._unwritten[0].encode("utf-8", "replace")
                    if file.write(line) != len(line):
                        file.truncate(before)
                        return os.strerror(errno.ENOSPC)
                    before = file.tell()
                    del self._unwritten[0]
        except OSError as problem:
            return problem.strerror or "cannot be written"
        return ""

    def _model(self, name: str) -> Model:
        endpoint = Endpoint(name="upstream", base_url=self.upstream)
        return Model(name=name, id=name, endpoint=endpoint)


def _refused(message: str) -> Response:
    return Response(json.dumps({"error": {"message": message}}), 502)


async def _lines(reply: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """A stream of events, one whole event at a time."""
    held = b""
    async for piece in reply.content.iter_any():
        *whole, held = (held + piece).split(b"\n\n")
        for event in whole:
            yield event + b"\n\n"
    if held:
        yield held


def _only_usage(event: bytes) -> bool:
    """Whether an event is the one that tells usage and nothing else."""
    body = _object(event.removeprefix(b"data:").strip())
    return body.get("choices") == [] and bool(body.get("usage"))


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _asked(body: Mapping[str, Any]) -> str:
    """All texts of a request's messages."""
    return "\n\n".join(_texts(body.get("system"), body.get("messages"), body.get("input"),
                              body.get("instructions"), body.get("prompt")))  # fmt: skip


def _texts(*values: Any, depth: int = 0) -> list[str]:
    found: list[str] = []
    for value in values:
        if isinstance(value, str):
            found.append(value)
        elif depth < 5 and isinstance(value, list):
            found += _texts(*value, depth=depth + 1)
        elif depth < 5 and isinstance(value, dict):
            found += _texts(value.get("content"), value.get("text"), depth=depth + 1)
    return found
