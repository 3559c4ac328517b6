"""Comparing candidate answers: the five fields, filled with what stands in the candidates."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from fusion_eval.simulator.answering import Speaker
from fusion_eval.simulator.catalogue import Known
from fusion_eval.simulator.forms import Content, fill
from fusion_eval.simulator.mechanism import FIELD_OF, field, flag_chance
from fusion_eval.simulator.reading import FIELDS, Asked
from fusion_eval.simulator.text import ANSWER_LINE, statement

_NAME_OF = {number: name for name, number in FIELD_OF.items()}
_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "integer"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


_FORM = {
    "consensus": _list(_TEXT),
    "contradictions": _list(
        _object(topic=_TEXT, stances=_list(_object(answer=_NUMBER, stance=_TEXT)))
    ),
    "partial_coverage": _list(_object(answers=_list(_NUMBER), point=_TEXT)),
    "unique_insights": _list(_object(answer=_NUMBER, insight=_TEXT)),
    "blind_spots": _list(_TEXT),
}


def compare(speaker: Speaker, asked: Asked, known: Known, schema: object) -> str:
    """A judge's analysis as JSON, in the requested schema or else in the usual one."""
    found: dict[str, list[Content]] = defaultdict(list)
    bird, rules = speaker.truth.world.models[speaker.model], speaker.truth.world.judging
    skill, there = bird.judge, len(asked.candidates)
    own = speaker.truth.standing(speaker.model, known.task).chances()
    count = len(known.phrases)
    doubts, lists, frames = (speaker.chances(w, count) for w in ("doubts", "lists", "frames"))
    for i, phrase in enumerate(known.phrases):
        holders = asked.candidates.stated.get(i, ())
        content = Content(
            text=statement(phrase.body, frames[i]),
            topic="A point that may not hold",
            numbers=asked.candidates.called(holders),
        )
        if not holders:
            if lists[i] < rules.blind_spots * own[i] * skill:
                found["blind_spots"].append(content)
        elif doubts[i] < flag_chance(rules, skill, phrase.negative):
            found["contradictions"].append(content)
        elif lists[i] < rules.lists:
            found[_NAME_OF[field(len(holders), there)]].append(content)
    _results(known, asked, found)
    return json.dumps(_filled(found, schema), separators=(",", ":"))


def _results(known: Known, asked: Asked, found: dict[str, list[Content]]) -> None:
    """Final answers of a checkable task: agreed on, or a contradiction with one stance each."""
    if known.targets is None:
        return
    by_value: dict[int, list[int]] = defaultdict(list)
    for holder, value in asked.candidates.answered:
        by_value[value].append(holder)
    name = "consensus" if len(by_value) == 1 else "contradictions"
    for value, holders in sorted(by_value.items()):
        numbers = asked.candidates.called(tuple(holders))
        text = f"{ANSWER_LINE}{known.targets.values[value]}"
        found[name].append(Content(text=text, topic="The final answer", numbers=numbers))


def _filled(found: dict[str, list[Content]], schema: object) -> dict[str, Any]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    form = properties if isinstance(properties, dict) else _FORM
    filled = {}
    for name, node in form.items():
        items = node.get("items", _TEXT) if isinstance(node, dict) else _TEXT
        if name in FIELDS:
            filled[name] = [fill(items, content) for content in found[name]]
        else:
            filled[name] = fill(node, Content(text="A comparison of the answers."), str(name))
    return filled
