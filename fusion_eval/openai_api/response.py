"""The object of the Responses API, and the events by which it is streamed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ECHOED: dict[str, Any] = {
    "background": False,
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": False,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""Settings of the request that a response repeats, with what they are where none was given."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a model wrote: `finish` and `usage` as a chat completion has them."""

    text: str
    refusal: str | None = None
    finish: str = "stop"
    usage: Mapping[str, Any] | None = None
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


def response(
    asked: Mapping[str, Any], *, model: str, name: str, created: int, output: Output | None
) -> dict[str, Any]:
    """A response object; without `output`, one that is in progress.

    asked : the body of the request; name : what ids are made of, such as a hexadecimal digest
    """
    settings = {name: _echoed(asked.get(name), usual) for name, usual in _ECHOED.items()}
    settings["store"] = settings["background"] = False  # whatever was asked
    reason = _INCOMPLETE.get(output.finish) if output else None
    status = "in_progress" if output is None else "incomplete" if reason else "completed"
    return {
        **settings,
        "id": f"resp_{name}",
        "object": "response",
        "created_at": created,
        "completed_at": created if status == "completed" else None,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": model,
        "output": items(output, name, status) if output else [],
        "usage": usage(output.usage) if output and output.usage else None,
        **(output.extra if output else {}),
    }


_TOOL = {"description": None, "parameters": None, "strict": None}


def _echoed(given: Any, usual: Any) -> Any:
    """A setting as it was given, with what goes without saying; tools with all their fields."""
    if isinstance(usual, dict) and isinstance(given, dict):
        return {**usual, **given}
    if isinstance(usual, list) and isinstance(given, list):
        return [{**_TOOL, **one} if isinstance(one, dict) else one for one in given]
    return usual if given is None else given


_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def items(output: Output, name: str, status: str) -> list[dict[str, Any]]:
    """The items of an output: a message where there is any text, then calls of tools."""
    made: list[dict[str, Any]] = []
    if output.text or output.refusal or not output.tool_calls:
        made.append(message(name, status, [_part(output)]))
    for i, call in enumerate(output.tool_calls):
        function = call.get("function") or {}
        made.append(
            {
                "type": "function_call",
                "id": f"fc_{name}_{i}",
                "call_id": call.get("id"),
                "name": function.get("name"),
                "arguments": function.get("arguments"),
                "status": status,
            }
        )
    return made


def message(name: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    """One message of an output."""
    head = {"type": "message", "id": f"msg_{name}", "status": status, "role": "assistant"}
    return {**head, "content": content}


def _part(output: Output) -> dict[str, Any]:
    if output.refusal and not output.text:
        return {"type": "refusal", "refusal": output.refusal}
    return {"type": "output_text", "text": output.text, "annotations": [], "logprobs": []}


def usage(chat: Mapping[str, Any]) -> dict[str, Any]:
    """The usage of a chat completion under the names of the Responses API; the rest as it is."""
    before = chat.get("prompt_tokens_details") or {}
    after = chat.get("completion_tokens_details") or {}
    names = {"prompt_tokens", "completion_tokens", "total_tokens"}
    details = {"prompt_tokens_details", "completion_tokens_details"}
    return {
        "input_tokens": chat.get("prompt_tokens", 0),
        "input_tokens_details": {"cached_tokens": before.get("cached_tokens", 0)},
        "output_tokens": chat.get("completion_tokens", 0),
        "output_tokens_details": {"reasoning_tokens": after.get("reasoning_tokens", 0)},
        "total_tokens": chat.get("total_tokens", 0),
        **{k: v for k, v in chat.items() if k not in names | details},
    }


class Events:
    """The server-sent events of one response, numbered; the text comes piece by piece."""

    def __init__(self, asked: Mapping[str, Any], *, model: str, name: str, created: int) -> None:
        self._asked, self._model, self._name, self._created = asked, model, name, created
        self._number = 0
        self._text = ""
        self._open = False

    def opened(self) -> str:
        """The response has begun."""
        begun = self.whole(None)
        return self._event("response.created", response=begun) + self._event(
            "response.in_progress", response=begun
        )

    def delta(self, text: str) -> str:
        """A piece of the text."""
        head = "" if self._open else self._message_opened()
        self._text += text
        return head + self._event("response.output_text.delta", **self._at, delta=text, logprobs=[])

    def closed(self, output: Output) -> str:
        """The response as it ended; what of its text was not sent before is sent now."""
        rest = output.text.removeprefix(self._text) if output.text.startswith(self._text) else ""
        out = self.delta(rest) if rest else ""
        whole = self.whole(output)
        for place, item in enumerate(whole["output"]):
            if item["type"] == "message":
                out += self._message_closed(item)
            else:
                out += self._call(place, item)
        kind = "response.incomplete" if whole["status"] == "incomplete" else "response.completed"
        return out + self._event(kind, response=whole)

    def failed(self, error: Mapping[str, Any]) -> str:
        """The response came to nothing, after the status had been sent."""
        told = {"code": "server_error", "message": error["error"]["message"]}
        broken = {**self.whole(None), "status": "failed", "error": told}
        return self._event("response.failed", response=broken)

    @property
    def _at(self) -> dict[str, Any]:
        return {"item_id": f"msg_{self._name}", "output_index": 0, "content_index": 0}

    def _message_opened(self) -> str:
        self._open = True
        begun = message(self._name, "in_progress", [])
        part = _part(Output(text=""))
        return self._event("response.output_item.added", output_index=0, item=begun) + self._event(
            "response.content_part.added", **self._at, part=part
        )

    def _message_closed(self, item: dict[str, Any]) -> str:
        part = item["content"][0]
        out = "" if self._open else self._message_opened()
        if part["type"] == "output_text":
            done = {"text": part["text"], "logprobs": []}
            out += self._event("response.output_text.done", **self._at, **done)
        else:
            refusal = part["refusal"]
            out += self._event("response.refusal.delta", **self._at, delta=refusal)
            out += self._event("response.refusal.done", **self._at, refusal=refusal)
        out += self._event("response.content_part.done", **self._at, part=part)
        return out + self._event("response.output_item.done", output_index=0, item=item)

    def _call(self, place: int, item: dict[str, Any]) -> str:
        at = {"item_id": item["id"], "output_index": place}
        begun = {**item, "arguments": "", "status": "in_progress"}
        given, kind = item["arguments"], "response.function_call_arguments"
        return (
            self._event("response.output_item.added", output_index=place, item=begun)
            + self._event(f"{kind}.delta", **at, delta=given)
            + self._event(f"{kind}.done", **at, name=item["name"], arguments=given)
            + self._event("response.output_item.done", output_index=place, item=item)
        )

    def whole(self, output: Output | None) -> dict[str, Any]:
        """The response as one document; without `output`, as it is in progress."""
        return response(
            self._asked, model=self._model, name=self._name, created=self._created, output=output
        )

    def _event(self, kind: str, **fields: Any) -> str:
        value = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        return f"event: {kind}\ndata: {json.dumps(value)}\n\n"
