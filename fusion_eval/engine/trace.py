"""A bottom of the stack that answers without calling: it shows what a recipe would ask.

Answers have the length that somebody expects of them and are as different as real ones would be,
so that what is asked next has the right size and is shared exactly where it would be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fusion_eval.core import Call, Reply, Usage, canonical, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What somebody expects of a reply: characters of text, and tokens that are billed."""

    characters: int
    tokens_in: int = 0
    tokens_out: int = 0
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Says:
    """What replies decide, where what is asked next hangs on them.

    alike : final answers are equal; with `same`, whole texts are
    content : yes, the highest score, full confidence; else no, the lowest, none
    choice : which of several labels is named, counted from 0 and around; with `salt` it follows
        from the call, so that two judges may differ
    """

    alike: bool = False
    same: bool = False
    content: bool = False
    choice: int = 0
    salt: str = ""


def never(_: str) -> Reply | None:
    """No call is known."""
    return None


@dataclass
class Trace:
    """Records each distinct call once; `send` is a `Send`.

    Calls whose reply is `known` get that reply: they stand in `known_calls` and cost nothing any
    more. `says` settles how judges answer.
    """

    expect: Callable[[Call], Expected]
    known: Callable[[str], Reply | None] = never
    says: Says = field(default_factory=lambda: Says())
    calls: dict[str, Call] = field(default_factory=dict)
    expected: dict[str, Expected] = field(default_factory=dict)
    known_calls: set[str] = field(default_factory=set)
    _numbers: dict[str, int] = field(default_factory=dict)

    @property
    def new(self) -> list[Call]:
        """The calls whose reply is not known."""
        return [call for key, call in self.calls.items() if key not in self.known_calls]

    async def send(self, call: Call) -> Reply:
        """Answer at once, with the shape that the call asks for."""
        self.calls[call.key] = call
        if (reply := self.known(call.key)) is not None:
            self.known_calls.add(call.key)
            return reply
        if (expected := self.expected.get(call.key)) is None:
            expected = self.expected[call.key] = self.expect(call)
        if call.tools and (wanted := self._tool(call)):
            return Reply(
                text="", finish="tool_calls", extra={"tool_calls": [wanted]}, usage=Usage()
            )
        usage = Usage(input=expected.tokens_in, output=expected.tokens_out)
        text = self._text(call, expected.characters)
        return Reply(text=text, usage=usage, latency_s=expected.latency_s)

    def _tool(self, call: Call) -> dict[str, Any] | None:
        """The call of a tool that a model may ask for; those that are content ask for none."""
        if self.says.content:
            return None
        function = {
            "name": call.tools[0]["function"]["name"],
            "arguments": canonical({"of": call.key}),
        }
        return {"id": call.key[:16], "type": "function", "function": function}

    def _text(self, call: Call, characters: int) -> str:
        if not characters:
            return ""
        says = self.says
        if says.salt:
            says = replace(says, choice=int(digest([says.salt, call.key])[:8], 16))
        if call.output is not None:
            slots = max(1, canonical(_instance(call.output.json_schema, "*", says)).count("*"))
            filler = _filler(call.key, characters // slots)
            return canonical(_instance(call.output.json_schema, filler, says))
        alike = says.alike or says.same
        number = 0 if alike else self._numbers.setdefault(call.key, len(self._numbers))
        letter = "ABCD"[number % 4]  # neighbours differ, whatever the form of a final answer
        answer = letter if "Answer: <letter>" in call.messages[-1].content else number + 1
        filler = "the same" if says.same else _filler(call.key, characters)
        return f"{filler}\nAnswer: {answer}"


def labels(schema: object) -> int:
    """How many labels the longest list of labels in a JSON Schema has; numbers are none."""
    if isinstance(schema, list):
        return max(map(labels, schema), default=0)
    if not isinstance(schema, dict):
        return 0
    if schema.get("type") == "string" and "enum" in schema:
        return len(schema["enum"])
    return max(map(labels, schema.values()), default=0)


def _filler(key: str, characters: int) -> str:
    """A text of about this length that no other call gets."""
    return (f"{key} " * (1 + characters // (len(key) + 1)))[: max(characters, 8)]


def _instance(schema: Mapping[str, Any], text: str, says: Says) -> Any:
    """A small value that fits a JSON Schema of ours, with `text` wherever a text may stand."""
    if "enum" in schema:
        options = schema["enum"]
        if schema.get("type") == "string":
            return options[says.choice % len(options)]
        return options[-1 if says.content else 0]
    form = schema.get("type")
    if form == "object":
        parts = schema.get("properties", {})
        return {name: _instance(part, text, says) for name, part in parts.items()}
    if form == "array":
        return [_instance(schema["items"], text, says)] if "items" in schema else []
    amount = float(says.content)
    return {"string": text, "integer": 1, "number": amount, "boolean": says.content}.get(form or "")
