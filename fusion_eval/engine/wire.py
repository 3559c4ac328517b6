"""HTTP over aiohttp: for plain POSTs directly, and below the official client for the rest.

The client's objects and the general HTTP client below it take most of the processor time of a call
(`benchmarks/speed.py`). So a request that only posts bytes repeats the URL and the headers that the
client has made once (`Sample`), and brings back bytes.
"""

from __future__ import annotations

import socket
import ssl
import urllib.request
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import aiohttp
import httpx2
from yarl import URL

_KEEP_S = 5.0  # an idle connection, as long as the client's own transport does
_MADE_BELOW = frozenset({b"host", b"content-length"})  # by aiohttp, from URL and body
_UNDONE = frozenset({b"content-encoding", b"transfer-encoding", b"content-length", b"content-type"})
"""What the headers of a reply say about a body that is still packed, or of its charset: bodies
are decoded by what is in them, because some charsets that servers name do not exist."""
MOST_BYTES = 16 * 2**20
"""Bytes of a reply, unpacked; a million tokens of text have a third of that."""
_PACKED = {"gzip": 47, "deflate": 47}
"""Encodings that are read, and what zlib calls them: 47 is gzip or zlib, by looking."""


class BodyError(httpx2.DecodingError):
    """A body that cannot be unpacked, or is too large."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where requests of one endpoint go, and what goes with each."""

    url: URL
    headers: dict[str, str]
    deadlines: aiohttp.ClientTimeout


class Wire(httpx2.AsyncClient):
    """Replies over aiohttp, and no more; also an `http_client` for `openai.AsyncOpenAI`.

    Proxies are those of the environment. What aiohttp raises comes as `httpx2` would have raised
    it: ConnectTimeout and ConnectError where there was no connection, ReadTimeout after too long a
    silence, ReadError where the connection broke. A reply of more than `most` bytes, unpacked, is
    a BodyError.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._context = httpx2.create_ssl_context()
        self._session: aiohttp.ClientSession | None = None
        super().__init__(verify=self._context, trust_env=False)

    async def exchange(
        self, route: Route, content: bytes, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body, unpacked, of what comes back."""
        with _as_httpx2():
            reply = await self._open().post(
                route.url,
                data=content,
                headers={**route.headers, **headers} if headers else route.headers,
                timeout=route.deadlines,
            )
            try:
                body = b"".join([piece async for piece in _unpacked(reply, self._most)])
            finally:
                _let_go(reply)
        named: dict[str, str] = {}
        for name, value in reply.headers.items():
            name = name.lower()
            named[name] = f"{named[name]}, {value}" if name in named else value
        return reply.status, named, body

    def sample(self) -> Sample:
        """An `http_client` that keeps what the official client would have sent."""
        return Sample(verify=self._context, trust_env=False)

    def build_request(self, method: str, url: Any, **given: Any) -> httpx2.Request:
        """A request with what is given, and with nothing of the client's own."""
        return _bare(method, url, **given)

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **_: Any
    ) -> httpx2.Response:
        """The reply, unpacked: whole, or as a stream of pieces as they come."""
        with _as_httpx2(request):
            reply = await self._open().request(
                request.method,
                str(request.url),
                data=request.content or None,
                headers=_headers(request),
                timeout=_deadlines(**request.extensions["timeout"]),
            )
        kept = [pair for pair in reply.raw_headers if pair[0].lower() not in _UNDONE]
        pieces = _Pieces(reply, request, self._most)
        if stream:
            return httpx2.Response(reply.status, headers=kept, stream=pieces, request=request)
        try:
            body = b"".join([piece async for piece in pieces])
        finally:
            await pieces.aclose()
        return httpx2.Response(reply.status, headers=kept, content=body, request=request)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._context, keepalive_timeout=_KEEP_S)
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=jar,
                auto_decompress=False,
                headers={"Accept-Encoding": ", ".join(_PACKED)},
                trust_env=bool(urllib.request.getproxies()),
            )
        return self._session

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
        await super().aclose()


