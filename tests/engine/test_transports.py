"""What is sent without the official client is what the client sends, and is read as it reads it.

Each request and each answer goes over a socket twice: with `transport: direct` and `openai`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest
from engine_kit import OBJECT, call, completion

from fusion_eval.core import Call
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.client import Clients

SECRET = "sk-secret-0123456789-abcdef"
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
TEXTS = {
    "plain": "Where?",
    "empty": "",
    "long": "word " * 20_000,
    "accents": "Où est-ce ? Ñandú",
    "chinese": "哪里?",
    "emoji": "🤷‍♀️ where?",
    "quotes": 'He said "no\\" and left',
    "lines": "one\r\ntwo\n\tthree\u2028four",
    "tags": "<think>no</think>",
}
FIELDS: dict[str, dict[str, Any]] = {
    "temperature": {"params": {"temperature": 0.0}},
    "many parameters": {"params": {"temperature": 0.7, "top_p": 0.9, "max_tokens": 9}},
    "stop words": {"params": {"stop": ["\n", "é"]}},
    "an own seed": {"params": {"seed": 1}},
    "no seed": {"sends_seed": False},
    "extra body": {"extra_body": {"provider": {"order": ["a", "b"]}}},
    "a null in the body": {"extra_body": {"logprobs": None}},
    "a parameter overruled": {"params": {"top_p": 0.1}, "extra_body": {"top_p": 0.2}},
    "an object": {"output": OBJECT},
    "tools": {"tools": (TOOL,)},
    "tools and an object": {"tools": (TOOL,), "output": OBJECT},
    "a seed of the bench": {"seed": 7},
    "another draw": {"draw": 3},
    "a key": {"api_key_env": "MY_KEY"},
    "a header": {"headers": {"X-Title": "bench"}},
    "two headers": {"headers": {"X-Title": "a b", "x-team": "1"}},
    "a header of a variable": {"headers": {"api-key": "${MY_KEY}"}},
    "another authorization": {"headers": {"Authorization": "Basic ${MY_KEY}"}},
    "another user agent": {"headers": {"User-Agent": "mine/1"}},
    "another accept": {"headers": {"Accept": "application/json; v=2"}},
    "a query": {"query": {"api-version": "2024-10-21"}},
    "a query of a variable": {"query": {"key": "${MY_KEY}"}},
    "two in the query": {"query": {"a": "1", "b": "2"}},
    "a query to be escaped": {"query": {"q": "a b&c=d/é+%"}},
    "an idempotency key": {"idempotency_key": True},
    "an id with slashes": {"id": "maker/model:free"},
    "an id with accents": {"id": "modèle"},
    "deadlines": {"silence_s": 3.0, "connect_s": 2.0},
}
PATHS = {"none": "", "deep": "/a/b/v1", "escaped": "/a%20b/v1", "odd": "/openai/deployments/m@1"}
NAMED = [
    *((f"text: {name}", "/v1", {"prompt": text}) for name, text in TEXTS.items()),
    *((name, "/v1", fields) for name, fields in FIELDS.items()),
    *((f"path: {name}", path, {}) for name, path in PATHS.items()),
]

Outcome = dict[str, Any]


def http(status: str, body: Any, *headers: str) -> bytes:
    """A whole answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


def chunked(*pieces: bytes) -> bytes:
    """A good status and a body in chunks, with its end."""
    parts = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b"")]
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(parts)


GOOD = json.dumps(completion("Né.")).encode()
LIMIT = {"error": {"message": "too many; try again in 7s", "code": "rate_limit_exceeded"}}
ANSWERS: dict[str, bytes] = {
    "good": http("200 OK", GOOD, "Content-Type: application/json"),
    "good without a type": http("200 OK", GOOD),
    "a wrong charset": http("200 OK", GOOD, "Content-Type: application/json; charset=klingon"),
    "created": http("201 Created", GOOD),
    "a text after a mark": http("200 OK", b"\xef\xbb\xbf" + GOOD),
    "UTF-16": http("200 OK", GOOD.decode().encode("utf-16")),
    "in chunks": chunked(GOOD[:10], GOOD[10:]),
    "chunks that end early": chunked(GOOD)[:-12],
    "until the end": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + GOOD,
    "gzip": http("200 OK", gzip.compress(GOOD), "Content-Encoding: gzip"),
    "deflate": http("200 OK", zlib.compress(GOOD), "Content-Encoding: deflate"),
    "gzip that is none": http("200 OK", b"abcd", "Content-Encoding: gzip"),
    "an unknown packing": http("200 OK", GOOD, "Content-Encoding: zz"),
    "a reported cost": http("200 OK", GOOD, "X-LiteLLM-Response-Cost: 0.25"),
    "a header twice": http("200 OK", GOOD, "X-Request-Id: a", "X-Request-Id: b"),
    "a header in Latin-1": http("200 OK", GOOD, "X-Model: caf\xe9"),
    "a limit in headers": http("200 OK", GOOD, "X-RateLimit-Remaining-Requests: 0",
                               "X-RateLimit-Reset-Requests: 3s"),
    "cut off": http("200 OK", GOOD)[:-9],
    "half of a body": http("200 OK", GOOD[:30]),
    "no body": http("200 OK", b""),
    "a page": http("200 OK", b"<html>hello</html>", "Content-Type: text/html"),
    "a list": http("200 OK", []),
    "no choices": http("200 OK", {"choices": []}),
    "an error under 200": http("200 OK", {"error": {"message": "no", "code": 502}}),
    "a stream that nobody asked for": http("200 OK", b"data: " + GOOD + b"\n\ndata: [DONE]\n\n",
                                           "Content-Type: text/event-stream"),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "moved, nobody says where": http("301 Moved", b""),
    "in circles": http("307 Moved", b"", "Location: /v1/chat/completions"),
    "400": http("400 Bad", {"error": {"message": "bad temperature"}}),
    "401": http("401 No", {"error": {"message": f"Incorrect API key {SECRET}"}}),
    "402": http("402 Pay", {"error": "insufficient credits"}),
    "404": http("404 Not Found", b"404 page not found"),
    "408": http("408 Late", b""),
    "413": http("413 Large", b"too large"),
    "422": http("422 No", {"detail": [{"loc": ["body", "model"], "msg": "field required"}]}),
    "429": http("429 Slow", LIMIT),
    "429 with a wait": http("429 Slow", LIMIT, "Retry-After: 9"),
    "429 in ms": http("429 Slow", LIMIT, "Retry-After-Ms: 1500"),
    "500": http("500 Oops", b"oops"),
    "502 packed": http("502 Gone", gzip.compress(b"bad gateway"), "Content-Encoding: gzip"),
    "529": http("529 Busy", {"type": "error", "error": {"type": "overloaded_error"}}),
    "no HTTP": b"hello\r\n\r\n",
    "an endless header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n" + GOOD,
    "nothing": b"",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\n" + GOOD,
}  # fmt: skip


