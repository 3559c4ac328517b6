"""The JSON value that a reply states, told from one that it quotes.

A value counts where it is the whole reply or stands at its end, with nothing behind it but
pleasantries. What stands in a sentence, behind `the answer says:`, or before a change of mind is a
quotation or no last word. Fenced values are quotations where another stands outside of the fences.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import json_repair

from fusion_eval.answers.fences import fences
from fusion_eval.answers.thoughts import split_thoughts
from fusion_eval.answers.typography import without_tokens
from fusion_eval.core.clean import clean_json

_MAX_JSON, _MAX_REPAIR = 400_000, 20_000  # characters; repairing takes quadratic time
_MAX_BROKEN = 40
_START = re.compile(r"(?:\[\s{0,20})?\{\s{0,200}(?:[\"'“„]|\w{1,40}\s{0,20}:|\})")
_OPENS = re.compile(r"(?:`{3,}|~{3,})\w{0,20}\Z")
_TAGS = re.compile(r"(?is)\A<(json|output|result|verdict|answer)>(.*)</\1>\Z")
_QUOTED_LINE = re.compile(r"(?m)^[ \t]{0,8}>[^\n]*$|`[^`\n]{1,2000}`")
_PROSE_LINE = re.compile(r"(?m)^[^\W\d_][^\n]*$")
_IN_MARKS = re.compile(r"\"[^\"\n]{1,400}\"")
_LABEL = re.compile(
    r"(?i)\W*(?:(?:so|thus|therefore|hence|and|overall|finally|okay|ok|sure|certainly|in conclusion"
    r")\b\W*){0,4}(?:i\s+(?:therefore\s+)?(?:say|conclude|answer|reply|judge|decide)"
    r"|(?:here(?:'s| is| are| you are| you go| it is)?|this is|below is)\b[^\"{}<>]{0,60}"
    r"|(?:(?:my|the|a|an|final|overall|own|json|best|full|complete|resulting)\s+){0,4}(?:verdicts?|"
    r"grad(?:e|es|ing)|judge?ments?|json|results?|decision|conclusion|evaluation|assessment|scores?|"
    r"rating|choice|preference|ranking|review|analysis|object)(?:\s+(?:is|are|as|in|json|object))*"
    r"|(?:my|json|final)\s+(?:final\s+)?(?:answer|response|reply|output)(?:\s+is)?)\W*"
)
_ATTRIBUTED = re.compile(
    r"(?i)\b(?:says?|said|contain\w*|quot\w*|examples?|inject\w*|forged?|wants?|asks?|claims?|tells?"
    r"|told|demands?|instruct\w*|candidate\w*|the (?:answer|response|text|author|model))\b"
)
_ANNOUNCES_OTHER = re.compile(
    r"(?i)(?:\bfollow(?:s|ing)|\bbelow|\bthis|\bexample|\bformat|\bwith|\blike)\W*$"
)
_TAKES_BACK = re.compile(
    r"(?i)\b(?:wait|however|but|actually|on (?:second|further|reflection)|reconsider\w*|"
    r"correct(?:ion|ed)|instead|rather|mistake|sorry|cannot|can't|unable|not able|won't|refuse|"
    r"don't know|unclear|not (?:sure|certain|earned|deserved)|examples?|inject\w*|quot\w*|forged?|"
    r"in the answer|the (?:answer|response) (?:says|said|wants|contains|claims)|ignore|scratch that"
    r"|hmm|no,)(?!\w)"
)


@dataclass(frozen=True, slots=True)
class Stated:
    """A JSON value that a reply states, the prose around it, and whether it stands in a fence."""

    value: Any
    before: str = ""
    after: str = ""
    fenced: bool = False


class _Doubled(ValueError):
    """A name stands twice in an object, with different values: none of them counts."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made and made[name] != value:
            raise _Doubled(name)
        made[name] = value
    return made


_decoder = json.JSONDecoder(object_pairs_hook=_once, strict=False)


def json_object(text: str, *, truncated: bool = False) -> dict[str, Any] | None:
    """The JSON object that a reply states, or None; see `stated`. A list of one object is it."""
    found = stated(text, truncated=truncated)
    value = found.value if found else None
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else None


def stated(text: str, *, truncated: bool = False) -> Stated | None:
    """The JSON value that a reply is, or ends with, or None where it states none or several.

    Thoughts are no part of the reply. One that was not cut off may be repaired (trailing commas,
    single quotes, no last brace); one that was cut off may not, because the repair would invent its
    end. The same value twice is that value; of two values under one name none counts. Texts in the
    value hold no half characters and no NUL.
    """
    plain = without_tokens(split_thoughts(text)[0]).strip().lstrip("\ufeff")
    if not plain or len(plain) > _MAX_JSON:
        return None
    plain = _peeled(plain)
    try:
        found = _whole(plain) or _among(plain, truncated)
    except (_Doubled, RecursionError):
        return None
    return None if found is None else replace(found, value=clean_json(found.value))


def _peeled(plain: str) -> str:
    """A reply without the fence or the tags around all of it."""
    for _ in range(3):
        if tagged := _TAGS.match(plain):
            plain = tagged[2].strip()
        fence = next(fences(plain), None) if plain[:1] in "`~" else None
        if fence is not None and fence.end == len(plain):
            plain = fence.body.strip()
    return plain


def _whole(plain: str) -> Stated | None:
    """A reply that is one value, encoded twice or once."""
    value = _decoded(plain)
    if isinstance(value, str):
        inner = _decoded(value)
        value = inner if isinstance(inner, dict | list) else None
    return None if value is None or isinstance(value, bool) else Stated(value)


