"""Fenced blocks of Markdown, as models write them: any mark, indented, never closed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MARK = re.compile(
    r"(?m)^(?P<indent>[ \t>]{0,12}(?:(?:[-*+]|\d{1,2}[.)])[ \t]{1,4})?)(?P<mark>`{3,}|~{3,})"
)
_INFO = re.compile(r"[^\n`]{0,200}")


@dataclass(frozen=True, slots=True)
class Fence:
    """A block: where it stands, its indentation, the words behind its mark, and its content."""

    start: int
    end: int
    indent: str
    info: str
    body: str
    closed: bool


def fences(text: str) -> Iterator[Fence]:
    """The fenced blocks of a text, in order; the last one may not be closed. Linear in the text."""
    opening: re.Match[str] | None = None
    info = ""
    for line in _MARK.finditer(text):
        rest = _INFO.match(text, line.end())
        words = rest.group().strip() if rest else ""
        ends = text[rest.end() : rest.end() + 1] if rest else ""
        if opening is None:
            if ends in ("\n", "") or words == "":
                opening, info = line, words
        elif _closes(line, opening) and not words and ends in ("\n", ""):
            end = line.end()
            yield _fence(text, opening, info, line.start(), end, closed=True)
            opening = None
    if opening is not None:
        yield _fence(text, opening, info, len(text), len(text), closed=False)


def _closes(line: re.Match[str], opening: re.Match[str]) -> bool:
    """Whether a mark ends a block: as long as the first, and not indented like its content."""
    deeper = len(line["indent"]) - len(opening["indent"])
    return line["mark"].startswith(opening["mark"]) and deeper <= 3


def _fence(
    text: str, opening: re.Match[str], info: str, stop: int, end: int, *, closed: bool
) -> Fence:
    newline = text.find("\n", opening.end(), stop)
    body = text[newline + 1 : stop] if newline >= 0 else ""
    return Fence(opening.start(), end, opening["indent"], info, body, closed)
