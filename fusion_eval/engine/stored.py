"""A row of `replies` where it is read: whole, or damaged in a way that is said.

Disks, copies and editors change bytes. A seal over all columns shows it; rows of the first two
versions have none, so of those only types and the request's digest can be checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fusion_eval.core import Reply
from fusion_eval.engine import codec, rows
from fusion_eval.errors import DamagedReplyError

COLUMNS = "key, run, at, model, request, reply, seal"
_KEY = re.compile("[0-9a-f]{64}")
_KINDS = (str, str, float, str, bytes, bytes)


@dataclass(frozen=True, slots=True)
class Stored:
    """A row that is whole; `request` is its JSON."""

    key: str
    run: str
    at: float
    model: str
    request: str
    reply: Reply


def read(row: Sequence[Any], where: object) -> Stored:
    """The row (`COLUMNS`), or DamagedReplyError, which names it and the way out."""
    *values, sealed = row
    key, run = _named(values[0]), _named(values[1])
    for value, kind in zip(values, _KINDS, strict=True):
        if not isinstance(value, kind):
            raise DamagedReplyError(where, key, run, f"a {kind.__name__} is no {kind.__name__}")
    if not is_key(values[0]) or not math.isfinite(values[2]):
        raise DamagedReplyError(where, key, run, "its key or its time is none")
    try:
        reply = codec.load(codec.unpacked(values[5]))
    except Exception as problem:  # whatever a decoder says of bytes that it cannot read
        raise DamagedReplyError(where, key, run, f"cannot be read ({_why(problem)})") from None
    request = _request(values, where)
    if sealed is not None and not (
        isinstance(sealed, bytes) and sealed.startswith(rows.seal(*values))
    ):
        raise DamagedReplyError(where, key, run, "its bytes have changed since they were written")
    return Stored(values[0], values[1], values[2], values[3], request, reply)


def read_whole(row: Sequence[Any], where: object) -> Stored:
    """The same of a row (`COLUMNS` and `body`), whose body is checked too."""
    *columns, body = row
    found, sealed = read(columns, where), columns[-1]
    if sealed is not None and sealed[16:] != rows.seal_of_body(body):
        raise DamagedReplyError(where, found.key, found.run, "its body has changed")
    return found


def _request(values: Sequence[Any], where: object) -> str:
    key, run = values[0], values[1]
    try:
        text = codec.unpacked(values[4])
        made_of = rows.key_of(text)
        rows.read(text)
    except Exception as problem:
        why = f"its request cannot be read ({_why(problem)})"
        raise DamagedReplyError(where, key, run, why) from None
    if made_of is not None and made_of != key:
        raise DamagedReplyError(where, key, run, "its request belongs to another key")
    return text


def is_key(key: object) -> bool:
    """Whether a value may be the key of a call: a SHA-256 in hex."""
    return isinstance(key, str) and _KEY.fullmatch(key) is not None


def _named(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)[:20]


def _why(problem: Exception) -> str:
    return type(problem).__name__
