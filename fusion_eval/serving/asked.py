"""What a request asks for, checked: the question, how it wants its answer, and what cannot be done.

The body is that of a chat completion; a request of the Responses API is brought into that form
before. A recipe is served as it was measured, so sampling parameters are not used; each that a
client sends is named in the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fusion_eval.core import Message, Question
from fusion_eval.openai_api import BadRequestError

_UNUSED = [
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "frequency_penalty",
    "presence_penalty",
    "reasoning_effort",
    "logit_bias",
    "verbosity",
    "top_k",
    "min_p",
]
"""Fields that do not change a recipe; named as ignored where they are given."""
_REFUSED = ("functions", "function_call", "audio", "web_search_options", "suffix", "best_of")
_MOST_STOPS, _LONGEST_STOP = 16, 200


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that can be answered.

    draw : which draw of the recipe is wanted (the field `seed`); None for a fresh one
    needs : what only a single model can do: `tools`, `images`, `response_format`
    ignored : fields that were given and are not used
    """

    model: str
    question: Question
    body: Mapping[str, Any]
    stream: bool = False
    stream_usage: bool = False
    draw: int | None = None
    stops: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    domain: str = ""


def load(raw: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises BadRequestError."""
    try:
        body = json.loads(raw, parse_constant=_no_number)
        if not isinstance(body, dict):
            raise BadRequestError("The body must be a JSON object.")
        if b"\\u" in raw:  # only an escape can hold half of a character
            json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadRequestError("The body holds half of a character (a lone surrogate).") from None
    except (ValueError, RecursionError):
        raise BadRequestError("The body is not JSON that can be read.") from None
    return body


def _no_number(_: str) -> None:
    raise ValueError("NaN is no JSON")


def asked_of(body: Mapping[str, Any]) -> Asked:
    """The request in the body of a chat completion. Raises BadRequestError."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequestError("You must provide a model parameter.", "model")
    _refuse(body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("messages must be a list with at least one message.", "messages")
    read = [_message(message, f"messages[{i}]") for i, message in enumerate(messages)]
    needs = [need for _, _, need in read if need]
    if body.get("tools") and body.get("tool_choice") != "none":
        _check_tools(body["tools"])
        needs.append("tools")
    if _form(body) != "text":
        needs.append("response_format")
    options = body.get("stream_options")
    metadata = body.get("metadata")
    domain = metadata.get("domain") if isinstance(metadata, dict) else None
    return Asked(
        model=model,
        question=_question(read, anything=bool(needs)),
        body=body,
        stream=_flag(body, "stream"),
        stream_usage=isinstance(options, dict) and options.get("include_usage") is True,
        draw=_draw(body.get("seed")),
        stops=_stops(body.get("stop")),
        needs=tuple(dict.fromkeys(needs)),
        ignored=tuple(name for name in _UNUSED if body.get(name) not in (None, {}, [])),
        domain=domain if isinstance(domain, str) else "",
    )


def _refuse(body: Mapping[str, Any]) -> None:
    """What would be dropped in silence otherwise."""
    for name in _REFUSED:
        if body.get(name):
            raise BadRequestError(f"`{name}` is not supported.", name, "unsupported_parameter")
    if body.get("n") not in (None, 1):
        problem = "Only n = 1 is supported; send n requests, each gets an answer of its own."
        raise BadRequestError(problem, "n", "unsupported_value")
    for name in ("logprobs", "top_logprobs"):
        if body.get(name):
            problem = f"`{name}` is not supported: an answer is written from several models'."
            raise BadRequestError(problem, name, "unsupported_parameter")
    modalities = body.get("modalities")
    if modalities not in (None, [], ["text"]):
        raise BadRequestError("Only text can be answered.", "modalities", "unsupported_value")


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value not in (None, True, False) or isinstance(value, int | float) is not isinstance(
        value, bool
    ):
        raise BadRequestError(f"{name} must be true or false.", name)
    return value is True


def _draw(seed: object) -> int | None:
    if seed is None:
        return None
    if not isinstance(seed, int) or isinstance(seed, bool) or not -(2**63) <= seed < 2**63:
        raise BadRequestError("seed must be a whole number of at most 63 bits.", "seed")
    return seed


def _stops(stop: object) -> tuple[str, ...]:
    given = [stop] if isinstance(stop, str) else stop or []
    texts = [s for s in given if isinstance(s, str)] if isinstance(given, list) else None
    if texts is None or given != texts or len(texts) > _MOST_STOPS or _too_long(texts):
        problem = f"stop must be a text, or at most {_MOST_STOPS} of {_LONGEST_STOP} characters."
        raise BadRequestError(problem, "stop")
    return tuple(text for text in texts if text)


def _too_long(texts: list[str]) -> bool:
    return any(len(text) > _LONGEST_STOP for text in texts)


def _form(body: Mapping[str, Any]) -> str:
    form = body.get("response_format")
    if form is None:
        return "text"
    kind = form.get("type") if isinstance(form, dict) else None
    if kind not in ("text", "json_object", "json_schema"):
        raise BadRequestError("response_format.type is unknown.", "response_format")
    return str(kind)


def _check_tools(tools: object) -> None:
    """Functions of the client only: what a server runs (a search) has a price of its own."""
    if not isinstance(tools, list):
        raise BadRequestError("tools must be a list.", "tools")
    for i, tool in enumerate(tools):
        kind = tool.get("type") if isinstance(tool, dict) else None
        function = tool.get("function") if isinstance(tool, dict) else None
        if kind != "function" or not isinstance(function, dict):
            problem = f"tools[{i}] is no function of the client; nothing else is supported."
            raise BadRequestError(problem, "tools", "unsupported_value")


_Read = tuple[str, str, str]
"""Role, text, and what only a single model can do about it (empty: nothing)."""


def _message(message: object, place: str) -> _Read:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise BadRequestError(f"{place} must be an object with a role.", place)
    role, content = message["role"], message.get("content")
    if role not in ("system", "developer", "user", "assistant", "tool"):
        raise BadRequestError(f"{place}.role is {role[:40]!r}, which is unknown.", f"{place}.role")
    need = "tools" if role == "tool" or message.get("tool_calls") else ""
    if content is None and role == "assistant":
        return role, "", need
    if isinstance(content, str):
        return role, content, need
    if not isinstance(content, list):
        problem = f"{place}.content must be a string or a list of parts."
        raise BadRequestError(problem, f"{place}.content")
    texts = [_part(part, f"{place}.content[{i}]") for i, part in enumerate(content)]
    if None in texts:
        need = need or "images"
    return role, "\n".join(text for text in texts if text is not None), need


def _part(part: object, place: str) -> str | None:
    """The text of a part, None for an image."""
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(part, dict) and kind in ("text", "refusal"):
        text = part.get(str(kind))
        if isinstance(text, str):
            return text
    if isinstance(part, dict) and kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else None
        if isinstance(url, str) and url.startswith(("https://", "http://", "data:image/")):
            return None
        raise BadRequestError(f"{place} needs an image's URL, http(s) or data.", place)
    raise BadRequestError(f"{place} is a part of type {kind!r}, which cannot be used.", place)


def _question(read: list[_Read], *, anything: bool) -> Question:
    """The conversation as a strategy sees it: system prompts at its head, the last turn asks."""
    head = [text for i, (role, text, _) in enumerate(read) if _leads(read, i)]
    rest = [(role, text) for role, text, _ in read[len(head) :]]
    if not anything and (not rest or rest[-1][0] != "user" or not rest[-1][1].strip()):
        problem = "The last message must be the user's, with text in it."
        raise BadRequestError(problem, "messages")
    system = "\n\n".join(text for text in head if text)
    *turns, (_, prompt) = rest or [("user", "")]
    return Question(
        prompt=prompt,
        system=system or None,
        turns=tuple(Message(role=_ROLES[role], content=text) for role, text in turns),
    )


_ROLES: dict[str, Any] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "user",
}


def _leads(read: list[_Read], place: int) -> bool:
    return all(role in ("system", "developer") for role, _, _ in read[: place + 1])
