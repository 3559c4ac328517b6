"""OpenAI's responses interface: our requests in its form, and its bodies as chat completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES = {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens"}
_ENDS = {"completed": "stop", "incomplete": "length", "failed": "error", "cancelled": "error"}


def request_of(chat: Mapping[str, Any]) -> dict[str, Any]:
    """A request for a chat completion as one for a response.

    What the interface has under another name is renamed; what it does not have is sent as it is,
    so that the endpoint refuses it by name.
    """
    request = {_NAMES.get(name, name): value for name, value in chat.items()}
    request["input"] = [item for message in request.pop("messages") for item in _items(message)]
    request.pop("stream_options", None)
    if effort := request.pop("reasoning_effort", None):
        request["reasoning"] = {"effort": effort, **request.get("reasoning", {})}
    if tools := request.get("tools"):
        request["tools"] = [{**tool, **tool.get("function", {})} for tool in tools]
        for tool in request["tools"]:
            tool.pop("function", None)
    if form := request.pop("response_format", None):
        named = {"type": form["type"], **form.get("json_schema", {})}
        request["text"] = {**request.get("text", {}), "format": named}
    return request


def _items(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A message as items: calls of tools and their results are items of their own."""
    if message["role"] == "tool":
        call, output = message["tool_call_id"], message["content"]
        return [{"type": "function_call_output", "call_id": call, "output": output}]
    calls = message.get("tool_calls")
    if not calls:
        return [message]
    said = [{"role": message["role"], "content": message["content"]}] if message["content"] else []
    made = [{"type": "function_call", "call_id": c["id"], **c["function"]} for c in calls]
    return [*said, *made]


def is_response(body: Mapping[str, Any]) -> bool:
    """Whether a body is one of the responses interface."""
    return body.get("object") == "response" or (
        isinstance(body.get("output"), list) and "choices" not in body
    )


def completion_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body of the responses interface in the form of a chat completion."""
    items = [item for item in body.get("output") or () if isinstance(item, dict)]
    parts = [
        part
        for item in items
        if item.get("type") == "message"
        for part in _list(item.get("content"))
    ]
    message: dict[str, Any] = {"role": "assistant", "content": parts or body.get("output_text")}
    thoughts = [item for item in items if item.get("type") == "reasoning"]
    if thoughts:
        message["reasoning_details"] = thoughts
    calls = [item for item in items if item.get("type") == "function_call"]
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": _finish(body, bool(calls))}
    rest = {name: value for name, value in body.items() if name != "output"}
    answered = parts or calls or thoughts or body.get("output_text")
    return {**rest, "choices": [choice] if answered or not body.get("error") else []}


def _finish(body: Mapping[str, Any], calls: bool) -> str | None:
    status = body.get("status")
    details = body.get("incomplete_details")
    if status == "incomplete" and isinstance(details, dict) and details.get("reason"):
        return str(details["reason"])
    if calls and status == "completed":
        return "tool_calls"
    return _ENDS.get(str(status))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []
