"""Rows of the ledger: what is written of an attempt, and of a reply."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from fusion_eval.core import Attempt, Call, Reply, canonical, digest
from fusion_eval.engine import codec
from fusion_eval.engine.writer import Statement

KEPT = (
    "INSERT INTO replies (key, run, at, model, request, reply, body, seal) "
    "VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
)
_BODY_FROM = 600  # bytes from which a body is compressed: it is written once and hardly ever read
_INTENT = "intents (id, key, run, at, owner, worst, role, purpose, outcome, attempts)"
_OPENING = (
    f"INSERT INTO {_INTENT} SELECT CAST(column1 AS BIGINT), column2, column3, "
    "CAST(column4 AS DOUBLE PRECISION), column5, CAST(column6 AS DOUBLE PRECISION), column7, "
    "column8, column9, column10 FROM (VALUES (?,?,?,?,?,?,?,?,?,?)) AS asked "
    "WHERE NOT EXISTS (SELECT 1 FROM replies WHERE key=column2) ON CONFLICT DO NOTHING"
)
CLOSING = (
    f"INSERT INTO {_INTENT} VALUES (?,?,?,?,?,?,?,?,?,?) "
    "ON CONFLICT (id) DO UPDATE SET outcome=excluded.outcome, attempts=excluded.attempts"
)


@dataclass(frozen=True, slots=True)
class Intent:
    """One attempt that is about to be sent: whose it is, and the most it can cost (US$)."""

    id: int
    call: Call
    run: str
    owner: str
    at: float
    worst: float | None

    def opening(self) -> Statement:
        """Changes one row, or none where the call is claimed or answered already."""
        return _OPENING, self._row(None, None)

    def closing(self, outcome: str, attempt: Attempt | None = None) -> Statement:
        """What became of it; an attempt that brought nothing stays."""
        attempts = codec.dump_attempts((attempt,)) if attempt else None
        return CLOSING, self._row(outcome, attempts)

    def _row(self, outcome: str | None, attempts: str | None) -> tuple[object, ...]:
        call = self.call
        claim = (self.id, call.key, self.run, self.at, self.owner, self.worst)
        return (*claim, call.role, call.purpose, outcome, attempts)


def interrupted(intent: int) -> Statement:
    """An open intent whose owner is dead: possibly paid, and no claim any more."""
    return "UPDATE intents SET outcome='interrupted' WHERE id=? AND outcome IS NULL", (intent,)


def lost(attempts: str | None, worst: object) -> tuple[Attempt, ...]:
    """The attempts of an intent without a reply; one that never ended is possibly paid."""
    most = worst if isinstance(worst, float) else None
    never_ended = Attempt(number=1, failure="interrupted", billed=None, cost_worst=most)
    try:
        return codec.attempts(attempts) if attempts else (never_ended,)
    except (ValueError, TypeError):  # damaged: what it can have cost is still known
        return (never_ended,)


def kept(call: Call, run: str, reply: Reply) -> Statement:
    """A reply, with all that its key is made of, so that a ledger can be read and verified."""
    blobs = codec.packed(asked(call)), codec.packed(codec.dump(reply))
    body = None if reply.raw is None else codec.packed(reply.raw, _BODY_FROM)
    return KEPT, sealed(call.key, run, time.time(), call.model.id, *blobs, body)


def sealed(
    key: str,
    run: str,
    at: float,
    model: str,
    request: bytes,
    reply: bytes,
    body: bytes | None = None,
) -> tuple[object, ...]:
    """The columns of a reply, with the seals over them and over its body."""
    head = (key, run, at, model, request, reply)
    return (*head, body, seal(*head) + seal_of_body(body))


def seal(key: str, run: str, at: float, model: str, request: bytes, reply: bytes) -> bytes:
    """16 bytes that change with any bit of a reply."""
    parts = (key.encode(), run.encode(), at.hex().encode(), model.encode(), request, reply)
    return _hash(b"".join(len(part).to_bytes(8, "big") + part for part in parts))


def seal_of_body(body: bytes | None) -> bytes:
    """The same of its body, which is hardly ever read; none has a seal too."""
    return _hash(body or b"")


def _hash(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()


def rewritten(
    key: str, run: str, at: float, model: str, request: bytes, reply: bytes, body: bytes | None
) -> Statement:
    """The same row with another reading of its reply."""
    sql = "UPDATE replies SET reply=?, seal=? WHERE key=?"
    row = sealed(key, run, at, model, request, reply, body)
    return sql, (reply, row[-1], key)


def forgotten(key: str, attempt: Attempt) -> Statement:
    """What is left of a call whose reply is thrown away: the attempt that was paid."""
    sql = "UPDATE intents SET outcome='forgotten', attempts=? WHERE key=? AND outcome='done'"
    return sql, (codec.dump_attempts((attempt,)), key)


def asked(call: Call) -> str:
    """JSON of a call: the text whose digest is `Call.request`, the draw with its seed, what it was
    for, and under which name of its model it was sent."""
    purpose = canonical([call.role, call.domain, call.purpose, call.answer_format, call.model.name])
    draw = canonical(call.draw)
    return f'{{"draw":{draw},"seed":{call.seed},"for":{purpose},"request":{call.content}}}'


def key_of(request: str) -> str | None:
    """The key that a stored request has; None for those that older versions did not keep whole."""
    value = json.loads(request)
    if "request" not in value:
        return None
    return digest([digest(value["request"]), value["draw"], value["seed"]])


@dataclass(frozen=True, slots=True)
class Asked:
    """A stored request: the texts of its messages, the fields of the object that it asks for (none
    for free text), what it was for, where that is known, and under which name of its model it was
    sent: two names of one model share a reply and may have two prices."""

    base_url: str
    id: str
    texts: list[str]
    fields: tuple[str, ...]
    role: str = ""
    domain: str | None = None
    purpose: str = "answer"
    answer_format: str = "text"
    sent_as: str = ""


def read(request: str) -> Asked:
    """What was asked, from its stored form; the first ledgers had another one, without purpose."""
    value: dict[str, Any] = json.loads(request)
    inner = value.get("request")
    if inner is None:
        texts = [m["content"] for m in value.get("messages", ())]
        return Asked(value["endpoint"], value["model"], texts, ())
    schema = inner.get("output") or {}
    return Asked(
        inner["base_url"],
        inner["model"],
        [content for _, content, *_ in inner["messages"]],
        tuple(sorted(schema.get("properties", {}))),
        *value.get("for", ()),
    )
