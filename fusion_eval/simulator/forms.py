"""Replies in the form that was asked for: a JSON Schema, some JSON, or prose.

A schema is filled by the types and names that it has, whoever wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_DEPTH = 12
_FIELD = re.compile(
    r'(?m)^\W*"(\w+)": (integer|number|string|boolean|object|list of integers|list of strings)\b'
)
_SPOKEN = {
    f"list of {kind}s": {"type": "array", "items": {"type": kind}} for kind in ("integer", "string")
}
_YES = ("MET", "YES", "TRUE", "PASS", "PASSED", "SATISFIED", "PRESENT", "CORRECT", "FULFILLED")
_NO = ("UNMET", "NO", "FALSE", "FAIL", "FAILED", "NOT_MET", "NOT MET", "ABSENT", "INCORRECT")


@dataclass(frozen=True, slots=True)
class Content:
    """What there is to say: text, a heading, whose it is, and yes or no where that is asked.

    `scores` are those of numbered candidates.
    """

    text: str
    topic: str = ""
    numbers: tuple[int, ...] = ()
    met: bool = True
    scores: Mapping[int, int] = field(default_factory=dict)


def spoken(text: str) -> dict[str, Any] | None:
    """The JSON Schema that a text describes in words, one field a line: `- "best": integer, …`."""
    found = _FIELD.findall(text)
    if not found:
        return None
    return {"properties": {name: _SPOKEN.get(kind, {"type": kind}) for name, kind in found}}


def decides(schema: object) -> bool:
    """Whether a form has room for a decision and none for a text."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not properties:
        return False
    nodes = [_plain(node) for node in properties.values()]
    return all("enum" in n or _kind(n) in ("integer", "number", "boolean") for n in nodes)


def fill(schema: object, content: Content, name: str = "", depth: int = 0) -> Any:
    """A value for a JSON Schema, from its types, enumerations and property names."""
    node = _plain(schema)
    if depth > _DEPTH:
        return None
    if "enum" in node and isinstance(node["enum"], list) and node["enum"]:
        numbers = [n for n in content.numbers[:1] if n in node["enum"]]
        return numbers[0] if numbers else member(node["enum"], content.met)
    properties = node.get("properties")
    if isinstance(properties, dict) and _numbered(properties, content):
        return {name: content.scores[int(name)] for name in properties}
    if isinstance(properties, dict):
        return {str(k): fill(v, content, str(k), depth + 1) for k, v in properties.items()}
    kind = _kind(node)
    if kind == "array" or "items" in node:
        return _items(node.get("items"), content, name, depth)
    if kind in ("integer", "number"):
        return _amount(node, content)
    if kind == "boolean":
        return content.met
    if kind == "object" and content.scores:
        return {str(number): score for number, score in content.scores.items()}
    if kind in ("null", "object"):
        return {} if kind == "object" else None
    return _words(name, content)


def member(options: list[Any], met: bool) -> Any:
    """The member of an enumeration that says yes, or no: by its word, or else first and last."""
    words = {str(o).strip().upper(): o for o in options}
    wanted = [words[w] for w in (_YES if met else _NO) if w in words]
    return wanted[0] if wanted else options[0 if met else -1]


def _numbered(properties: Mapping[str, Any], content: Content) -> bool:
    """Whether the names of an object's fields are the numbers of scored candidates."""
    return bool(content.scores) and {str(n) for n in content.scores} >= properties.keys()


def _plain(schema: object) -> dict[str, Any]:
    """The schema itself, or the first of its alternatives that is not null."""
    node = schema if isinstance(schema, dict) else {}
    for word in ("anyOf", "oneOf", "allOf"):
        options = node.get(word)
        if isinstance(options, list):
            real = [o for o in options if isinstance(o, dict) and o.get("type") != "null"]
            return real[0] if real else {}
    return node


def _kind(node: dict[str, Any]) -> object:
    """The type, or the first of several that is not null."""
    kind = node.get("type")
    return next((k for k in kind if k != "null"), "null") if isinstance(kind, list) else kind


def _items(items: object, content: Content, name: str, depth: int) -> list[Any]:
    """One item per candidate where items tell who, otherwise one item."""
    if isinstance(items, dict) and items.get("type") in ("integer", "number"):
        return list(content.numbers)
    if content.numbers and _tells_who(items):
        each = [Content(content.text, content.topic, (n,), content.met) for n in content.numbers]
        return [fill(items, one, name, depth + 1) for one in each]
    return [fill(items, content, name, depth + 1)]


def _tells_who(items: object) -> bool:
    properties = items.get("properties") if isinstance(items, dict) else None
    if not isinstance(properties, dict):
        return False
    return any(
        n in ("model", "answer", "candidate", "agent") or _plain(p).get("type") == "integer"
        for n, p in properties.items()
    )


def _amount(node: dict[str, Any], content: Content) -> Any:
    if content.numbers:
        return content.numbers[0]
    low, high = node.get("minimum", 0), node.get("maximum", 1)
    return high if content.met else low


def _words(name: str, content: Content) -> str:
    if name in ("topic", "id", "criterion", "criterion_id", "requirement"):
        return content.topic or content.text
    if name in ("model", "answer", "candidate", "agent"):
        return f"Answer {content.numbers[0]}" if content.numbers else content.text
    return content.text
