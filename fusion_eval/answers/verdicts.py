"""What a grader, judge or scorer states: a word, a number or fields.

In spellings that leave nothing to guess, and only where the reply states it as its own last word.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fusion_eval.answers.objects import Stated, stated, without_fences, without_quotations
from fusion_eval.answers.thoughts import split_thoughts
from fusion_eval.answers.typography import straight, without_tokens

Word = Literal["MET", "PARTLY", "UNMET"]

_WORDS: dict[str, Word] = {
    **dict.fromkeys(["MET", "TRUE", "YES", "1", "FULLY MET"], "MET"),
    **dict.fromkeys(["UNMET", "NOT MET", "UN MET", "FALSE", "NO", "0"], "UNMET"),
    **dict.fromkeys(["PARTLY", "PARTIALLY", "PARTIAL", "PARTLY MET", "PARTIALLY MET"], "PARTLY"),
}
_WORD = r"(?P<word>NOT[ _-]?MET|UN[ _-]?MET|MET|PARTLY|PARTIALLY)\b"
_OPEN = r"[\s*_`\"'#>:=.-]*"
_LINE = re.compile(
    rf"(?i){_OPEN}(?:(?:so|thus|therefore|hence|overall|in conclusion|my|the|final)\b{_OPEN})*"
    rf"(?:(?:verdict|criterion|requirement|it|answer|this)\b{_OPEN})?(?:is\b{_OPEN})?"
    rf"{_WORD}(?:\s+MET)?[\s*_`\"'.!}}\],]*"
)
_MARKS = r"[\s*_`\"':]{0,6}"
_STATES = re.compile(
    rf"(?i)\bverdict\b{_MARKS}(?:is|was|should be|must be|remains|[:=]){_MARKS}{_WORD}"
    rf"|\b(?:criterion|requirement|it|this) (?:is|was|has been)\s+(?:\w+\s+)?"
    r"(?P<word2>not (?:been )?met|unmet|met)\b"
)
_CAPITALS = re.compile(r"\b(?P<word>NOT[ _-]MET|UNMET|MET|PARTLY)\b(?P<word2>)")
_SUPPOSES = re.compile(
    r"(?i)\b(?:if|unless|would|could|might|had|whether|either|to be|when|only|or)\b"
)
_SENTENCES = re.compile(r"(?<=[.!?;])\s+|\n")
_RATIO = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:/|out of)\s*(\d+)\s*", re.IGNORECASE)


def word_of(value: Any) -> Word | None:
    """A value as a verdict: `Met.`, `**MET**`, `not met`, true, 1, ["MET"], `MET (fully)`."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool | int | float):
        return _WORDS.get(f"{float(value):g}")
    if not isinstance(value, str) or len(value) > 200:
        return None
    plain = re.sub(
        r"\((?:fully|completely|entirely|clearly|yes)\)", "", straight(value), flags=re.I
    )
    plain = re.sub(r"[\s_-]+", " ", plain.strip(" \t\r\n*_`\"'.!:()[]{}")).upper()
    return _WORDS.get(plain)


def grade_of(value: Any, low: float, high: float) -> float | None:
    """A value as a grade on a scale: 7, 7.0, "7", "7/10" where 10 is the highest."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        value = _number(value, high)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if low <= value <= high else None


def whole_of(value: Any, low: int, high: int) -> int | None:
    """A value as a whole number of a range; 7.5 is none."""
    grade = grade_of(value, low, high)
    return int(grade) if grade is not None and grade.is_integer() else None


def _number(text: str, high: float) -> float | None:
    plain = straight(text).strip(" \t\r\n*_`\"'.()[]#")
    if ratio := _RATIO.fullmatch(plain):
        return float(ratio[1]) if float(ratio[2]) == high else None
    return float(plain) if re.fullmatch(r"\d{1,6}(?:\.\d{1,6})?", plain) else None


def lowered(value: Any) -> dict[str, Any]:
    """The fields of an object under lower-case names; empty where it is none.

    A list of one object is that object; one of the same name in two spellings is left out.
    """
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, Mapping):
        return {}
    fields: dict[str, Any] = {}
    for name, said in value.items():
        plain = str(name).strip().lower()
        fields[plain] = None if plain in fields and fields[plain] != said else said
    return fields


def fields(text: str, *, truncated: bool = False, names: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of the object that a reply states, by lower-case names; empty where there is none.

    An object around it (`{"result": {…}}`) is taken off where none of `names` stands in it.
    """
    found = stated(text, truncated=truncated)
    return unwrapped(found.value if found else None, names)


