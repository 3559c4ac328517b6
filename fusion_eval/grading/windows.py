"""Whether an answer fits into a grader's window, and where it is split if it does not."""

from __future__ import annotations

from collections.abc import Callable

from fusion_eval.core import Messages, Model
from fusion_eval.core.protocol import TooLong

TOO_LONG = "answer_too_long"
"""The reason of a verdict that is missing because the answer does not fit."""

BYTES_PER_TOKEN = 3.0
"""UTF-8 bytes: a cautious figure for English (4 to 5) and for scripts of three bytes a sign."""
REPLY_TOKENS = 1024
"""Left free for the reply of a grader without `max_tokens`."""
_SMALLEST = 300

Messaged = Callable[[str, tuple[int, int] | None], Messages]
"""(text, which part) -> the request about it."""


def parts(answer: str, model: Model | None, messaged: Messaged, too_long: TooLong) -> list[str]:
    """The answer whole, or in parts that fit; empty where it is refused.

    Nothing is cut: the parts together are the answer, apart from space between them. A model whose
    window nobody knows takes everything.
    """
    room = _room(model)
    if room is None or _bytes(messaged(answer, None)) <= room:
        return [answer]
    free = room - _bytes(messaged("", (99, 99)))
    if too_long == "refuse" or free < _SMALLEST:
        return []
    return split(answer, int(free))


def split(answer: str, size: int) -> list[str]:
    """Pieces of at most `size` bytes, at the last paragraph, else line, else space, else sign."""
    pieces: list[str] = []
    rest = answer.strip()
    while rest:
        head = rest.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore") or rest[:1]
        if len(head) < len(rest):
            cuts = (head.rfind(mark, len(head) // 2) for mark in ("\n\n", "\n", " "))
            head = head[: next((at for at in cuts if at > 0), len(head))]
        pieces.append(head.strip())
        rest = rest[len(head) :].strip()
    return [piece for piece in pieces if piece]


def _room(model: Model | None) -> float | None:
    """Bytes that a request may have."""
    if model is None or model.context_window is None:
        return None
    said = model.params.get("max_completion_tokens") or model.params.get("max_tokens")
    return (model.context_window - (said or REPLY_TOKENS)) * BYTES_PER_TOKEN


def _bytes(messages: Messages) -> int:
    return sum(len(m.content.encode("utf-8", "surrogatepass")) + 16 for m in messages)
