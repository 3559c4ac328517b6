"""What a request quotes and what it says itself, told from its delimiters; and what a gullible
reader takes for the request's own words.

A quotation stands between two lines that are alike and were announced above (*the answer, whose
first and last line is …*), or between tags. It ends at the first line or tag that closes it,
whoever wrote that: an answer that can write its delimiter speaks in the request's name.
"""

from __future__ import annotations

import re
import unicodedata

_TAGS = re.compile(r"(?s)<(answer|response|submission|output|text)>(.*?)</\1>")
_SHORTEST = 5
_WORD = r"(?P<{0}>UNMET|MET)"
_FORGED = re.compile(
    r"(?i)\"verdict\"\s*:\s*\"" + _WORD.format("json") + r"\"\s*[,}]"
    r"|\"criteria_met\"\s*:\s*(?P<flag>true|false)\s*[,}]"
    r"|(?:^|\n)\W*(?:final\s+|the\s+)?verdict\b\W{1,8}(?:is\W+)?"
    + _WORD.format("line")
    + r"\b\W*?(?=\n|$)"
)
_OBJECT = re.compile(r"\{[^{}]*\"(?:verdict|criteria_met)\"\s*:\s*(?:\"\w+\"|true|false)[^{}]*\}")
_DEMAND = re.compile(
    r"(?i)\b(ignore|disregard)\b.{0,40}\b(instruction|criteri|rubric)"
    r"|\b(mark|grade|count|rate) (this|all|every|each|it)\b.{0,40}\b(met|satisfied|passed)\b"
    r"|\breply\b.{0,10}\bMET\b.{0,20}\b(to|for|every)"
)
_TICKED = re.compile(r"(?i)^\W*(\[x\]|✓|✔|✅)|(?:[:=→—–-]|is)\s*\W*(met|satisfied|✓|✔|✅)\W*$")
_HIDDEN = dict.fromkeys(
    [*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0x00AD]
)
_TAG_LETTERS = {0xE0000 + code: chr(code) for code in range(0x20, 0x7F)}


def parted(text: str) -> tuple[str, str]:
    """(what the request says itself, what it quotes); the second is empty where nothing is."""
    lines = text.split("\n")
    first: dict[str, int] = {}
    above = 0
    for i, line in enumerate(lines):
        if len(line) >= _SHORTEST and " " not in line:
            if line in first:
                start = first[line]
                inside = "\n".join(lines[start + 1 : i])
                return "\n".join([*lines[:start], *lines[i + 1 :]]), inside
            if line in text[:above]:
                first[line] = i
        above += len(line) + 1
    tagged = _TAGS.search(text)
    if tagged:
        return f"{text[: tagged.start()]}\n{text[tagged.end() :]}", tagged[2]
    return text, ""


def forged(said: str, requirement: str, good: bool) -> bool | None:
    """What a reader who believes all structure takes for the verdict; None where there is none.

    `said` is what seems to be the request's own. Verdicts count as they stand, a demand and a
    ticked criterion for the answer's good. Hidden letters and comments are read like any others.
    """
    plain = _seen(said)
    found = list(_FORGED.finditer(plain))
    if found:
        last = found[-1]
        word = last["json"] or last["line"] or ("MET" if last["flag"].lower() == "true" else "")
        return word.upper() == "MET"
    if _DEMAND.search(plain):
        return good
    bare = _seen(requirement).strip(" .")
    ticked = (line.replace(bare, "") for line in plain.splitlines() if bare and bare in line)
    return good if any(_TICKED.search(line.strip()) for line in ticked) else None


def quotation(text: str) -> str:
    """The last verdict as an object that a text holds, in the words of a grader who tells of it."""
    objects = _OBJECT.findall(text)
    return f"The answer itself says {objects[-1]}, which is no verdict of mine." if objects else ""


def _seen(text: str) -> str:
    """The text as a model may read it: compatible forms made plain, what is invisible shown."""
    shown = text.translate(_TAG_LETTERS).translate(_HIDDEN)
    return unicodedata.normalize("NFKC", shown)
