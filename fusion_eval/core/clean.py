"""Text as it comes in from outside, without what no file, hash or prompt can hold."""

from __future__ import annotations

import unicodedata
from typing import Any

_OBEYED = frozenset({"Cc", "Cf", "Cn", "Cs", "Co", "Zl", "Zp"})
_DEEP = 100
"""Levels of a JSON value that are kept; no reply of a model is nested deeper."""


def clean(text: str) -> str:
    """The text with U+FFFD for every half of a character (lone surrogate) and every NUL.

    Two halves that belong together become their character again: a stream may cut between them.
    """
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def inert(text: object) -> str:
    """Text for a terminal: without characters that it would obey, or that turn the line around.

    A byte of a path that is not UTF-8 is shown as `\\xff`.
    """
    whole = str(text).replace("\r\n", "\n").replace("\t", "    ")
    if whole.isascii() and whole.isprintable():
        return whole
    return "".join(map(_shown, whole))


def _shown(letter: str) -> str:
    if letter == "\n" or unicodedata.category(letter) not in _OBEYED:
        return letter
    number = ord(letter)
    return f"\\x{number & 0xFF:02x}" if 0xDC80 <= number <= 0xDCFF else ""


def clean_json(value: Any, text: Any = clean, depth: int = 0) -> Any:
    """A JSON value with `text` applied to every string in it, names too; what is nested too deep
    is cut off (None)."""
    if isinstance(value, str):
        return text(value)
    if depth > _DEEP and isinstance(value, list | dict):
        return None
    if isinstance(value, list):
        return [clean_json(item, text, depth + 1) for item in value]
    if isinstance(value, dict):
        return {text(name): clean_json(item, text, depth + 1) for name, item in value.items()}
    return value