class Sample(httpx2.AsyncClient):
    """An `http_client` that sends nothing, and knows how the request would have gone out."""

    def build_request(self, method: str, url: Any, **given: Any) -> httpx2.Request:
        """As `Wire` builds it."""
        return _bare(method, url, **given)

    async def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        """Keep the request."""
        self._request = request
        return httpx2.Response(200, content=b"{}", request=request)

    def route(self) -> Route:
        """The way of the request that was kept."""
        request = self._request
        return Route(
            url=URL(str(request.url)),
            headers=dict(_headers(request)),
            deadlines=_deadlines(**request.extensions["timeout"]),
        )


def _bare(method: str, url: Any, *, timeout: Any = None, **given: Any) -> httpx2.Request:
    deadlines = {"timeout": httpx2.Timeout(timeout).as_dict()}
    return httpx2.Request(method, _parsed(url), **given, extensions=deadlines)


def _headers(request: httpx2.Request) -> list[tuple[str, str]]:
    return [
        (name.decode("ascii"), value.decode())
        for name, value in request.headers.raw
        if name.lower() not in _MADE_BELOW
    ]


def _let_go(reply: aiohttp.ClientResponse) -> None:
    """Give the connection back, or close it where the body was not read to its end."""
    reply.release() if reply.content.at_eof() else reply.close()


class _Pieces(httpx2.AsyncByteStream):
    """The body of a reply, unpacked piece by piece so that a small one cannot fill the memory."""

    def __init__(
        self, reply: aiohttp.ClientResponse, request: httpx2.Request, most: int = MOST_BYTES
    ) -> None:
        self._reply = reply
        self._request = request
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx2(self._request):
            async for piece in _unpacked(self._reply, self._most):
                yield piece

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body was not read to its end."""
        _let_go(self._reply)


async def _unpacked(reply: aiohttp.ClientResponse, most: int) -> AsyncIterator[bytes]:
    encoding = reply.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity", *_PACKED):
        raise BodyError(f"a body packed as {encoding[:40]!r}")
    unpack = zlib.decompressobj(_PACKED[encoding]) if encoding in _PACKED else None
    size = 0
    async for piece in reply.content.iter_any():
        try:
            part = unpack.decompress(piece, most - size + 1) if unpack else piece
        except zlib.error as problem:
            raise BodyError(f"a damaged body ({problem})") from None
        size += len(part)
        if size > most:
            raise BodyError(f"a body of more than {most / 2**20:g} MB")
        yield part
    if unpack is not None and not unpack.eof and size:
        raise BodyError("a packed body that is cut off")


@lru_cache
def _parsed(url: str) -> httpx2.URL:
    return httpx2.URL(url)


@lru_cache
def _deadlines(connect: Any, read: Any, write: Any, pool: Any) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(connect=pool, sock_connect=connect, sock_read=read)


@contextmanager
def _as_httpx2(request: httpx2.Request | None = None) -> Iterator[None]:
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


_NEVER_SENT = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
_NO_CURE = (ssl.SSLCertVerificationError,)
_TOO_LATE = (TimeoutError, httpx2.ReadTimeout, httpx2.WriteTimeout, httpx2.PoolTimeout)


def broken(problem: BaseException) -> tuple[str, bool | None, bool]:
    """Of a connection that failed: the word for it, whether anything can have been billed (None
    where nobody can tell), and whether nobody is there.

    Read from the bottom of the chain of causes, because clients call any of it a time-out.
    """
    if _is(problem, (*_NEVER_SENT, httpx2.ConnectError)):
        return "connection", False, not _is(problem, _NO_CURE)
    if _is(problem, (aiohttp.ConnectionTimeoutError,)):
        return "timeout", False, False  # no connection in time
    return "timeout" if _is(problem, _TOO_LATE) else "connection", None, False


def damaged(problem: BaseException) -> bool:
    """Whether there was a reply, with a body that cannot be read."""
    return _is(problem, (BodyError,))


def reason(problem: BaseException) -> str:
    """What went wrong, in one line."""
    return (str(problem.__cause__ or problem).splitlines() or [""])[0][:200]


def _is(problem: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, kinds):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
