"""Where a text says what its final answer is."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fusion_eval.answers.fences import fences
from fusion_eval.answers.latex import boxes

_LONGEST = 2000
"""Characters of a line that are looked at behind a mark."""
_MOST = 20
"""Marks of a kind that are looked at, from the end."""
_WORD = (
    r"(?:answer|最终答案|答案|回答|答え|réponse(?: finale)?|antwort|respuesta(?: final)?|risposta"
    r"|resposta|ответ)"
)
_BEFORE = r"(?:(?:my|the|so|thus|hence|therefore|correct|final)[ ,]{1,3}){0,4}"
_DECORATED = (
    r"[ \t]{0,20}(?:>[ \t]{0,4}){0,8}[ \t#*_\-+•]{0,12}(?:\(?\d{1,2}[.)][ \t]{1,3})?[ \t#*_]{0,8}"
)
_SIGN = r"[*_`)\]\"']{0,4}[ \t]{0,8}(?:is[ \t]{0,8})?[:=][ \t]{0,8}(?:\*{2,3}|[*_]{1,3}(?=\s))?"
_LINE = re.compile(rf"(?im)^{_DECORATED}{_BEFORE}{_WORD}(?:{_SIGN}|[*_:\s]{{0,6}}$)")
_INLINE = re.compile(rf"(?i)(?<!\w){_WORD}{_SIGN}")
_SENTENCE = re.compile(
    rf"(?i)(?<!\w){_WORD}(?:[ \t]+(?:of|to|for|in)\b[^.\n:=]{{1,60}}?)?[*_]{{0,3}}[ \t]{{1,8}}"
    r"(?:is|are|was|would be|will be|should be|must be)\b[ \t]{0,8}(?:[:=][ \t]{0,8})?"
)
_OTHERS = re.compile(
    r"(?i)\b(?:this|that|your|any|each|which|whose|no|another|an|if the)\s+(?:\w+\s+)?$"
)
_NO_ANSWER = re.compile(
    r"(?i)[\s*_]*(?:(?:in)?correct|right|wrong|based|clear|rounded|not|given|as follows|below|above"
    r"|approximat\w*|exact|obvious|final|simple|found|obtained|that|therefore)\b"
)
_HASHES = re.compile(r"(?m)^[ \t]{0,8}####[ \t]{1,8}(?=\S)")
_TAG = re.compile(r"(?i)<(?:final_)?answer>([^<]{0,2000})</(?:final_)?answer>")
_MASK = re.compile(r"(?m)^[ \t]{0,8}>[^\n]*$|\"[^\"\n]{1,400}\"|`[^`\n]{1,400}`")

ASKED, MARKED, SAID = 1, 2, 3
"""A line that begins with the mark that was asked for; another mark; a sentence."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands behind a mark, where, and how far the mark can be trusted (1 most)."""

    rank: int
    at: int
    rest: str


def marks(text: str) -> list[Mark]:
    """All marks outside of code and quotations, the most trusted first, of equals the last.

    Where the whole text is one fence or one quotation, those inside.
    """
    found = sorted(_marks(text), key=lambda mark: (mark.rank, -mark.at))
    masked = _Masked(text)
    outside = [mark for mark in found if not masked.covers(mark.at)]
    return outside if outside or not masked.everything else found


def last_line(text: str) -> str:
    """The last line outside of code and quotations that is not empty."""
    masked = _Masked(text)
    at = len(text)
    for line in reversed(text.splitlines(keepends=True)):
        at -= len(line)
        if line.strip() and not masked.covers(at):
            return line
    return ""


def _marks(text: str) -> Iterator[Mark]:
    for at, content in boxes(text, _MOST):
        yield Mark(MARKED, at, content)
    for tag in _last(_TAG, text):
        yield Mark(ASKED, tag.start(), tag[1])
    end = len(text.rstrip())
    for hashes in _last(_HASHES, text):
        if (rest := _rest(text, hashes.end())) and text.find("\n", hashes.end(), end) < 0:
            yield Mark(ASKED, hashes.start(), rest)
    for line in _last(_LINE, text):
        if rest := _rest(text, line.end()):
            yield Mark(ASKED, line.end() - 1, rest)
    for inline in _last(_INLINE, text):
        if rest := _rest(text, inline.end()):
            yield Mark(MARKED, inline.start(), rest)
    for sentence in _last(_SENTENCE, text):
        before = text[max(0, sentence.start() - 40) : sentence.start()]
        rest = _rest(text, sentence.end())
        if rest and not _OTHERS.search(before) and not _NO_ANSWER.match(rest):
            yield Mark(SAID, sentence.start(), rest)


def _last(pattern: re.Pattern[str], text: str) -> Iterable[re.Match[str]]:
    """The last matches; a text that repeats itself endlessly has no more to say than they do."""
    return deque(pattern.finditer(text), maxlen=_MOST)


_NEXT = re.compile(r"\s{0,200}(?:(?:```|~~~|\$\$|\\\[)[^\n]{0,20}\n\s{0,40})?")


def _rest(text: str, at: int) -> str:
    """What stands behind a mark on its line; where that is nothing, the next line."""
    rest = _line(text, at)
    if rest.strip(" \t\r*_`"):
        return rest
    following = _NEXT.match(text, at + len(rest))
    return _line(text, following.end()) if following else ""


def _line(text: str, at: int) -> str:
    end = text.find("\n", at, at + _LONGEST)
    return text[at : end if end >= 0 else at + _LONGEST]


class _Masked:
    """The parts of a text that are code or quotation."""

    def __init__(self, text: str) -> None:
        blocks = [(fence.start, fence.end) for fence in fences(text) if fence.closed]
        lines = [(part.start(), part.end()) for part in _MASK.finditer(text)]
        self.starts: list[int] = []
        self.ends: list[int] = []
        for start, end in sorted([*blocks, *lines]):
            if not self.ends or start >= self.ends[-1]:
                self.starts.append(start)
                self.ends.append(end)
        spans = zip([0, *self.ends], [*self.starts, len(text)], strict=True)
        self.everything = not any(text[a:b].strip() for a, b in spans)

    def covers(self, at: int) -> bool:
        i = bisect_right(self.starts, at) - 1
        return i >= 0 and at < self.ends[i]
