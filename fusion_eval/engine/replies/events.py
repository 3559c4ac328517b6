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
    """The completion that a stream of chunks stands for; `cut_off` where its end is missing."""
    whole: dict[str, Any] = {"choices": []}
    choices: dict[int, dict[str, Any]] = {}
    ended = False
    for chunk in _chunks(text):
        ended |= chunk is None
        for name, value in object_(chunk).items():
            if name == "choices":
                _add(choices, value)
            elif value is not None:
                whole[name] = value
    whole["choices"] = [_joined(choices[index]) for index in sorted(choices)]
    if not ended and any(choice.get("finish_reason") is None for choice in whole["choices"]):
        whole["cut_off"] = True
    return whole


def _chunks(text: str) -> Iterator[Any]:
    """The JSON values of a stream's data lines; None for its end."""
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line.startswith("data:"):
            data = line[5:].strip()
            if data == "[DONE]":
                yield None
            elif data:
                yield loaded(data)


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
