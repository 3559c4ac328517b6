"""HTTP for the official client, without what one API call does not need.

The client's own aiohttp transport stands below a general HTTP client, which merges cookies, looks
for redirects and reads a body piece by piece. This one hands request and reply through; the rest
is a fifth of the processor time of a call (`benchmarks/speed.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import aiohttp
import httpx2

_KEEP_S = 5.0  # an idle connection, as long as the client's own transport does
_MADE_BELOW = frozenset({b"host", b"content-length"})  # by aiohttp, from URL and body
_UNDONE = frozenset({b"content-encoding", b"transfer-encoding", b"content-length"})
"""What the headers of a reply say about a body that is still packed."""


class Wire(httpx2.AsyncClient):
    """An `http_client` for `openai.AsyncOpenAI`: whole replies over aiohttp, and no more.

    It knows no proxies. What aiohttp raises comes as `httpx2` would have raised it: ConnectTimeout
    and ConnectError where there was no connection, ReadTimeout after too long a silence, ReadError
    where the connection broke.
    """

    def __init__(self) -> None:
        self._context = httpx2.create_ssl_context()
        self._session: aiohttp.ClientSession | None = None
        super().__init__(verify=self._context, trust_env=False)

    def build_request(
        self, method: str, url: Any, *, timeout: Any = None, **given: Any
    ) -> httpx2.Request:
        """A request with what is given, and with nothing of the client's own."""
        deadlines = {"timeout": httpx2.Timeout(timeout).as_dict()}
        return httpx2.Request(method, _parsed(url), **given, extensions=deadlines)

    async def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        """The whole reply, unpacked."""
        headers = [
            (name.decode("ascii"), value.decode())
            for name, value in request.headers.raw
            if name.lower() not in _MADE_BELOW
        ]
        with _as_httpx2(request):
            async with self._open().request(
                request.method,
                str(request.url),
                data=request.content or None,
                headers=headers,
                timeout=_deadlines(**request.extensions["timeout"]),
            ) as reply:
                body = await reply.read()
        kept = [pair for pair in reply.raw_headers if pair[0].lower() not in _UNDONE]
        return httpx2.Response(reply.status, headers=kept, content=body, request=request)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._context, keepalive_timeout=_KEEP_S)
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=jar)
        return self._session

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
        await super().aclose()


@lru_cache
def _parsed(url: str) -> httpx2.URL:
    return httpx2.URL(url)


@lru_cache
def _deadlines(connect: Any, read: Any, write: Any, pool: Any) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(connect=pool, sock_connect=connect, sock_read=read)


@contextmanager
def _as_httpx2(request: httpx2.Request) -> Iterator[None]:
    """What aiohttp raises, under the name that the client knows."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as problem:
        raise httpx2.ConnectTimeout(str(problem), request=request) from problem
    except TimeoutError as problem:
        raise httpx2.ReadTimeout(str(problem), request=request) from problem
    except aiohttp.ClientConnectorError as problem:
        raise httpx2.ConnectError(str(problem), request=request) from problem
    except aiohttp.ClientError as problem:
        raise httpx2.ReadError(str(problem), request=request) from problem
