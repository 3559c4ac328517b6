"""Verdicts in the form that was asked for: a schema, an example in the text, JSON, or words."""

from __future__ import annotations

import json
import re
from typing import Any

from fusion_eval.simulator.forms import Content, fill
from fusion_eval.simulator.reading import Asked

_EXAMPLE = re.compile(r"\"(\w+)\"\s*:\s*(\[?)\s*(?:true|false)\b", re.IGNORECASE)
_YES = re.compile(r"(?i)\byes\b.{0,20}\bno\b")


def worded(asked: Asked, verdicts: list[Content], schema: object, as_json: bool) -> str:
    """All verdicts of one reply, in the order of the criteria in the request."""
    if isinstance(schema, dict):
        return json.dumps(_in_schema(schema, verdicts))
    if as_json and (example := _EXAMPLE.search(asked.rest)):
        said: Any = [v.met for v in verdicts] if example[2] else verdicts[0].met
        return json.dumps({example[1]: said})
    yes, no = ("Yes", "No") if _asks_yes_or_no(asked.rest) else ("MET", "UNMET")
    words = [yes if v.met else no for v in verdicts]
    if as_json:
        rows = [_row(v, w, asked.rest) for v, w in zip(verdicts, words, strict=True)]
        return json.dumps(rows[0] if len(rows) == 1 else rows)
    return "\n\n".join(f"{v.text}\nVerdict: {w}" for v, w in zip(verdicts, words, strict=True))


def _asks_yes_or_no(text: str) -> bool:
    return "UNMET" not in text and _YES.search(text) is not None


def _row(verdict: Content, word: str, rest: str) -> dict[str, Any]:
    """The usual JSON; with HealthBench's field where the request speaks of it."""
    if "criteria_met" in rest:
        return {"explanation": verdict.text, "criteria_met": verdict.met}
    return {"explanation": verdict.text, "verdict": word}


def _in_schema(schema: dict[str, Any], verdicts: list[Content]) -> Any:
    """One filled schema, or what in it has a place for each criterion: an object whose fields are
    numbers, or an array."""
    if numbered := _numbered(schema):
        name, fields = numbered
        each = {k: fill(node, v) for (k, node), v in zip(fields.items(), verdicts, strict=False)}
        return {**fill(schema, verdicts[0]), name: each}
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


def _numbered(schema: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The field whose own fields are the numbers 1, 2, 3 …"""
    properties = schema.get("properties")
    for name, node in properties.items() if isinstance(properties, dict) else ():
        inner = node.get("properties") if isinstance(node, dict) else None
        if isinstance(inner, dict) and list(inner) == [str(i + 1) for i in range(len(inner))]:
            return str(name), inner
    return None
