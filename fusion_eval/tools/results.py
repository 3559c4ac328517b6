"""What a tool gives back, as a text of bounded size that nothing obeys.

A result comes from outside: it may be a page of HTML, a megabyte of noise, control characters, or
sentences that ask a model to forget its task. The text is cut, its tags and invisible characters
are taken out, and it goes into a message of the role `tool`, never into an instruction.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import nh3

from fusion_eval.core import clean

_PAGE = re.compile(r"\s*(?:<!doctype html|<html|<head|<body|<\?xml)", re.IGNORECASE)
_BLANK = re.compile(r"\n\s*\n\s*\n+")
_READ = 20
"""How many times its limit of characters is looked at: tags take more room than text."""


class ToolFailedError(Exception):
    """A tool that brought no result; `word` is one of `WORDS`."""

    def __init__(self, word: str, detail: str) -> None:
        self.word = word
        self.detail = detail
        super().__init__(f"{word}: {detail}")


WORDS = {
    "tool_timeout": "no result within its `timeout_s`",
    "tool_error": "it raised, or its server said that the call failed",
    "tool_gone": "its server does not run, or has no tool of this name any more",
    "bad_arguments": "what the model passed does not fit the tool's schema",
}
"""Failures of a tool; each is a result that the model reads, and the trial goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a function may return in the place of a text: with what this call really cost (US$)."""

    text: str
    usd: float | None = None


def text_of(value: Any) -> str:
    """The text of whatever a function returned: JSON for lists and mappings."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def readable(text: str, most: int) -> str:
    """The text without tags of a page, without invisible characters, and of `most` characters."""
    text = clean(text[: _READ * most])
    if _PAGE.match(text):
        text = html.unescape(nh3.clean(text, tags=set()))
    text = _BLANK.sub("\n\n", "".join(filter(_visible, text))).strip()
    if len(text) <= most:
        return text
    return f"{text[:most]}\n[cut after {most:,} characters]"


def _visible(letter: str) -> bool:
    return letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cf", "Co", "Cn")
