"""Rows of the ledger: what is written of an attempt, and of a reply."""

from __future__ import annotations

import json
import time
import zlib

from fusion_eval.core import Attempt, Call, Reply
from fusion_eval.engine import codec
from fusion_eval.engine.writer import Statement

SCHEMA = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, run TEXT NOT NULL, at REAL NOT NULL,
    model TEXT NOT NULL, request BLOB NOT NULL, reply BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS intents (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, run TEXT NOT NULL, at REAL NOT NULL,
    outcome TEXT, attempts TEXT
) WITHOUT ROWID;
"""


def kept(call: Call, run: str, reply: Reply) -> Statement:
    """A reply, with what was asked so that a person can read the ledger."""
    request = {
        "endpoint": call.model.endpoint.base_url,
        "model": call.model.id,
        "messages": [m.model_dump() for m in call.messages],
        "params": call.model.params,
        "extra_body": call.model.extra_body,
        "output": call.output.name if call.output else None,
        "draw": call.draw,
        "seed": call.seed,
    }
    sql = "INSERT OR IGNORE INTO replies (key, run, at, model, request, reply) VALUES (?,?,?,?,?,?)"
    body = packed(json.dumps(request, ensure_ascii=False))
    return sql, (call.key, run, time.time(), call.model.id, body, packed(codec.dump(reply)))


def opening(intent: str, key: str, run: str, worst: float | None) -> Statement:
    """An intent; until it is closed, it says what is known of a request that was in flight."""
    attempt = Attempt(number=1, failure="interrupted", billed=None, cost_worst=worst)
    values = (intent, key, run, time.time(), codec.dump_attempts((attempt,)))
    return "INSERT INTO intents (id, key, run, at, attempts) VALUES (?,?,?,?,?)", values


def closing(intent: str, outcome: str, attempt: Attempt | None = None) -> Statement:
    """What became of it; an attempt that brought nothing stays."""
    attempts = codec.dump_attempts((attempt,)) if attempt else None
    return "UPDATE intents SET outcome=?, attempts=? WHERE id=?", (outcome, attempts, intent)


def packed(text: str) -> bytes:
    """Text as it is stored."""
    return zlib.compress(text.encode(), 1)


def unpacked(blob: bytes) -> str:
    """Stored text."""
    return zlib.decompress(blob).decode()
