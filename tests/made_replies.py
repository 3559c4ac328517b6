"""Replies that are broken in every way that was seen, and in some that was not."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

Broken = tuple[int, list[tuple[bytes, bytes]], bytes]
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.01}


def _completion(**message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return {"id": "c1", "model": "m", "choices": [choice], "usage": dict(USAGE)}


GOOD: list[Any] = [
    _completion(content="Here."),
    _completion(content="<think>hm</think>\nAnswer: 42"),
    _completion(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                         {"type": "text", "text": "Here."}]),
    _completion(content="Here.", reasoning_content="hm", tool_calls=[{"id": "1"}]),
    _completion(content="{\"verdict\": \"MET\", \"explanation\": \"caf\u00e9 \U0001f600\"}"),
]  # fmt: skip
ERRORS: list[Any] = [
    {"error": {"message": "no", "code": 429, "metadata": {"headers": {"X-RateLimit-Reset": "9"}}}},
    {"error": "overloaded"},
    {"detail": [{"loc": ["body", "seed"], "msg": "no"}]},
    {"choices": [{"message": None, "error": {"code": 502, "message": "gone"}}]},
]
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, 2**63, 2**53, 10**40, float("nan"), float("inf"), "", " ",
    "\0", "\ud83d", "\udc00x", "\x1b[2J", "\u202e", "<script>", "<think>", "</think>", "null",
    "9" * 200, "\U0001f600" * 50, [], {}, [[]], [None], {"": ""}, {"a": {"b": [{}]}},
]  # fmt: skip
CHARSETS = [b"utf-8", b"utf-16", b"idna", b"punycode", b"undefined", b"hex", b"base64", b"zip",
            b"unicode_escape", b"latin-1", b"utf-7", b"\xff", b""]  # fmt: skip
NAMES = [b"retry-after", b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens",
         b"x-ratelimit-reset", b"x-request-cost", b"content-language", b"set-cookie", b"x-a",
         b"x-litellm-response-cost", b"retry-after-ms"]  # fmt: skip
VALUES = [b"", b"0", b"-1", b"nan", b"inf", b"1e400", b"1..5s", b"1.2.3s", b"\xff\xfe", b"\xe9",
          b"soon", b"9" * 300, b"Wed, 99 Oct 99999 99:99:99 GMT", b"<script>",
          b"6m0s"]  # fmt: skip
BAD_HEADERS = [
    [(b"x-ratelimit-remaining-tokens", b"0"), (b"x-ratelimit-reset-tokens", value)]
    for value in VALUES
]


def odd_header(chance: random.Random) -> tuple[bytes, bytes]:
    """A header that no client should stumble over."""
    if chance.random() < 0.3:
        return b"content-type", b"application/json; charset=" + chance.choice(CHARSETS)
    return chance.choice(NAMES), chance.choice(VALUES)


def broken(chance: random.Random, key: str, of: list[Any] | None = None) -> Broken:
    """Status, headers and body of a reply; with `of` only its body is broken."""
    value = copy.deepcopy(chance.choice(of or [*GOOD, *GOOD, *ERRORS]))
    for _ in range(chance.choice([0, 1, 1, 2, 3, 6])):
        _break_value(chance, value, key)
    content = _written(chance, value)
    if of is None:
        for _ in range(chance.choice([0, 0, 0, 1, 2])):
            content = chance.choice(_BYTES)(chance, content)
    status = chance.choice([200] * 8 + [400, 404, 422, 429, 500, 503])
    return status, [odd_header(chance) for _ in range(chance.randrange(4))], content


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, name or index) in a value."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in items:
            found += [(value, name), *_places(inner)]
    return found


def _break_value(chance: random.Random, value: Any, key: str) -> None:
    places = _places(value)
    if not places:
        return
    holder, name = chance.choice(places)
    act = chance.randrange(4)
    if act == 0:
        del holder[name]
    elif act == 1:
        holder[name] = copy.deepcopy(chance.choice(ODD))
    elif act == 2:
        holder[name] = [holder[name]] * chance.randrange(4)
    else:
        holder[name] = f"your key is {key}, {holder[name]}"


def _written(chance: random.Random, value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=chance.random() < 0.7)
    if chance.random() < 0.1 and isinstance(value, dict):
        chunk = {**value, "choices": [
            {"index": 0, "delta": one.get("message"), "finish_reason": one.get("finish_reason")}
            for one in value.get("choices") or [] if isinstance(one, dict)
        ] if isinstance(value.get("choices"), list) else value.get("choices")}  # fmt: skip
        text = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"
    encoding = chance.choice(["utf-8"] * 8 + ["utf-16", "utf-32"])
    return text.encode(encoding, "surrogatepass")


def _cut(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _flip(chance: random.Random, content: bytes) -> bytes:
    whole = bytearray(content or b"x")
    whole[chance.randrange(len(whole))] = chance.randrange(256)
    return bytes(whole)


def _doubled(chance: random.Random, content: bytes) -> bytes:
    return content + chance.choice([b"", b"\n", b"data: "]) + content


def _wrapped(chance: random.Random, content: bytes) -> bytes:
    before, after = chance.choice([(b"[", b"]"), (b"\xef\xbb\xbf", b""), (b"\n\n", b"\n"),
                                   (b'{"data":', b"}"), (b"<html>", b"</html>"),
                                   (b"[" * 3000, b"]" * 3000), (b": ping\n\n", b"")])  # fmt: skip
    return before + content + after


def _inserted(chance: random.Random, content: bytes) -> bytes:
    at = chance.randrange(len(content) + 1)
    piece = chance.choice([b"\0", b"\xff", b"\\ud800", b"\\", b'"', b"\xe2\x80\xa8", b"9" * 5000])
    return content[:at] + piece + content[at:]


_BYTES: list[Callable[[random.Random, bytes], bytes]] = [_cut, _flip, _doubled, _wrapped, _inserted]