def _decoded(text: str) -> Any:
    try:
        return _decoder.decode(text)
    except _Doubled:
        raise
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Part:
    """A value inside of a text; `quoted` if it stands in a fence or a quotation."""

    start: int
    end: int
    value: Any
    quoted: bool


def _among(plain: str, truncated: bool) -> Stated | None:
    """A value among prose."""
    parts, broken = _parts(plain)
    if broken is not None:
        return None if truncated else _repaired(plain, broken, parts)
    own = [part for part in parts if not part.quoted] or parts[-1:]
    if not own or any(part.value != own[-1].value for part in own):
        return None
    first, last = own[0], own[-1]
    if any(part.start > last.start and part.value != last.value for part in parts):
        return None
    if last.quoted and any(part.value != last.value for part in parts):
        return None
    before, after = plain[: first.start], plain[last.end :]
    if not (_introduces(without_quotations(before)) and _closes(without_quotations(after))):
        return None
    return Stated(last.value, before, after, last.quoted)


def _parts(plain: str) -> tuple[list[_Part], tuple[int, int] | None]:
    """The outermost values of a text, and the part whose value cannot be decoded, if any."""
    quoted = [(f.start, f.end) for f in fences(plain) if f.closed]
    quoted += _quotations(plain)
    parts: list[_Part] = []
    broken: tuple[int, int] | None = None
    fenced: tuple[int, int] | None = None
    failures = at = 0
    while (start := _START.search(plain, at)) and failures < _MAX_BROKEN > len(parts):
        fence = next(((a, b) for a, b in quoted if a <= start.start() < b), None)
        try:
            value, end = _decoder.raw_decode(plain, start.start())
        except _Doubled:
            if fence is None:
                raise
            at = fence[1]
            continue
        except ValueError:
            failures, at = failures + 1, start.end()
            if fence is not None:
                fenced = fenced or (start.start(), fence[1])
            elif broken is None:
                broken = start.start(), len(plain)
            continue
        span = fence or (start.start(), end)
        if broken is None:
            parts.append(_Part(*span, value, fence is not None))
        at = (
            max(end, span[1])
            if fence and len(plain[end : fence[1]].strip("`~ \n\r\t")) == 0
            else end
        )
    if failures >= _MAX_BROKEN or len(parts) >= _MAX_BROKEN:
        return parts, (0, len(plain))
    return parts, fenced if broken is None and not parts else broken


def _repaired(plain: str, part: tuple[int, int], parts: list[_Part]) -> Stated | None:
    """The value of a part, after a repair that leaves nothing to choose."""
    start, end = part
    before, body = plain[:start], plain[start:end]
    if len(body) > _MAX_REPAIR or any(not p.quoted for p in parts):
        return None
    if not _introduces(without_quotations(before)):
        return None
    body, rest = _cut(body)
    after = rest + plain[end:]
    if not _closes(without_quotations(after)):
        return None
    if re.match(r"\[?\s*\{\s*[“„]", body):
        body = body.replace("“", '"').replace("”", '"').replace("„", '"')
    try:
        value = json_repair.loads(body, strict=True)
    except (ValueError, RecursionError):
        return None
    return Stated(value, before, after, end < len(plain)) if _says_all(value, body) else None


def _cut(body: str) -> tuple[str, str]:
    """The value up to its last brace, and what follows; all of it where no brace closes it."""
    end = max(body.rfind("}"), body.rfind("]")) + 1
    return (body[:end], body[end:]) if end else (body, "")


def _says_all(value: Any, body: str) -> bool:
    """Whether no name stands more often in the text than in what the repair made of it."""
    names = Counter(_names(value))
    for name, count in names.items():
        there = re.findall(rf"(?i)(?<!\w){re.escape(name)}[\"'“”]?\s{{0,20}}:", body)
        if len(there) > count:
            return False
    return bool(names) or isinstance(value, list)


def _names(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [n for k, v in value.items() for n in (k.lower(), *_names(v))]
    return [n for item in value for n in _names(item)] if isinstance(value, list) else []


def without_fences(prose: str) -> str:
    """Prose without the fenced blocks in it."""
    kept, at = [], 0
    for fence in (fence for fence in fences(prose) if fence.closed):
        kept.append(prose[at : fence.start])
        at = fence.end
    return "".join([*kept, prose[at:]])


def without_quotations(prose: str) -> str:
    """Prose without the code and the quotations in it."""
    text = without_fences(prose)
    kept, at = [], 0
    for start, end in sorted(_quotations(text)):
        kept.append(text[at:start])
        at = max(at, end)
    return "".join([*kept, text[at:]])


def _quotations(text: str) -> list[tuple[int, int]]:
    """Quoted lines, code within a line, and what stands in quotation marks in a line of prose."""
    spans = [(found.start(), found.end()) for found in _QUOTED_LINE.finditer(text)]
    for line in _PROSE_LINE.finditer(text):
        marks = _IN_MARKS.finditer(text, line.start(), line.end())
        spans += [(found.start(), found.end()) for found in marks]
    return spans


def _introduces(before: str) -> bool:
    """Whether what stands before a value lets it be the reply's own."""
    own_line = before.endswith("\n")
    before = _OPENS.sub("", before.rstrip()).rstrip()
    line = before.rpartition("\n")[2].strip()
    if not line:
        return True
    sentence = re.split(r"(?<=[.!?])\s+", line[-400:])[-1]
    if own_line and not line.endswith(":"):
        return not _ANNOUNCES_OTHER.search(sentence)
    return bool(_LABEL.fullmatch(sentence)) and not _ATTRIBUTED.search(sentence)


def _closes(after: str) -> bool:
    """Whether what stands behind a value leaves it the last word."""
    after = after.strip("`~ \t\r\n.)]\"'")
    if not after:
        return True
    return not (after[0].islower() or after[0] in ",;") and not _TAKES_BACK.search(after)
