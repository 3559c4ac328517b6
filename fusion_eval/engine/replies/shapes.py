"""From a completion in any provider's shape to what was said, thought and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fusion_eval.answers.thoughts import split_thoughts
from fusion_eval.engine.replies.usage import object_
from fusion_eval.engine.replies.words import ERROR, LENGTH, REFUSAL, STOP, finish_word

_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "thinking_blocks", "reasoning_details")
_TEXTS = frozenset({"text", "output_text", "input_text", "message"})
_THINKING = ("think", "reason", "thought")


class ShapeError(Exception):
    """A body that cannot be used as it is. `again`: another one may have another shape."""

    def __init__(self, what: str, *, again: bool = False) -> None:
        self.again = again
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Said:
    """What a choice says: visible text, thoughts, and how it ended, in our words."""

    text: str
    thoughts: str
    finish: str


def choice_of(body: dict[str, Any]) -> dict[str, Any]:
    """The choice that counts: of several, the first with something in it. Raises ShapeError."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise ShapeError("a completion without choices", again=True)
    usable = [choice for choice in choices if isinstance(choice, dict)]
    if not usable:
        raise ShapeError("a choice that is no object", again=True)
    return next((choice for choice in usable if _has_text(choice)), usable[0])


def said(choice: dict[str, Any]) -> Said:
    """What a choice says. Raises ShapeError where there is nothing that could be read."""
    ended = finish_word(choice.get("finish_reason"))
    ended = ended or finish_word(choice.get("native_finish_reason"))
    message = choice.get("message")
    if message is None:
        message = choice.get("delta") or choice.get("text")
    if isinstance(message, str):
        message = {"content": message}
    if not isinstance(message, dict):
        if ended in (REFUSAL, LENGTH, ERROR):
            return Said("", "", ended)
        raise ShapeError("a choice without a message", again=True)
    text, thoughts, refusal = _content(message.get("content"))
    text, inside = split_thoughts(text)
    beside = _beside(message)
    thoughts = "\n\n".join(dict.fromkeys(filter(None, (beside, thoughts.strip(), inside))))
    if message.get("refusal") or (refusal and not text):
        ended = REFUSAL
    if ended is None and message.get("tool_calls") and not text:
        ended = "tool_calls"
    return Said(text, thoughts, ended or STOP)


def _has_text(choice: dict[str, Any]) -> bool:
    content = object_(choice.get("message")).get("content")
    return bool(content) and not choice.get("error")


def _content(content: object) -> tuple[str, str, bool]:
    """(text, thoughts, whether it is refused) of a content. Raises ShapeError."""
    if content is None or isinstance(content, str):
        return content or "", "", False
    parts = content if isinstance(content, list) else [content]
    texts: list[str] = []
    thoughts: list[str] = []
    refused, others = False, set[str]()
    for part in parts:
        kind = str(object_(part).get("type", "text")).lower()
        if isinstance(part, str):
            texts.append(part)
        elif not isinstance(part, dict):
            others.add(type(part).__name__)
        elif part.get("thought") is True or kind.startswith(_THINKING):
            thoughts += _strings(part)
        elif kind == "refusal":
            refused = True
        elif kind in _TEXTS and (found := [*_strings(part)]):
            texts += found
        elif kind not in _TEXTS and kind not in ("tool_use", "tool_call", "function"):
            others.add(kind)
    if others and not texts:
        raise ShapeError(f"content of kind {', '.join(sorted(others))[:60]}, and no text")
    return "".join(texts), "\n\n".join(thoughts), refused


def _beside(message: dict[str, Any]) -> str:
    """Thoughts that stand beside the content, under the first of their names that holds any."""
    for name in _THOUGHTS:
        if joined := "\n".join(_strings(message.get(name))).strip():
            return joined
    return ""


def _strings(value: object, depth: int = 0) -> Iterator[str]:
    """Every text in a part, which may hold parts itself."""
    if isinstance(value, str):
        yield value
    elif depth < 5 and isinstance(value, list):
        for item in value:
            yield from _strings(item, depth + 1)
    elif depth < 5 and isinstance(value, dict):
        for name in ("text", "thinking", "content", "summary", "reasoning", "reasoning_content"):
            yield from _strings(value.get(name), depth + 1)
