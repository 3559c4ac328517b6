"""Text up to a stop sequence, also where it comes in pieces."""

from __future__ import annotations

from collections.abc import Sequence


def until_stop(text: str, stops: Sequence[str]) -> str:
    """The text before the first of the stop sequences."""
    ends = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(ends, default=len(text))]


class Pieces:
    """Pieces of a text as they may be shown: nothing from a stop sequence on, nor what may be the
    beginning of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._longest = max((len(stop) - 1 for stop in stops), default=0)
        self._shown: list[str] = []
        self._held = ""
        self._ended = False

    def add(self, piece: str) -> str:
        """What may be shown after one piece more."""
        if self._ended:
            return ""
        text = self._held + piece
        whole = until_stop(text, self._stops)
        self._ended = len(whole) < len(text)
        end = len(whole) if self._ended else max(0, len(text) - self._longest)
        self._held = text[end:]
        self._shown.append(text[:end])
        return text[:end]

    def end(self, text: str) -> str | None:
        """The rest, given the whole text; None where it is not what has been shown of it."""
        whole, shown = until_stop(text, self._stops), "".join(self._shown)
        return whole[len(shown) :] if whole.startswith(shown) else None
