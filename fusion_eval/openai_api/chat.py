"""A chat completion, and the chunks by which it is streamed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fusion_eval.openai_api.response import Output


class Chunks:
    """The server-sent events of one chat completion; the text comes piece by piece.

    `usage` is whether the client wants a last chunk with what was used.
    """

    def __init__(self, *, model: str, name: str, created: int, usage: bool) -> None:
        self._head = {"id": f"chatcmpl-{name}", "created": created, "model": model}
        self._usage = usage
        self._text = ""

    def whole(self, output: Output) -> dict[str, Any]:
        """The completion as one document; `usage` is null where it is not known."""
        silent = not output.text and (output.tool_calls or output.refusal)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if silent else output.text,
            "refusal": output.refusal,
        }
        if output.tool_calls:
            message["tool_calls"] = list(output.tool_calls)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": output.finish}
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": output.usage,
            **output.extra,
        }

    def opened(self) -> str:
        """The completion has begun."""
        return self._chunk({"role": "assistant", "content": ""})

    def delta(self, text: str) -> str:
        """A piece of the text."""
        self._text += text
        return self._chunk({"content": text})

    def closed(self, output: Output) -> str:
        """How it ended; what of its text was not sent before is sent now."""
        rest = output.text.removeprefix(self._text) if output.text.startswith(self._text) else ""
        out = self.delta(rest) if rest else ""
        if output.refusal:
            out += self._chunk({"refusal": output.refusal})
        if output.tool_calls:
            calls = [{"index": i, **call} for i, call in enumerate(output.tool_calls)]
            out += self._chunk({"tool_calls": calls})
        out += self._chunk({}, finish=output.finish, **({} if self._usage else output.extra))
        if self._usage:
            out += self._event({"choices": [], "usage": output.usage, **output.extra})
        return out

    def failed(self, error: Mapping[str, Any]) -> str:
        """It came to nothing, after the status had been sent."""
        return f"data: {json.dumps(error)}\n\n"

    def _chunk(self, delta: Mapping[str, Any], finish: str | None = None, **extra: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._event({"choices": [choice], **extra})

    def _event(self, fields: Mapping[str, Any]) -> str:
        value = {**self._head, "object": "chat.completion.chunk", **fields}
        return f"data: {json.dumps(value)}\n\n"