def both(answer: bytes, asked: Callable[[int], Call]) -> tuple[list[bytes], list[Outcome]]:
    """The requests that arrived, as bytes, and what came of them: direct, then by the client."""
    arrived: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        (length,) = (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        arrived.append(head + await reader.readexactly(length))
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def work() -> list[Outcome]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        one = asked(server.sockets[0].getsockname()[1])
        outcomes = []
        for transport in ("direct", "openai"):
            there = replace(one.model.endpoint, transport=transport)
            clients = Clients()
            outcomes.append(
                await outcome(clients, replace(one, model=replace(one.model, endpoint=there)))
            )
            await clients.close()
        server.close()
        return outcomes

    outcomes = asyncio.run(work())
    return arrived, outcomes


async def outcome(clients: Clients, one: Call) -> Outcome:
    """A reply or a failure with all that is known of it, without times."""
    try:
        reply = await clients.send(one)
    except AttemptFailedError as problem:
        marks = {name: value for name, value in vars(problem).items() if name != "attempt"}
        return {**marks, **asdict(problem.attempt), "latency_s": 0.0}
    raw = json.loads(reply.raw or "{}")
    timeless = {"took_s": 0.0, "at": 0.0}
    attempts = [{**asdict(attempt), "latency_s": 0.0} for attempt in reply.attempts]
    return {
        **asdict(reply), "latency_s": 0.0, "asked_at": 0.0, "attempts": attempts,
        "raw": {**raw, **timeless},
    }  # fmt: skip


def parts(request: bytes) -> tuple[bytes, list[bytes], bytes]:
    """First line, headers in one order, and body."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *headers = head.split(b"\r\n")
    return first, sorted(headers), body


@pytest.mark.parametrize(("path", "fields"), [row[1:] for row in NAMED], ids=[r[0] for r in NAMED])
def test_a_direct_request_is_byte_for_byte_the_one_of_the_official_client(
    monkeypatch: pytest.MonkeyPatch, path: str, fields: dict[str, Any]
):
    """A header or an escape that differs is a key, a route or a prompt that differs."""
    monkeypatch.setenv("MY_KEY", SECRET)
    answer = http("200 OK", GOOD)
    arrived, outcomes = both(answer, lambda port: call(f"http://127.0.0.1:{port}{path}", **fields))

    ours, theirs = map(parts, arrived)
    assert ours == theirs
    assert b'"messages"' in ours[2]
    assert [one["text"] for one in outcomes] == ["Né.", "Né."]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read_alike_whoever_sent_the_request(
    monkeypatch: pytest.MonkeyPatch, name: str
):
    """An error of another class is tried again, billed or waited for by another rule."""
    monkeypatch.setenv("MY_KEY", SECRET)
    _, (ours, theirs) = both(
        ANSWERS[name], lambda port: call(f"http://127.0.0.1:{port}/v1", api_key_env="MY_KEY")
    )

    assert ours == theirs
    assert SECRET not in repr(ours)


def test_an_idempotency_key_is_equal_for_equal_requests_and_for_no_others():
    """An endpoint answers a key that it has seen with its earlier reply, whatever is asked now."""
    keys = []
    for prompt, draw in (("a", 0), ("b", 0), ("a", 1)):
        arrived, _ = both(
            http("500 Oops", b""),
            lambda port, prompt=prompt, draw=draw: call(
                f"http://127.0.0.1:{port}/v1", prompt, draw, idempotency_key=True, sends_seed=False
            ),
        )
        lines = [line for one in arrived for line in parts(one)[1]]
        own = [line for line in lines if line.lower().startswith(b"idempotency-key: ")]
        keys.append(set(own))
        assert len(own) == 2
    assert [len(one) for one in keys] == [1, 1, 1]
    assert len(set.union(*keys)) == 3
