"""A bottom of the stack that answers without calling: it shows what a recipe would ask.

Answers have the length that somebody expects of them and are as different as real ones would be,
so that what is asked next has the right size and is shared exactly where it would be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fusion_eval.core import Call, Reply, Usage, canonical

CHARACTERS_PER_TOKEN = 3.6
OUTPUT_TOKENS = {"answer": 700, "analysis": 450, "verdict": 70}
"""Assumed visible tokens of an answer, a judge's analysis and a verdict, until a ledger knows."""


def kind(call: Call) -> str:
    """What is asked for: `answer`, or the name of the schema (`analysis`, `verdict`)."""
    return call.output.name if call.output is not None else "answer"


def typical(call: Call) -> int:
    """Visible output tokens assumed of a call that nobody has experience with."""
    return OUTPUT_TOKENS.get(kind(call), OUTPUT_TOKENS["answer"])


def never(_: str) -> Reply | None:
    """No call is known."""
    return None


@dataclass
class Trace:
    """Records each distinct call once; `send` is a `Send`.

    `tokens(call)` says how long a reply will be. Calls whose reply is `known` get that reply:
    they stand in `known_calls` and cost nothing any more.
    """

    tokens: Callable[[Call], int] = typical
    known: Callable[[str], Reply | None] = never
    characters: float = CHARACTERS_PER_TOKEN
    calls: dict[str, Call] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)
    known_calls: set[str] = field(default_factory=set)

    async def send(self, call: Call) -> Reply:
        """Answer at once, with the shape that the call asks for."""
        self.calls[call.key] = call
        if (reply := self.known(call.key)) is not None:
            self.known_calls.add(call.key)
            self.usage[call.key] = reply.usage or Usage()
            return reply
        tokens = self.tokens(call)
        characters = sum(len(m.content) for m in call.messages)
        usage = Usage(input=round(characters / CHARACTERS_PER_TOKEN) + 8, output=tokens)
        self.usage[call.key] = usage
        return Reply(text=self._text(call, round(tokens * self.characters)), usage=usage)

    def _text(self, call: Call, characters: int) -> str:
        if call.output is not None:
            slots = max(1, canonical(_instance(call.output.json_schema, "*")).count("*"))
            filler = _filler(call.key, characters // slots)
            return canonical(_instance(call.output.json_schema, filler))
        return f"{_filler(call.key, characters)}\nAnswer: {int(call.key[:6], 16)}"


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
