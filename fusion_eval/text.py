"""Answers out of model text. Each reader returns None where it would have to guess."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import Any

import json_repair

from fusion_eval.core.task import AnswerFormat

_MARK = re.compile(r"(?i)\b(?:final\s+)?answer\b[*_`\s]*(?:is\b|[:=])[*_`\s]*(?P<rest>[^\n]*)")
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
_NUMBER = re.compile(r"[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?(?:\s*/\s*\d+)?")
_LETTER = re.compile(
    r"\W*(?i:option\s+|choice\s+)?\(?([A-Za-z])(?!\)?\s*(?:,|or|and|&)\s*\(?[A-Z]\b)"
    r"(?:[).:,*}]|\s*$|\s+(?P<word>\w)?)"
)
_THINK = re.compile(r"(?s)<think>.*?(?:</think>|\Z)")  # thinking that was cut off says nothing
_OBJECT = re.compile(r"\{\s*[\"']")
_MAX_JSON, _MAX_REPAIR = 400_000, 100_000  # characters; repairing takes quadratic time


def final_answer(text: str, answer_format: AnswerFormat) -> str | None:
    """The answer in a form that can be compared by equality, or None.

    numeric: a fraction in lowest terms, `3/4` or `42`; choice: a capital letter; exact: words in
    lower case. What counts is the last `Answer:` line (or `\\boxed{…}`), else a text that is
    nothing but the answer. A free text has no such form.
    """
    if answer_format == "text":
        return None
    line = _last_line(_THINK.sub("", text))
    if line is None:
        return None
    return read(line, answer_format)


def read(line: str, answer_format: AnswerFormat) -> str | None:
    """A line that holds only the answer, in the form of `final_answer`."""
    readers = {"numeric": number, "choice": choice, "exact": words}
    return readers[answer_format](line) if answer_format in readers else None


def number(line: str) -> str | None:
    """The only number of a line, as a fraction in lowest terms; None if there are more, or none."""
    found = [m for m in (m.group().strip() for m in _NUMBER.finditer(line)) if _has_digit(m)]
    if len(found) != 1:
        return None
    plain = found[0].replace(",", "").replace("−", "-").replace(" ", "")
    top, _, bottom = plain.partition("/")
    try:
        return str(Fraction(_bounded(top)) / Fraction(_bounded(bottom or "1")))
    except (ValueError, ZeroDivisionError):
        return None


def choice(line: str) -> str | None:
    """The letter that a line starts with: `B`, `(b)`, `B) because`, `B because`.

    A word of one letter is none (`a dog`, `I think so`), nor are two letters one (`B or C`).
    """
    match = _LETTER.match(line)
    if match is None or (match["word"] and (match[1].islower() or match[1] in "AI")):
        return None
    return match[1].upper()


def words(line: str) -> str | None:
    """A short text without case, surrounding quotes, final full stop and doubled spaces."""
    plain = " ".join(line.split()).strip(" \"'`*_").rstrip(".").strip(" \"'`*_").casefold()
    return plain or None


def json_object(text: str, *, truncated: bool = False) -> dict[str, Any] | None:
    """The JSON object that a reply consists of or contains (in a fence or not), or None.

    A reply that was not cut off may be repaired (trailing commas, single quotes); one that was
    cut off may not, because the repair would invent its end. Of several objects none is chosen:
    one of them may be a quotation. Nor of two values under one name.
    """
    plain = _THINK.sub("", text).strip()
    if not plain or len(plain) > _MAX_JSON:
        return None
    body = _fenced(plain) or plain
    try:
        value = _decoder.decode(body)
    except _Doubled:
        return None
    except (ValueError, RecursionError):
        value = None if truncated else _embedded(body)
    return value if isinstance(value, dict) else None


class _Doubled(ValueError):
    """A name stands twice in an object, with different values: none of them counts."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise _Doubled(name)
        found[name] = value
    return found


_decoder = json.JSONDecoder(object_pairs_hook=_once)


def _fenced(plain: str) -> str | None:
    """What stands in the only fence, if it looks like JSON and nothing outside of it does."""
    before, *fences = plain.split("```")
    if len(fences) != 2 or _OBJECT.search(before) or _OBJECT.search(fences[1]):
        return None
    body = fences[0].removeprefix("json").strip()
    return body if body.startswith(("{", "[")) else None


def _embedded(body: str) -> object:
    """The only object in a text, as it stands or else repaired."""
    start = body.find("{")
    if start < 0 or body.startswith("["):
        return None
    try:
        value, end = _decoder.raw_decode(body, start)
    except _Doubled:
        return None
    except (ValueError, RecursionError):
        return _repaired(body[start:])
    return None if _OBJECT.search(body, end) else value


def _repaired(body: str) -> object:
    """The object after a repair that leaves nothing to choose; `strict` refuses the rest."""
    if len(body) > _MAX_REPAIR:
        return None
    try:
        return json_repair.loads(body, strict=True)
    except (ValueError, RecursionError):
        return None


def _last_line(text: str) -> str | None:
    marks = list[tuple[int, str]]()
    if "answer" in text.casefold():  # finding that out by the pattern takes much longer
        marks += [(m.start(), m.group("rest")) for m in _MARK.finditer(text)]
    marks += [(m.start(), m.group(1)) for m in _BOXED.finditer(text)]
    marks = [(at, rest) for at, rest in marks if rest.strip(" *_`")]
    if marks:
        rest = max(marks)[1]
        boxed = _BOXED.search(rest)
        return boxed.group(1) if boxed else rest
    if len(text.strip()) > 60:
        return None
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0] if len(lines) == 1 and len(lines[0]) <= 60 else None


def _has_digit(text: str) -> bool:
    return any(c.isdigit() for c in text)


def _bounded(plain: str) -> str:
    """Refuse exponents that would fill the memory."""
    exponent = re.search(r"[eE]([-+]?\d+)$", plain)
    if exponent and abs(int(exponent.group(1))) > 300:
        raise ValueError(plain)
    return plain
