"""Text as it comes in from outside, without what no file, hash or prompt can hold."""

from __future__ import annotations

from typing import Any

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
