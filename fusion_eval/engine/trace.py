"""A bottom of the stack that answers without calling: it shows what a recipe would ask.

Answers have the length that somebody expects of them and are as different as real ones would be,
so that what is asked next has the right size and is shared exactly where it would be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fusion_eval.core import Call, Reply, Usage, canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What somebody expects of a reply: characters of text, and tokens that are billed."""

    characters: int
    tokens_in: int = 0
    tokens_out: int = 0
    latency_s: float = 0.0


def never(_: str) -> Reply | None:
    """No call is known."""
    return None


@dataclass
class Trace:
    """Records each distinct call once; `send` is a `Send`.

    Calls whose reply is `known` get that reply: they stand in `known_calls` and cost nothing any
    more. With `alike` all answers end with the same final answer; without, each with its own.
    """

    expect: Callable[[Call], Expected]
    known: Callable[[str], Reply | None] = never
    alike: bool = False
    calls: dict[str, Call] = field(default_factory=dict)
    expected: dict[str, Expected] = field(default_factory=dict)
    known_calls: set[str] = field(default_factory=set)
    _numbers: dict[str, int] = field(default_factory=dict)

    async def send(self, call: Call) -> Reply:
        """Answer at once, with the shape that the call asks for."""
        self.calls[call.key] = call
        if (reply := self.known(call.key)) is not None:
            self.known_calls.add(call.key)
            return reply
        if (expected := self.expected.get(call.key)) is None:
            expected = self.expected[call.key] = self.expect(call)
        usage = Usage(input=expected.tokens_in, output=expected.tokens_out)
        text = self._text(call, expected.characters)
        return Reply(text=text, usage=usage, latency_s=expected.latency_s)

    def _text(self, call: Call, characters: int) -> str:
        if not characters:
            return ""
        if call.output is not None:
            slots = max(1, canonical(_instance(call.output.json_schema, "*")).count("*"))
            filler = _filler(call.key, characters // slots)
            return canonical(_instance(call.output.json_schema, filler))
        number = 0 if self.alike else self._numbers.setdefault(call.key, len(self._numbers))
        letter = "ABCD"[number % 4]  # neighbours differ, whatever the form of a final answer
        answer = letter if "Answer: <letter>" in call.messages[-1].content else number + 1
        return f"{_filler(call.key, characters)}\nAnswer: {answer}"


def _filler(key: str, characters: int) -> str:
    """A text of about this length that no other call gets."""
    return (f"{key} " * (1 + characters // (len(key) + 1)))[: max(characters, 8)]


def _instance(schema: Mapping[str, Any], text: str) -> Any:
    """A small value that fits a JSON Schema of ours, with `text` wherever a text may stand."""
    if "enum" in schema:
        return schema["enum"][0]
    form = schema.get("type")
    if form == "object":
        return {name: _instance(part, text) for name, part in schema.get("properties", {}).items()}
    if form == "array":
        return [_instance(schema["items"], text)] if "items" in schema else []
    return {"string": text, "integer": 1, "number": 1.0, "boolean": True}.get(form or "")
