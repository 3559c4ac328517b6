"""A request of the Responses API as the chat completion that it stands for.

Stateless: the whole conversation is in `input`. What has no equal in a chat completion is refused,
never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion_eval.openai_api.errors import BadRequestError

_SAME = [
    "model",
    "temperature",
    "top_p",
    "stream",
    "user",
    "metadata",
    "store",
    "seed",
    "parallel_tool_calls",
    "service_tier",
    "frequency_penalty",
    "presence_penalty",
]
_REFUSED = {
    "previous_response_id": "nothing is stored here; send the whole conversation in `input`",
    "conversation": "nothing is stored here; send the whole conversation in `input`",
    "background": "a response is made while its client waits",
    "prompt": "stored prompts are not known here; send `instructions` and `input`",
}
_NO_TEXT = frozenset({"reasoning"})
"""Items of an earlier reply that are no part of the conversation as a chat completion has it."""


def chat_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a chat completion for a request of the Responses API. Raises BadRequestError."""
    for name, why in _REFUSED.items():
        if body.get(name):
            raise BadRequestError(f"`{name}` is not supported: {why}.", name, "unsupported_value")
    chat: dict[str, Any] = {name: body[name] for name in _SAME if body.get(name) is not None}
    if chat.get("stream") is True:
        chat["stream_options"] = {"include_usage": True}
    if body.get("max_output_tokens") is not None:
        chat["max_tokens"] = body["max_output_tokens"]
    effort = _object(body, "reasoning").get("effort")
    if effort is not None:
        chat["reasoning_effort"] = effort
    chat["messages"] = messages_of(body.get("instructions"), body.get("input"))
    if (form := _form(body)) is not None:
        chat["response_format"] = form
    if tools := body.get("tools"):
        chat["tools"] = _tools(tools)
        if body.get("tool_choice") is not None:
            chat["tool_choice"] = _choice(body["tool_choice"])
    return chat


def messages_of(instructions: object, given: object) -> list[dict[str, Any]]:
    """The messages of a chat completion: instructions first, then the items of `input`."""
    messages: list[dict[str, Any]] = []
    if instructions is not None:
        if not isinstance(instructions, str):
            raise BadRequestError("instructions must be a string.", "instructions")
        messages.append({"role": "system", "content": instructions})
    if isinstance(given, str):
        return [*messages, {"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise BadRequestError("input must be a string or a list of items.", "input")
    for place, item in enumerate(given):
        messages += _messages(item, f"input[{place}]")
    if not messages:
        raise BadRequestError("input holds no message.", "input")
    return messages


def _messages(item: object, place: str) -> list[dict[str, Any]]:
    """The message that an item stands for; none for one that is not part of the conversation."""
    if not isinstance(item, dict):
        raise BadRequestError(f"{place} must be an object.", place)
    kind = item.get("type", "message")
    if kind == "message":
        role = item.get("role")
        if role not in ("user", "assistant", "system", "developer"):
            raise BadRequestError(f"{place}.role is {role!r}, which is unknown.", f"{place}.role")
        return [{"role": role, "content": _content(item.get("content"), f"{place}.content")}]
    if kind == "function_call":
        call = {"name": item.get("name"), "arguments": item.get("arguments")}
        if not all(isinstance(value, str) for value in (*call.values(), item.get("call_id"))):
            raise BadRequestError(f"{place} needs call_id, name and arguments.", place)
        calls = [{"id": item["call_id"], "type": "function", "function": call}]
        return [{"role": "assistant", "content": None, "tool_calls": calls}]
    if kind == "function_call_output":
        output = item.get("output")
        content = output if isinstance(output, str) else _content(output, f"{place}.output")
        if not isinstance(item.get("call_id"), str):
            raise BadRequestError(f"{place} needs a call_id.", f"{place}.call_id")
        return [{"role": "tool", "tool_call_id": item["call_id"], "content": content}]
    if isinstance(kind, str) and kind in _NO_TEXT:
        return []
    raise BadRequestError(f"{place} is of type {kind!r}, which is not supported.", place)


def _content(content: object, place: str) -> str | list[dict[str, Any]]:
    """Text where all parts are text, else parts as a chat completion has them."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise BadRequestError(f"{place} must be a string or a list of parts.", place)
    parts = [_part(part, f"{place}[{i}]") for i, part in enumerate(content)]
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def _part(part: object, place: str) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(part, dict) and kind in ("input_text", "output_text", "text", "refusal"):
        text = part.get("refusal" if kind == "refusal" else "text")
        if isinstance(text, str):
            return {"type": "text", "text": text}
    if isinstance(part, dict) and kind == "input_image" and isinstance(part.get("image_url"), str):
        image = {"url": part["image_url"]}
        if isinstance(part.get("detail"), str):
            image["detail"] = part["detail"]
        return {"type": "image_url", "image_url": image}
    raise BadRequestError(f"{place} is a part of type {kind!r}, which cannot be used here.", place)


def _form(body: Mapping[str, Any]) -> dict[str, Any] | None:
    form = _object(body, "text").get("format")
    if form is None:
        return None
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "json_schema":
        schema = {k: v for k, v in form.items() if k != "type" and v is not None}
        return {"type": "json_schema", "json_schema": schema}
    if kind in ("text", "json_object"):
        return {"type": kind}
    raise BadRequestError("text.format.type is unknown.", "text.format")


def _tools(tools: object) -> list[dict[str, Any]]:
    if not isinstance(tools, list):
        raise BadRequestError("tools must be a list.", "tools")
    made = []
    for i, tool in enumerate(tools):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if not isinstance(tool, dict) or kind != "function":
            raise BadRequestError(
                f"tools[{i}] is of type {kind!r}; only `function` is supported.",
                "tools",
                "unsupported_value",
            )
        function = {k: v for k, v in tool.items() if k != "type" and v is not None}
        made.append({"type": "function", "function": function})
    return made


def _choice(choice: object) -> object:
    if isinstance(choice, dict) and choice.get("type") == "function":
        return {"type": "function", "function": {"name": choice.get("name")}}
    return choice


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequestError(f"{name} must be an object.", name)
    return value
