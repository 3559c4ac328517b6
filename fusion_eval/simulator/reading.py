"""What a request asks for, told from its content alone.

Which known prompt stands in it, whose statements, which bare requirement, whether the five fields
of an analysis are wanted. No role, no wording of our templates and no name of a recipe is read, so
other harnesses' prompts work too and the simulator cannot favour a recipe.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from json import JSONDecoder
from typing import Any

from fusion_eval.simulator.candidates import Candidates, candidates
from fusion_eval.simulator.catalogue import Catalogue, Known

FIELDS = ("consensus", "contradictions", "partial_coverage", "unique_insights", "blind_spots")
_TRIES = 64
_SHORT = 12  # a shorter prompt may occur anywhere, so it is not cut out
_decode = JSONDecoder().raw_decode

Analysis = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: `kind` is unknown, answer, write, compare or grade."""

    kind: str
    known: Known | None = None
    rest: str = ""
    candidates: Candidates = field(default_factory=Candidates)
    notes: tuple[Analysis, ...] = ()
    criteria: tuple[int, ...] = ()


def read(text: str, schema: object, catalogue: Catalogue) -> Asked:
    """What the joined messages ask for; `schema` is the reply form, where one is requested."""
    prompt = catalogue.find(text)
    known = prompt or catalogue.by_criterion(text)
    if known is None:
        return Asked(kind="unknown", rest=text)
    if len(known.prompt) >= _SHORT:
        text = text.replace(known.prompt, "\n")
    criteria = _grading(known, text)
    if criteria or not prompt:
        return Asked("grade" if criteria else "unknown", known, text, criteria=criteria)
    notes, rest = _cut_analyses(text)
    found = candidates(known, rest)
    if _wants_analysis(schema, rest):
        return Asked("compare", known, rest, found)
    return Asked("write" if found else "answer", known, rest, found, notes)


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
    return sum(name in text for name in FIELDS) >= 4


def _cut_analyses(text: str) -> tuple[tuple[Analysis, ...], str]:
    """JSON objects with three or more of the five fields, and the text without them.

    They are cut out because what they quote is not support by a candidate.
    """
    if sum(f'"{name}"' in text for name in FIELDS) < 3:
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
        if isinstance(value, dict) and len(value.keys() & set(FIELDS)) >= 3:
            found.append(value)
            kept.append(text[start:at])
            start = end
        at = text.find("{", end)
    return tuple(found), "\n".join([*kept, text[start:]])
