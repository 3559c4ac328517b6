"""The final answer of a text, in a form that can be compared by equality."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fusion_eval.answers.choices import choice
from fusion_eval.answers.marks import ASKED, SAID, Mark, last_line, marks
from fusion_eval.answers.numbers import number
from fusion_eval.answers.thoughts import split_thoughts
from fusion_eval.answers.typography import straight, without_tokens
from fusion_eval.answers.words import words
from fusion_eval.core.task import AnswerFormat

Read = Callable[[str], str | None]
_READERS: dict[str, Read] = {"numeric": number, "choice": choice, "exact": words}
_SHORT = 60
"""Characters of a text that may be nothing but the answer."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Two readings of one answer: `strict`, as asked, and `flexible`, the answer without its form.

    Where the strict one is not None, the flexible one is the same.
    """

    strict: str | None
    flexible: str | None


def final_answer(text: str, answer_format: AnswerFormat) -> str | None:
    """The answer that a text marks as its final one, in a comparable form, or None.

    numeric: a fraction in lowest terms, `3/4` or `42`; choice: a capital letter; exact: words in
    lower case. A line that begins with `Answer:` comes first, then `\\boxed{…}` and other marks,
    then a sentence `the answer is …`, then a text that is nothing but the answer. Thoughts, code
    and quotations are left out. A free text has no such form.
    """
    return readings(text, answer_format).strict


def readings(text: str, answer_format: AnswerFormat) -> Readings:
    """The strict and the flexible reading of a text; both None for a free text."""
    reader = _READERS.get(answer_format)
    if reader is None:
        return Readings(None, None)
    plain = straight(without_tokens(split_thoughts(text)[0]))
    strict = _strict(plain, reader)
    return Readings(strict, strict if strict is not None else _flexible(plain, answer_format))


def read(line: str, answer_format: AnswerFormat) -> str | None:
    """A line that holds only the answer, in the form of `final_answer`."""
    reader = _READERS.get(answer_format)
    return reader(without_tokens(line)) if reader else None


def _strict(text: str, reader: Read) -> str | None:
    found = marks(text)
    if not found:
        whole = text.strip()
        return reader(whole) if 0 < len(whole) <= _SHORT and "\n" not in whole else None
    best = found[0]
    if best.rank == SAID:
        said = (_read(mark, reader) for mark in found)
        return next((value for value in said if value is not None), None)
    value = _read(best, reader)
    return _inside(best, reader) if value is None and best.rank == ASKED else value


def _read(mark: Mark, reader: Read) -> str | None:
    boxed = [inner for inner in marks(mark.rest) if inner.rank == 2 and "\\" in mark.rest]
    return reader(boxed[0].rest if boxed else mark.rest)


def _inside(mark: Mark, reader: Read) -> str | None:
    """`Answer: it is not B, the answer is D`: what the line itself says in the end."""
    inner: Sequence[Mark] = marks(mark.rest)
    return reader(inner[0].rest) if inner and inner[0].rank == SAID else None


_A_LINE = re.compile(r"[\s*_#>-]{0,12}A(?:ns)?[*_]{0,2}[.:=][*_]{0,2}\s{0,8}(?=\S)")
_LIST_MARK = re.compile(r"^\s{0,8}(?:\(?\d{1,2}[.)]|[-*+•])\s{1,4}")
_RESULT = re.compile(
    r"(?i)\b(?:result|solution|conclusion|total|it|choice|option|which)\s+(?:is|are|was|must be|"
    r"would be)\b\s*:?\s*"
)
_SPLIT = re.compile(r"(?<=[.!?;])\s+")
_OPTION = re.compile(
    r"\(([A-Za-z])\)|\*\*\(?([A-Z])\)?\*\*|\b(?:option|choice|answer|is|be)\s+\(?([A-Z])\)?(?![\w'])"
)


def _flexible(text: str, answer_format: AnswerFormat) -> str | None:
    """The answer of the last line, where that line says one and only one; no line further up."""
    line = last_line(text)[: 4 * 500]
    if not line.strip():
        return None
    if mark := _A_LINE.match(line):
        value = read(line[mark.end() :], answer_format)
        if value is not None or answer_format == "exact":
            return value
    if answer_format == "numeric":
        return _number_said(_LIST_MARK.sub("", line, count=1))
    if answer_format == "choice":
        letters = {"".join(m.groups("")).upper() for m in _OPTION.finditer(line)}
        return (letters.pop() if len(letters) == 1 else None) or (
            choice(line) if len(line) < 100 else None
        )
    said = list(_RESULT.finditer(line))
    short = line[said[-1].end() :] if said else line
    return words(short) if len(short.strip()) <= _SHORT else None


def _number_said(line: str) -> str | None:
    """The number of the last sentence that has one."""
    for sentence in reversed(_SPLIT.split(line.strip())):
        if any(sign.isdigit() for sign in sentence):
            value = number(sentence)
            return value if value is not None else number(sentence.rpartition("=")[2])
    return None
