"""What a request asks for, told from its content alone.

Which known prompt stands in it, whose statements, which bare requirement, whether the five fields
of an analysis are wanted. No role, no wording of our templates and no name of a recipe is read, so
other harnesses' prompts work too and the simulator cannot favour a recipe.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from json import JSONDecoder
from typing import Any

from fusion_eval.simulator.candidates import Candidates, candidates
from fusion_eval.simulator.catalogue import Catalogue, Known
from fusion_eval.simulator.quoting import parted
from fusion_eval.simulator.text import CLOSINGS, OPENINGS

FIELDS = ("consensus", "contradictions", "partial_coverage", "unique_insights", "blind_spots")
_WRITES = re.compile(r"(?i)(?<!not )\b(write|compose|produce|give)\b[^.\n]{0,60}\banswer\b")
_NAMES = re.compile(
    r"(?i)\b(number|index|letter|label) of the (best|better|strongest|winning|most)\b"
)
_CHOOSES = re.compile(
    r"(?i)\b(which|pick|choose|select|rank)\b[^.\n]{0,60}\b(best|better|strongest|consistent)\b"
)
_RANKS = re.compile(r"(?i)\b(ranking|rank (them|the|all|each)|from best to worst|best first)\b")
_AGREES = re.compile(r"(?i)\bconsistent with\b")
_RATES = re.compile(r"(?i)\b(score|rate)\b[^.\n]{0,60}\b(1|0|one) ?(to|-|–) ?(10|ten)\b")
_REVIEWS = re.compile(r"(?i)\b(review|criti[cq]\w*|find (faults|errors)|what is wrong)\b")
REVIEW = ("errors", "missing")
_TRIES = 64
_LAST_LINES = 300
_SHORT = 12  # a shorter prompt may occur anywhere, so it is not cut out
_decode = JSONDecoder().raw_decode

Analysis = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked.

    `kind` is unknown, answer, write, compare, choose, rank, rate, review or grade. Of `rest`, all
    but the known prompt, `said` is what seems to be no quotation.
    """

    kind: str
    known: Known | None = None
    rest: str = ""
    candidates: Candidates = field(default_factory=Candidates)
    notes: tuple[Analysis, ...] = ()
    criteria: tuple[int, ...] = ()
    by_letter: bool = False
    by_agreement: bool = False
    said: str = ""


def read(text: str, schema: object, catalogue: Catalogue) -> Asked:
    """What the joined messages ask for; `schema` is the reply form, where one is requested."""
    said, quoted = parted(text)
    prompt = (catalogue.find(said) if quoted else None) or catalogue.find(text)
    known = prompt or catalogue.by_criterion(text) or catalogue.by_statement(text)
    if known is None:
        return Asked(kind="unknown", rest=text)
    if len(known.prompt) >= _SHORT:
        text, said = (each.replace(known.prompt, "\n") for each in (text, said))
    criteria = _grading(known, said) or _grading(known, text)
    if criteria:
        return Asked("grade", known, text, criteria=criteria, said=said)
    notes, rest = _cut_analyses(text)
    found, around = candidates(known, rest), _around(rest)
    if _wants_analysis(schema, around):
        return Asked("compare", known, rest, found)
    kind = _choosing(around) if found else "answer"
    return Asked(
        kind,
        known,
        rest,
        found,
        notes,
        by_letter=kind == "choose" and "letter" in around,
        by_agreement=_AGREES.search(around) is not None,
    )


def _around(text: str) -> str:
    """The text without the candidates: what is said before the first and after the last.

    Where the last one is cut off, its end cannot be told, and the last lines are read.
    """
    opened = [at for o in OPENINGS for at in (text.find(o), text.rfind(o)) if at >= 0]
    first, last = min(opened, default=len(text)), max(opened, default=len(text))
    closed = max((text.rfind(c) + len(c) for c in CLOSINGS if c in text), default=0)
    after = closed if closed > last else max(last, len(text) - _LAST_LINES)
    return f"{text[:first]}\n{text[after:]}"


def _choosing(around: str) -> str:
    """Whether candidates are to be chosen from, ranked, rated, or (else) written from."""
    if _NAMES.search(around):
        return "choose"
    if _RANKS.search(around) and not _WRITES.search(around):
        return "rank"
    if _WRITES.search(around):
        return "write"
    if _RATES.search(around):
        return "rate"
    if _REVIEWS.search(around):
        return "review"
    return "choose" if _CHOOSES.search(around) else "write"


def _grading(known: Known, text: str) -> tuple[int, ...]:
    """The criteria that stand bare in the text, in order; not those inside a longer one."""
    places = [(phrase.asked(text), i) for i, phrase in enumerate(known.phrases)]
    spans = [(at, at + len(known.phrases[i].bare), i) for at, i in places if at >= 0]
    whole = [s for s in spans if not any(_inside(s, other) for other in spans)]
    return tuple(i for _, _, i in sorted(whole))


def _inside(span: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return other[0] <= span[0] and span[1] <= other[1] and span[:2] != other[:2]


def _wants_analysis(schema: object, text: str) -> bool:
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        return len(schema["properties"].keys() & set(FIELDS)) >= 3
    named = sum(name in text or name.replace("_", " ") in text.lower() for name in FIELDS)
    return named >= 4 and not _WRITES.search(text)


def _cut_analyses(text: str) -> tuple[tuple[Analysis, ...], str]:
    """Analyses and reviews in a text, and the text without them.

    They are cut out because what they quote is not support by a candidate.
    """
    if sum(f'"{name}"' in text for name in FIELDS) < 3 and '"missing"' not in text:
        return (), text
    found: list[Analysis] = []
    kept, start, at = [], 0, text.find("{")
    for _ in range(_TRIES):
        if at < 0:
            break
        try:
            value, end = _decode(text, at)
        except (ValueError, RecursionError):
            value, end = None, at + 1
        if (notes := _notes(value)) is not None:
            found.append(notes)
            kept.append(text[start:at])
            start = end
        at = text.find("{", end)
    return tuple(found), "\n".join([*kept, text[start:]])


def _notes(value: object) -> Analysis | None:
    """An object with three or more of the five fields, or a review told in two of them."""
    if not isinstance(value, dict):
        return None
    if len(value.keys() & set(FIELDS)) >= 3:
        return value
    if set(REVIEW) <= value.keys():
        return {"contradictions": value["errors"], "blind_spots": value["missing"]}
    return None