def unwrapped(value: Any, names: Sequence[str]) -> dict[str, Any]:
    """The fields of an object, without an object around it that has none of `names`."""
    own = lowered(value)
    if len(own) == 1 and names and not own.keys() & set(names):
        inner = lowered(next(iter(own.values())))
        return inner if inner.keys() & set(names) else own
    return own


@dataclass(frozen=True, slots=True)
class Line:
    """A verdict that a last line states, and what stands above it."""

    word: Word
    above: str


def verdict_line(text: str) -> Line | None:
    """The verdict of a reply whose last line is `Verdict: MET`, or MET, and no more.

    None where something above it, outside of code and quotations, states another verdict.
    """
    plain = without_tokens(split_thoughts(text)[0]).strip()
    above, _, last = plain.rpartition("\n")
    found = _LINE.fullmatch(straight(last)) if len(last) < 200 else None
    word = word_of(found["word"]) if found else None
    if word is None or contradicted(word, above):
        return None
    if any(
        word_of(fields.get("verdict")) not in (None, word)
        for fields in _objects(without_fences(above))
    ):
        return None
    return Line(word, above.strip())


def _objects(text: str) -> list[dict[str, Any]]:
    """Small objects that stand in a text, as somebody may have quoted them."""
    found = []
    for match in re.finditer(r"\{[^{}]{1,2000}\}", text):
        try:
            found.append(lowered(json.loads(match.group(), strict=False)))
        except ValueError:
            continue
    return found


def contradicted(word: Word, before: str, after: str = "") -> bool:
    """Whether prose around a verdict states another one; what it only supposes does not."""
    said = [*_said(_STATES, before), *_said(_STATES, after), *_said(_CAPITALS, after)]
    return any(other not in (None, word) for other in said)


def _said(pattern: re.Pattern[str], prose: str) -> list[Word | None]:
    plain = without_quotations(straight(prose))
    sentences = (one for one in _SENTENCES.split(plain) if not _SUPPOSES.search(one))
    matches = (match for sentence in sentences for match in pattern.finditer(sentence))
    return [word_of((m["word"] or m["word2"] or "").replace("been ", "")) for m in matches]


_NAMED = (
    r"(?:best|better|choice|answer|candidate|option|response|preference|winner|number|score|grade"
    r"|rating|my|the|final|is|overall)\b"
)
_BARE = re.compile(
    rf"(?i)[\s*_`\"'#\[(]*(?:{_NAMED}[\s*_`\"':=]*)*"
    r"(?:no\.\s*)?[\s*_`\"'#\[(]*(?P<number>\d{1,3}(?:\s?/\s?\d{1,3})?)[\s*_`\"'.\])]*"
)


def bare_number(text: str) -> str | None:
    """The number of a reply that is nothing else: `2`, `**2**`, `Best: 2`, `The best answer is 2.`

    Or of its last line, where that says what the number is and no line above says another.
    """
    plain = straight(without_tokens(split_thoughts(text)[0])).strip()
    above, _, last = plain.rpartition("\n")
    found = _BARE.fullmatch(last) if len(last) < 200 else None
    if found is None:
        return None
    if above.strip():
        named = re.search(r"[A-Za-z]", last[: found.start("number")])
        lines = (
            _BARE.fullmatch(line)
            for line in without_quotations(above).split("\n")
            if len(line) < 200
        )
        if not named or any(line and line["number"] != found["number"] for line in lines):
            return None
        if _objects(above):
            return None
    return found["number"]


def shown(value: Any) -> str:
    """A short rendering of what a reply says instead of what was asked."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


__all__ = [
    "Line",
    "Stated",
    "Word",
    "bare_number",
    "contradicted",
    "fields",
    "grade_of",
    "lowered",
    "shown",
    "stated",
    "unwrapped",
    "verdict_line",
    "whole_of",
    "word_of",
]
