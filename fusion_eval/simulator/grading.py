"""Grading: does the text make the statement? Then a verdict, misread now and then.

A grader sees text only. Whether it misreads follows from the grader's declared sensitivity and
specificity: partly from the criterion, so that it returns in every pass, partly from the request.
"""

from __future__ import annotations

import json
from typing import Any

from fusion_eval.simulator.answering import Speaker
from fusion_eval.simulator.catalogue import Known
from fusion_eval.simulator.chance import uniform
from fusion_eval.simulator.forms import Content, fill
from fusion_eval.simulator.reading import Asked
from fusion_eval.simulator.settings import Grading

_UNREADABLE = "On reflection this depends on how the criterion is meant; both readings have merit."


def grade(speaker: Speaker, asked: Asked, known: Known, schema: object, as_json: bool) -> str:
    """Verdicts on the criteria that are asked about, in the form asked for."""
    world = speaker.truth.world
    rules = world.models[speaker.model].grading or world.grading
    if speaker.chances("unreadable", 1)[0] < rules.unreadable:
        return _UNREADABLE
    verdicts = [_verdict(speaker, asked, known, i, rules) for i in asked.criteria]
    if isinstance(schema, dict):
        return json.dumps(_in_schema(schema, verdicts))
    yes, no = (
        ("MET", "UNMET") if "UNMET" in asked.rest or "yes" not in asked.rest else ("Yes", "No")
    )
    words = [yes if v.met else no for v in verdicts]
    if as_json:
        rows = [_row(v, w, asked.rest) for v, w in zip(verdicts, words, strict=True)]
        return json.dumps(rows[0] if len(rows) == 1 else rows)
    return "\n\n".join(f"{v.text}\nVerdict: {w}" for v, w in zip(verdicts, words, strict=True))


def _verdict(speaker: Speaker, asked: Asked, known: Known, i: int, rules: Grading) -> Content:
    phrase = known.phrases[i]
    places = phrase.places(asked.rest)
    met = bool(places) != _misread(speaker, known, i, bool(places), rules)
    where = f"at character {places[0]} of the text" if places else "nowhere in the text"
    why = "The point is made" if met else "The point is not made"
    if bool(places) == met:
        why = f"{why}: it stands {where}"
    return Content(text=f"{why}.", topic=known.task.criteria[i].requirement, met=met)


def _misread(speaker: Speaker, known: Known, i: int, present: bool, rules: Grading) -> bool:
    """Whether this grader gets this verdict wrong, in this request or in every one."""
    if known.phrases[i].negative:
        right = rules.error_sensitivity if present else rules.error_specificity
    else:
        right = rules.sensitivity if present else rules.specificity
    name, criterion = speaker.truth.world.root, f"{known.task.hash}/{i}/{present}"
    if uniform(name, "steady", speaker.model, criterion) < rules.steady:
        return uniform(name, "misread", speaker.model, criterion) >= right
    return uniform(name, "misread now", speaker.model, criterion, speaker.draw) >= right


def _row(verdict: Content, word: str, rest: str) -> dict[str, Any]:
    """The usual JSON; with HealthBench's field where the request speaks of it."""
    if "criteria_met" in rest:
        return {"explanation": verdict.text, "criteria_met": verdict.met}
    return {"explanation": verdict.text, "verdict": word}


def _in_schema(schema: dict[str, Any], verdicts: list[Content]) -> Any:
    """One filled schema, or an array in it with one item per criterion."""
    if len(verdicts) == 1:
        return fill(schema, verdicts[0])
    items = schema.get("items")
    if isinstance(items, dict):
        return [fill(items, v) for v in verdicts]
    properties = schema.get("properties")
    named = properties if isinstance(properties, dict) else {}
    arrays = {k: v["items"] for k, v in named.items() if isinstance(v, dict) and "items" in v}
    first = fill(schema, verdicts[0])
    return {**first, **{k: [fill(node, v) for v in verdicts] for k, node in arrays.items()}}
