"""The body of a request for a chat completion, from a call."""

from __future__ import annotations

from typing import Any

from fusion_eval.core import Call


def request_of(call: Call) -> dict[str, Any]:
    """What is asked for, before anything is done without."""
    request: dict[str, Any] = {
        "model": call.model.id,
        "messages": [m.sent for m in call.messages],
        **call.model.params,
    }
    endpoint = call.model.endpoint
    if endpoint.sends_seed and endpoint.api == "chat" and "seed" not in request:
        request["seed"] = call.wire_seed
    if endpoint.stream or call.listen is not None:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    if call.tools:
        request["tools"] = list(call.tools)
    if call.output is not None:
        schema = {"name": call.output.name, "schema": call.output.json_schema, "strict": True}
        request["response_format"] = {"type": "json_schema", "json_schema": schema}
    return {**request, **call.model.extra_body}
