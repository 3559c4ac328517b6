"""The letter of an option, where a line names one and only one."""

from __future__ import annotations

import re

from fusion_eval.answers.latex import unwrapped
from fusion_eval.answers.typography import straight

_LONGEST = 400
_LEAD = re.compile(
    r"(?i)[\s\"'*_`(\[{<#>-]*(?:(?:(?:my|the|correct|right|best|final|so|is|it|it's)\s+){0,5}"
    r"(?:answer|option|choice|letter|alternative)(?:\s+is|\s+would\s+be)?\s*[:=]?\s*)?"
)
_LETTER = re.compile(r"[\s\"'*_`(\[{<$]*(?P<letter>[A-Za-z])(?P<close>[)\]}>\"'*_`.:,;!$]*)")
_JOINED = re.compile(
    r"[\s(]*(?:[,;/&+|]|\b(?:and|or|vs|versus|plus|as well as)\b\.?)[\s(]*"
    r"(?:(?:and|or|also|maybe|perhaps|possibly|even|option|choice|answer)\s+)*"
    r"[\s\"'*_`(\[{<]*(?:[A-Z](?![A-Za-z'])|[a-z](?=[)\].,;:*]|\s*$))"
)
_SAYS_MORE = re.compile(r"\s+(?:is|was|because|since|as|due|would|must|seems|fits|[-:(=])")


def choice(line: str) -> str | None:
    """The letter that a line names: `B`, `(b)`, `B) because`, `option B`, `The answer is B`.

    None for two (`B or C`, `A + C`), for a word of one letter (`a dog`, `I think so`) and for a
    letter that is part of something (`e.g.`, `T-cells`, `N/A`, `C++`).
    """
    plain = unwrapped(straight(" ".join(line[: 4 * _LONGEST].split())))[:_LONGEST]
    lead = _LEAD.match(plain)
    start = lead.end() if lead else 0
    match = _LETTER.match(plain, start) or _LETTER.match(plain)
    if match is None:
        return None
    letter, close, rest = match["letter"], match["close"], plain[match.end() :]
    end = {sign for sign in close if sign in ").:]}>*,;!"}
    if not close and rest[:1] and not rest[0].isspace():
        return None  # a word, or `C++`, `T-cells`, `N/A`
    if close and rest[:1].isalnum() and not end & set(")]}*>:"):
        return None  # `e.g.`, `I'm`
    if _JOINED.match(f"{close.lstrip(chr(39) + chr(34) + '*_`)]}>$.:')}{rest}"):
        return None
    if ":" in close and re.search(r"[A-Z]\s*[:=]", rest):
        return None  # `A: 3, B: 4`
    if rest.strip(" .*_`\"'$)]}") and not _certain(letter, end, rest):
        return None
    return letter.upper()


def _certain(letter: str, end: set[str], rest: str) -> bool:
    """Whether a letter with words behind it is an option, and no word (`a`, `I`, `s. above`)."""
    if end & set(")]}*>"):
        return True
    if letter == "I":
        return bool(end & {".", ":"} and re.match(r"\s+[A-Z]\w", rest)) or bool(
            not end and re.match(r"\s+(?:is|because|since|[-:(])", rest)
        )
    if letter.islower():
        return bool(end & {".", ":"} and re.match(r"\s+[A-Z]", rest))
    if letter == "A" and not end:
        return bool(_SAYS_MORE.match(rest))
    return True
