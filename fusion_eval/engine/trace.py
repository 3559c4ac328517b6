"""A bottom of the stack that answers without calling: it shows what a recipe would ask.

Answers have a typical length and are as different as real ones would be, so that what is asked
next has the right size and is shared exactly where it would be shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fusion_eval.core import Call, Reply, Usage, canonical

CHARACTERS_PER_TOKEN = 3.6
OUTPUT_TOKENS = {"answer": 700, "analysis": 450, "verdict": 70}
"""Assumed visible tokens of an answer, a judge's analysis and a verdict, until a ledger knows."""


@dataclass
class Trace:
    """Records each distinct call once; `send` is a `Send`."""

    calls: dict[str, Call] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)

    async def send(self, call: Call) -> Reply:
        """Answer at once, with the shape that the call asks for."""
        kind = call.output.name if call.output is not None else "answer"
        tokens = OUTPUT_TOKENS.get(kind, OUTPUT_TOKENS["answer"])
        text = self._text(call, tokens)
        characters = sum(len(m.content) for m in call.messages)
        self.calls[call.key] = call
        self.usage[call.key] = Usage(
            input=round(characters / CHARACTERS_PER_TOKEN) + 8, output=tokens
        )
        return Reply(text=text, usage=self.usage[call.key])

    def _text(self, call: Call, tokens: int) -> str:
        if call.output is not None:
            return canonical(_instance(call.output.json_schema))
        filler = f"{call.key} " * (1 + round(tokens * CHARACTERS_PER_TOKEN / 65))
        return f"{filler}\nAnswer: {int(call.key[:6], 16)}"


def _instance(schema: Mapping[str, Any]) -> Any:
    """The smallest value that fits a JSON Schema of ours."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: _instance(part) for name, part in schema.get("properties", {}).items()}
    return {"array": [], "string": "", "integer": 1, "number": 1.0, "boolean": True}.get(kind or "")
