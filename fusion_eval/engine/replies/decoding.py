"""From the bytes of a body to a JSON value: any charset in, clean text out."""

from __future__ import annotations

import json
from typing import Any

_DIGITS = 30
"""Digits of a whole number that is read; no count or id of anything has more."""


def decoded(content: bytes) -> str:
    """The text of a body, whatever charset its header claims: JSON says itself how it is encoded.

    Bytes that no text has become U+FFFD.
    """
    encoding = json.detect_encoding(content)
    return content.decode("utf-8" if encoding == "utf-8" else encoding, "replace").strip()


def loaded(text: str) -> Any:
    """The first JSON value of a text. Raises ValueError or RecursionError.

    Control characters inside strings are let through, as careless servers send them; a number
    that no float or integer of use can hold is None.
    """
    value, _ = _DECODER.raw_decode(text)
    return value


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _DIGITS else None


_DECODER = json.JSONDecoder(strict=False, parse_int=_whole, parse_constant=lambda _: None)
