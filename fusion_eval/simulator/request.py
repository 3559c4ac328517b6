"""A chat completion request: checked by hand, because a model is asked thousands of times a minute.

Whatever JSON comes in ends as a Request, or as BadRequestError with OpenAI's words: never a crash.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from fusion_eval.openai_api import BadRequestError
from fusion_eval.openai_api.responses import chat_body

_NO_DRAW = frozenset({"stream", "stream_options", "user", "metadata", "store"})


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to a model. `draw` follows from everything that can change the reply.

    `asked` is the body of a request of the Responses API, of which `body` is the chat completion.
    """

    model: str
    text: str
    words: int
    draw: str
    cap: int | None
    form: str
    schema: object
    stream: bool
    stream_usage: bool
    body: dict[str, Any]
    asked: dict[str, Any] | None = None

    @property
    def wants_json(self) -> bool:
        """Whether JSON is requested, by the form or in words."""
        return self.form != "text" or "json" in self.text.lower()


def parse(raw: bytes, *, responses: bool = False) -> Request:
    """A Request from the bytes of a body, perhaps of the Responses API. Raises BadRequestError."""
    body = _loaded(raw)
    if responses:
        return replace(_request(chat_body(body)), asked=body)
    return _request(body)


def _loaded(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        problem = f"We could not parse the JSON body of your request: {error}"
        raise BadRequestError(problem) from error
    if not isinstance(body, dict):
        raise BadRequestError("The body must be a JSON object.")
    return body


def _request(body: dict[str, Any]) -> Request:
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise BadRequestError("You must provide a model parameter.", "model")
    if body.get("n") not in (None, 1):
        problem = "Only n = 1 is supported; send n requests with different seeds."
        raise BadRequestError(problem, "n")
    text = "\n\n".join(_contents(body.get("messages")))
    form, schema = _form(body.get("response_format"))
    options = body.get("stream_options")
    return Request(
        model=body["model"],
        text=text,
        words=len(text.split()),
        draw=_draw(body),
        cap=_cap(body),
        form=form,
        schema=schema,
        stream=body.get("stream") is True,
        stream_usage=isinstance(options, dict) and options.get("include_usage") is True,
        body=body,
    )


def _draw(body: dict[str, Any]) -> str:
    """Digest of the request without what only says how to deliver it. JSON order means nothing."""
    kept = {k: v for k, v in body.items() if k not in _NO_DRAW}
    return blake2b(json.dumps(kept, sort_keys=True).encode(), digest_size=16).hexdigest()


def spelled_alike(request: Request) -> str:
    """A draw that is the same however a dialect wants the request spelled: by the text of the
    conversation, and not by how it is cut into messages or what a parameter is called."""
    names = {"random_seed": "seed", "max_completion_tokens": "max_tokens"}
    kept = {names.get(k, k): v for k, v in request.body.items() if k not in _NO_DRAW}
    kept["messages"] = request.text
    return blake2b(json.dumps(kept, sort_keys=True).encode(), digest_size=16).hexdigest()


def _contents(messages: object) -> list[str]:
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("messages must be a list with at least one message.", "messages")
    found = []
    for i, message in enumerate(messages):
        place = f"messages[{i}]"
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise BadRequestError(f"{place} must be an object with a role.", place)
        content = message.get("content")
        if content is None or isinstance(content, str):
            found.append(content or "")
        elif isinstance(content, list):
            found.append("\n".join(_part(part, f"{place}.content") for part in content))
        else:
            raise BadRequestError(f"{place}.content must be a string or a list of parts.", place)
    return found


def _part(part: object, place: str) -> str:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise BadRequestError(f"{place} must hold objects with a type.", place)
    text = part.get("text")
    return text if isinstance(text, str) else ""


def _cap(body: dict[str, Any]) -> int | None:
    """The smaller of the two limits on the reply, in tokens."""
    caps = []
    for name in ("max_tokens", "max_completion_tokens"):
        cap = body.get(name)
        if cap is None:
            continue
        if not isinstance(cap, int) or isinstance(cap, bool) or cap < 1:
            raise BadRequestError(f"{name} must be an integer of at least 1.", name)
        caps.append(cap)
    return min(caps) if caps else None


def _form(form: object) -> tuple[str, object]:
    """The form of the reply (text, json_object, json_schema), and the JSON Schema if any."""
    if form is None:
        return "text", None
    kind = form.get("type") if isinstance(form, dict) else None
    if not isinstance(form, dict) or kind not in ("text", "json_object", "json_schema"):
        raise BadRequestError("response_format.type is unknown.", "response_format")
    if kind != "json_schema":
        return str(kind), None
    holder = form.get("json_schema")
    schema = holder.get("schema") if isinstance(holder, dict) else None
    if not isinstance(schema, dict):
        raise BadRequestError("response_format.json_schema.schema is missing.", "response_format")
    return "json_schema", schema
