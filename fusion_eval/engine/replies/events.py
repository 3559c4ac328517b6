"""A stream of events put together into the completion that it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fusion_eval.engine.replies.decoding import loaded
from fusion_eval.engine.replies.usage import object_

_JOINED = ("content", "reasoning_content", "reasoning", "thinking", "refusal", "text")


def is_stream(text: str) -> bool:
    """Whether a body is made of server-sent events."""
    return text.startswith(("data:", "event:", "id:", "retry:", ":"))


def completion_of(text: str) -> dict[str, Any]:
    """The completion that a stream of chunks stands for; `cut_off` where its end is missing.

    Named events that are no chunks, as fusion products send them beside the answer, stand in
    `events` by their names. A stream of the responses interface ends with the whole response.
    """
    whole: dict[str, Any] = {"choices": []}
    choices: dict[int, dict[str, Any]] = {}
    ended = False
    for event, chunk in _chunks(text):
        ended |= chunk is None
        value = object_(chunk)
        if str(value.get("type")).startswith("response."):
            if isinstance(value.get("response"), dict):
                whole = {"cut_off": not _is_end(value), **value["response"]}
            continue
        if event and "choices" not in value and "error" not in value:
            whole.setdefault("events", {}).setdefault(event, []).append(chunk)
            continue
        _add(choices, value.pop("choices", None))
        whole |= {name: item for name, item in value.items() if item is not None}
    if "choices" not in whole:
        return whole
    _tell_usage(whole)
    whole["choices"] = [_joined(choices[index]) for index in sorted(choices)]
    if not ended and any(choice.get("finish_reason") is None for choice in whole["choices"]):
        whole["cut_off"] = True
    return whole


def text_in(line: str) -> str:
    """The visible text that one line of a stream adds."""
    data = line[5:].strip() if line.startswith("data:") else ""
    if not data.startswith("{"):
        return ""
    try:
        value = object_(loaded(data))
    except (ValueError, RecursionError):
        return ""
    if value.get("type") == "response.output_text.delta":
        return value["delta"] if isinstance(value.get("delta"), str) else ""
    choices = value.get("choices")
    first = object_(choices[0]) if isinstance(choices, list) and choices else {}
    content = object_(first.get("delta")).get("content")
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    texts = [object_(part) for part in parts]
    return "".join(
        part["text"]
        for part in texts
        if part.get("type") in ("text", "output_text") and isinstance(part.get("text"), str)
    )


def _is_end(event: dict[str, Any]) -> bool:
    return event.get("type") in ("response.completed", "response.incomplete", "response.failed")


def _tell_usage(whole: dict[str, Any]) -> None:
    """The usage of a product that tells it in an event of that name, whole or as a total."""
    told = object_(([{}, *whole.get("events", {}).get("usage", ())])[-1])
    if "usage" not in whole and told:
        whole["usage"] = told.get("total") or told.get("usage") or told


def _chunks(text: str) -> Iterator[tuple[str, Any]]:
    """Events with their names and JSON values; None is the end of the stream."""
    event = ""
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line.startswith("event:"):
            event = line[6:].strip()
        elif line.startswith("data:"):
            data = line[5:].strip()
            if data == "[DONE]":
                yield event, None
            elif data:
                yield event, loaded(data)
        elif not line:
            event = ""


def _add(choices: dict[int, dict[str, Any]], value: object) -> None:
    for item in value if isinstance(value, list) else ():
        piece = object_(item)
        index = piece.get("index")
        choice = choices.setdefault(index if isinstance(index, int) else 0, {"pieces": []})
        choice["pieces"].append(object_(piece.get("delta") or piece.get("message")))
        choice |= {k: v for k, v in piece.items() if k != "delta" and v is not None}


def _joined(choice: dict[str, Any]) -> dict[str, Any]:
    """One choice with its pieces as one message; parts stay parts, in their order."""
    pieces = choice.pop("pieces")
    message: dict[str, Any] = {}
    for name in dict.fromkeys(name for piece in pieces for name in piece):
        values = [piece[name] for piece in pieces if piece.get(name) is not None]
        if not values:
            continue
        if name in _JOINED and all(isinstance(value, str) for value in values):
            message[name] = "".join(values)
        elif any(isinstance(value, list) for value in values):
            message[name] = [part for v in values for part in (v if isinstance(v, list) else [v])]
        else:
            message[name] = values[-1]
    return {**choice, "message": message} if message or "message" not in choice else choice
