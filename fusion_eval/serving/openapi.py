"""The OpenAPI description of the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fusion_eval import __version__

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": ["number", "null"]}
_EVENT: Schema = {"type": "object", "properties": {"event": _TEXT, "data": _TEXT}}
"""One event of a stream."""
_COUNT: Schema = {"type": ["integer", "null"]}


def description(names: Sequence[str]) -> dict[str, Any]:
    """The description of a server that offers models of these names."""
    asked = {"Chat": _chat(names), "Response": _response(names), "Estimate": _estimate(names)}
    given = {
        "Error": _ERROR,
        "Fusion": _FUSION,
        "Model": _MODEL,
        "Completion": _COMPLETION,
        "ResponseObject": _RESPONSE,
        "Estimates": _ESTIMATES,
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "fusion-eval serve", "version": __version__},
        "paths": {
            "/v1/chat/completions": {"post": _post("chat", "Chat", "Completion", stream=True)},
            "/v1/responses": {"post": _post("response", "Response", "ResponseObject", stream=True)},
            "/v1/estimate": {"post": _post("estimate", "Estimate", "Estimates", stream=False)},
            "/v1/models": {"get": _get("models", _list("Model"))},
            "/v1/models/{id}": {"get": {**_get("model", _ref("Model"), 404), "parameters": [_ID]}},
            "/health": {"get": _get("health", {"type": "object", "required": ["status"]})},
            "/metrics": {"get": _metrics()},
        },
        "components": {
            "schemas": asked | given,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str) -> Schema:
    listed = {"object": {"const": "list"}, "data": {"type": "array", "items": _ref(name)}}
    return {"type": "object", "required": ["object", "data"], "properties": listed}


def _content(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _errors(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {"description": _WHY[status], "content": _content(_ref("Error"))}
        for status in statuses
    }


_WHY = {
    400: "the request cannot be used",
    401: "no key, or a wrong one",
    403: "a foreign Host or Origin",
    404: "no such model",
    405: "not for this method",
    408: "the body did not come in time",
    413: "the body is too long",
    429: "too many requests of this key, or the dollars of the day are spent",
    500: "a failure of the server",
    502: "the models of the recipe failed",
    503: "too many requests at once, or an endpoint is gone",
    504: "the models of the recipe took too long",
}


def _post(name: str, asked: str, given: str, *, stream: bool) -> dict[str, Any]:
    content = _content(_ref(given))
    if stream:
        content["text/event-stream"] = {"schema": _EVENT}
    told = {name: {"schema": _TEXT} for name in _HEADERS if stream}
    answered = {"description": "the answer", "content": content, "headers": told}
    return {
        "operationId": name,
        "requestBody": {"required": True, "content": _content(_ref(asked))},
        "responses": {"200": answered, **_errors(*_WHY)},
    }


_HEADERS = [
    "x-fusion-recipe",
    "x-fusion-cost-usd",
    "x-fusion-latency-s",
    "x-fusion-degraded",
    "x-fusion-simulated",
    "x-litellm-response-cost",
]


def _get(name: str, schema: Schema, *errors: int) -> dict[str, Any]:
    answered = {"description": "what is asked for", "content": _content(schema)}
    return {"operationId": name, "responses": {"200": answered, **_errors(401, 403, 405, *errors)}}


def _metrics() -> dict[str, Any]:
    answered = {"description": "for Prometheus", "content": {"text/plain": {"schema": _TEXT}}}
    return {"operationId": "metrics", "responses": {"200": answered, **_errors(401, 403, 405)}}


def _object(required: Sequence[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": properties}


_WORDS: Schema = {"type": "string", "pattern": r"[A-Za-z0-9]"}
_PART = _object(["type", "text"], type={"const": "text"}, text=_WORDS)
_CONTENT: Schema = {"anyOf": [_WORDS, {"type": "array", "items": _PART, "minItems": 1}]}
_MESSAGE = _object(
    ["role", "content"],
    role={"enum": ["system", "developer", "user", "assistant"]},
    content=_CONTENT,
)
_SHORT: Schema = {"type": "string", "maxLength": 200}
_STOP: Schema = {
    "anyOf": [_SHORT, {"type": "null"}, {"type": "array", "items": _SHORT, "maxItems": 16}]
}
_SEED: Schema = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}


def _model(names: Sequence[str]) -> Schema:
    return {"enum": list(names)}


def _chat(names: Sequence[str]) -> Schema:
    return _object(
        ["model", "messages"],
        model=_model(names),
        messages={"type": "array", "items": _MESSAGE, "minItems": 1},
        stream={"type": "boolean"},
        stream_options=_object([], include_usage={"type": "boolean"}),
        stop=_STOP,
        seed=_SEED,
        temperature={"type": "number"},
        max_tokens={"type": "integer", "minimum": 1},
        n={"const": 1},
        metadata={"type": "object", "additionalProperties": _TEXT},
    )


def _response(names: Sequence[str]) -> Schema:
    item = _object(["role", "content"], role=_MESSAGE["properties"]["role"], content=_WORDS)
    items: Schema = {"type": "array", "items": item, "minItems": 1}
    return _object(
        ["model", "input"],
        model=_model(names),
        input={"anyOf": [_WORDS, items]},
        instructions={"type": ["string", "null"]},
        stream={"type": "boolean"},
        max_output_tokens={"type": "integer", "minimum": 1},
        temperature={"type": "number"},
        metadata={"type": "object", "additionalProperties": _TEXT},
    )


def _estimate(names: Sequence[str]) -> Schema:
    chat = _chat(names)
    return {**chat, "required": ["messages"]}


_ERROR = _object(
    ["error"],
    error=_object(
        ["message", "type", "param", "code"],
        message=_TEXT,
        type=_TEXT,
        param={"type": ["string", "null"]},
        code={"type": ["string", "null"]},
    ),
)
_ROLE = _object(
    ["role", "model", "calls", "tokens_in", "tokens_out", "cost_usd"],
    role=_TEXT,
    model=_TEXT,
    calls=_COUNT,
    tokens_in=_COUNT,
    tokens_out=_COUNT,
    cost_usd=_NUMBER,
)
_FUSION = _object(
    ["recipe", "cost_usd", "latency_s", "degraded", "roles", "simulated"],
    recipe=_TEXT,
    cost_usd=_NUMBER,
    latency_s=_NUMBER,
    degraded={"type": "array", "items": _TEXT},
    roles={"type": "array", "items": _ROLE},
    simulated={"type": "boolean"},
)
_MODEL = _object(
    ["id", "object", "created", "owned_by", "context_length", "max_completion_tokens"],
    id=_TEXT,
    object={"const": "model"},
    created={"type": "integer"},
    owned_by=_TEXT,
    context_length=_COUNT,
    max_completion_tokens=_COUNT,
)
_COMPLETION = _object(
    ["id", "object", "created", "model", "choices", "usage", "fusion"],
    id=_TEXT,
    object={"const": "chat.completion"},
    created={"type": "integer"},
    model=_TEXT,
    choices={"type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "object"}},
    usage={"type": ["object", "null"]},
    fusion=_ref("Fusion"),
)
_RESPONSE = _object(
    ["id", "object", "created_at", "model", "status", "output", "usage", "fusion"],
    id=_TEXT,
    object={"const": "response"},
    created_at={"type": "integer"},
    model=_TEXT,
    status={"enum": ["completed", "incomplete"]},
    output={"type": "array", "items": {"type": "object"}},
    usage={"type": ["object", "null"]},
    fusion=_ref("Fusion"),
)
_ESTIMATES: Schema = _object(
    ["object", "data"],
    object={"const": "list"},
    data={
        "type": "array",
        "items": _object(
            ["model", "calls_low", "calls_high", "low_usd", "expected_usd", "high_usd"],
            model=_TEXT,
            calls_low=_COUNT,
            calls_high=_COUNT,
            low_usd=_NUMBER,
            expected_usd=_NUMBER,
            high_usd=_NUMBER,
        ),
    },
)
