"""A short answer in words, in the form in which two spellings of it are equal."""

from __future__ import annotations

import re

from fusion_eval.answers.latex import unwrapped
from fusion_eval.answers.typography import straight

_PAIRS = {'"': '"', "'": "'", "`": "`", "<": ">", "**": "**", "*": "*", "$": "$"}
_TAGGED = re.compile(r"<(answer|final_answer|b|i|em|strong|code)>(.*)</\1>", re.IGNORECASE)
_ROUNDS = 40


def words(line: str) -> str | None:
    """A short text without case, typography, surrounding marks and final punctuation."""
    plain = " ".join(straight(unwrapped(line)).casefold().split())
    for _ in range(_ROUNDS):
        shorter = _stripped(plain)
        if shorter == plain:
            break
        plain = shorter
    plain = straight(plain)
    return plain or None


def _stripped(plain: str) -> str:
    """Without one layer of what may stand around an answer."""
    plain = plain.strip().rstrip(".,;!?:").rstrip().strip()
    if tagged := _TAGGED.fullmatch(plain):
        return tagged[2]
    plain = plain.removeprefix("**").removesuffix("**").strip("\"'`")
    for first, last in _PAIRS.items():
        if len(plain) > 1 and plain.startswith(first) and plain.endswith(last):
            return plain[len(first) : -len(last)]
    if len(plain) > 2 and plain[0] == plain[-1] == "_" and "_" not in plain[1:-1]:
        return plain[1:-1]
    return plain
