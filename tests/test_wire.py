"""Our own HTTP below the official client does on the wire what the client's does."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

import openai
import pytest
from engine_kit import call, completion, sent
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fusion_eval.engine.client import Clients
from fusion_eval.engine.wire import Wire

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
