"""Our own HTTP below the official client does on the wire what the client's does."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import zlib
from typing import Any

import openai
import pytest
from engine_kit import call, completion, sent
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.client import Clients
from fusion_eval.engine.wire import MOST_BYTES, Wire
from fusion_eval.errors import CallFailedError

PATH = "/v1/chat/completions"


@pytest.fixture
def url(httpserver: HTTPServer) -> str:
    """Base URL of a server that answers as the test says."""
    return httpserver.url_for("/v1")


def asked(httpserver: HTTPServer) -> list[Request]:
    """The requests that arrived."""
    return [request for request, _ in httpserver.log]


def posted(http: Any, url: str) -> None:
    """One request by the official client over this HTTP."""

    async def post() -> None:
        async with openai.AsyncOpenAI(base_url=url, api_key="sk-1", http_client=http) as client:
            await client.post("/chat/completions", content=b'{"a": "\xc3\xa9"}', cast_to=object)

    asyncio.run(post())


def test_a_request_is_the_one_that_the_clients_own_http_sends(httpserver: HTTPServer, url: str):
    """A header lost here is a key, a length or a type that some gateway refuses without."""
    httpserver.expect_request(PATH).respond_with_json(completion())
    posted(openai.DefaultAioHttpClient(), url)
    posted(Wire(), url)

    theirs, ours = asked(httpserver)
    free = {"Accept-Encoding", "Connection"}  # what can be unpacked, and the default of HTTP/1.1
    assert {n: v for n, v in ours.headers if n not in free} == {
        n: v for n, v in theirs.headers if n not in free
    }
    assert len({name for name, _ in ours.headers}) == len(list(ours.headers))
    assert ours.get_data() == theirs.get_data()


@pytest.mark.parametrize(
    ("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)], ids=["gzip", "deflate"]
)
def test_a_packed_reply_is_unpacked_once(httpserver: HTTPServer, url: str, name: str, pack: Any):
    """Gateways pack what is asked for; unpacked twice or never, every answer would be lost."""
    body = pack(json.dumps(completion("Né.")).encode())
    headers = {"Content-Encoding": name, "Content-Type": "application/json"}
    httpserver.expect_request(PATH).respond_with_response(Response(body, headers=headers))

    (reply,) = sent(call(url))
    assert reply.text == "Né."
    assert name in asked(httpserver)[0].headers["Accept-Encoding"]


def test_a_moved_endpoint_gets_the_whole_request_again(httpserver: HTTPServer, url: str):
    """Behind a 307 stands the real address of some gateways."""
    there = Response(status=307, headers={"Location": "/v2/chat"})
    httpserver.expect_request(PATH).respond_with_response(there)
    httpserver.expect_request("/v2/chat", method="POST").respond_with_json(completion())

    (reply,) = sent(call(url, "Where to?"))
    assert reply.text == "Here."
    assert b"Where to?" in asked(httpserver)[-1].get_data()


def test_an_endpoint_that_moves_to_another_host_does_not_get_the_key(
    httpserver: HTTPServer, url: str, monkeypatch: pytest.MonkeyPatch
):
    """Whoever can answer with a redirect could collect keys."""
    monkeypatch.setenv("MY_KEY", "sk-very-secret-0123456789")
    with HTTPServer() as elsewhere:
        elsewhere.expect_request(PATH).respond_with_json(completion())
        there = Response(status=307, headers={"Location": elsewhere.url_for(PATH)})
        httpserver.expect_request(PATH).respond_with_response(there)
        sent(call(url, api_key_env="MY_KEY"))

        assert "sk-very-secret-0123456789" in asked(httpserver)[0].headers["Authorization"]
        assert "Authorization" not in asked(elsewhere)[0].headers


def test_a_proxy_of_the_environment_is_used(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
):
    """In many companies nothing else leads outside; the client's own HTTP knows proxies."""
    monkeypatch.setenv("HTTP_PROXY", httpserver.url_for(""))
    httpserver.expect_request(PATH).respond_with_json(completion())

    (reply,) = sent(call("http://models.invalid/v1"))
    assert reply.text == "Here."
    assert asked(httpserver)[0].host == "models.invalid"


def test_calls_one_after_another_share_one_connection():
    """A connection for each call is a TLS handshake for each call."""
    opened: list[object] = []
    body = json.dumps(completion()).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        while line := await reader.readline():
            length = 0
            while line.strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
                line = await reader.readline()
            await reader.readexactly(length)
            writer.write(head.encode() + b"\r\n\r\n" + body)

    async def ask() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        clients = Clients()
        for draw in range(5):
            await clients.send(call(f"http://127.0.0.1:{port}/v1", draw=draw))
        await clients.close()
        server.close()

    asyncio.run(ask())
    assert len(opened) == 1


@pytest.mark.parametrize("packed", [True, False])
def test_a_reply_of_endless_size_is_given_up_before_it_fills_the_memory(
    httpserver: HTTPServer, packed: bool
):
    """A packed megabyte took three gigabytes, and twelve of them at once the machine."""
    body = b'{"choices": [{"message": {"content": "' + b"x" * (MOST_BYTES + 1) + b'"}}]}'
    headers = {"content-encoding": "gzip"} if packed else {}
    content = gzip.compress(body, 1) if packed else body
    httpserver.expect_request("/v1/chat/completions").respond_with_data(content, headers=headers)

    with pytest.raises(CallFailedError) as caught:
        sent(call(httpserver.url_for("/v1"), timeout_s=60.0), attempts=3)

    assert caught.value.failure == "bad_reply"
    assert "16 MB" in caught.value.detail
    assert len(caught.value.attempts) == 1  # the same would come again


@pytest.mark.parametrize(
    ("encoding", "content"),
    [("gzip", b"abcd"), ("br", b"abcd"), ("gzip", gzip.compress(b'{"choices": []}')[:-9])],
    ids=["no gzip", "no brotli", "cut gzip"],
)
def test_a_body_that_cannot_be_unpacked_is_a_bad_reply(
    httpserver: HTTPServer, encoding: str, content: bytes
):
    """An exception of zlib's would end the run."""
    reply = Response(content, headers={"content-encoding": encoding})
    httpserver.expect_request("/v1/chat/completions").respond_with_response(reply)

    with pytest.raises(CallFailedError) as caught:
        sent(call(httpserver.url_for("/v1")))

    assert caught.value.failure == "bad_reply"


def test_a_model_list_and_a_stream_that_never_end_are_given_up(monkeypatch: pytest.MonkeyPatch):
    """A byte now and then hung the check for ever, and Ctrl-C did not end it."""
    monkeypatch.setattr("fusion_eval.engine.client._CHECK_TIMEOUT_S", 0.5)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)

    async def work() -> tuple[object, str | None]:
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        one = call(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", timeout_s=0.5)
        clients = Clients()
        async with asyncio.timeout(20):
            listed = await clients.check(one.model.endpoint)
            with pytest.raises(AttemptFailedError) as caught:
                await clients.streams(one)
        await clients.close()
        server.close()
        return listed, caught.value.attempt.failure

    assert asyncio.run(work()) == (None, "timeout")
