"""A `Reply` as JSON and back, for the ledger.

Written field by field: the general way through `dataclasses` takes longer than the JSON itself.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter

from fusion_eval.core import Attempt, Reply, Usage

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_REPLY = TypeAdapter(Reply)
_ATTEMPTS = TypeAdapter(tuple[Attempt, ...])
_PACKED_FROM = 4_000  # bytes; below, compressing takes longer than writing


def dump(reply: Reply) -> str:
    """JSON of a reply with all its attempts."""
    value = {
        "text": reply.text,
        "finish": reply.finish,
        "usage": _tokens(reply.usage),
        "latency_s": reply.latency_s,
        "model_served": reply.model_served,
        "cost_reported": reply.cost_reported,
        "simulated": reply.simulated,
        "attempts": [_attempt(attempt) for attempt in reply.attempts],
        "extra": reply.extra,
        "key": reply.key,
        "asked_at": reply.asked_at,
        "thoughts": reply.thoughts,
        "service_tier": reply.service_tier,
    }
    if reply.first_token_s is not None:
        value["first_token_s"] = reply.first_token_s
    return _encode(value)


def load(text: str) -> Reply:
    """The reply that `dump` wrote; ValueError for other JSON, and for fields of another type."""
    return _REPLY.validate_json(text, strict=True)


def dump_attempts(made: Iterable[Attempt]) -> str:
    """JSON of attempts, failed or not."""
    return _encode([_attempt(attempt) for attempt in made])


def attempts(text: str) -> tuple[Attempt, ...]:
    """The attempts that `dump_attempts` wrote; ValueError as in `load`."""
    return _ATTEMPTS.validate_json(text, strict=True)


def packed(text: str, most: int = _PACKED_FROM) -> bytes:
    """Text as it is stored: UTF-8, compressed from `most` bytes on."""
    body = text.encode()
    return zlib.compress(body, 1) if len(body) >= most else body


def unpacked(blob: bytes) -> str:
    """Stored text. JSON starts with a brace and nothing compressed does."""
    return (blob if blob[:1] == b"{" else zlib.decompress(blob)).decode()


def _tokens(usage: Usage | None) -> dict[str, int] | None:
    return None if usage is None else {name: getattr(usage, name) for name in Usage.__slots__}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    value = {name: getattr(attempt, name) for name in Attempt.__slots__}
    value["usage"] = _tokens(attempt.usage)
    return value
