"""Following a reply while it is written: its visible text, piece by piece, and when it began."""

from __future__ import annotations

from collections.abc import Callable

from fusion_eval.answers.thoughts import split_thoughts
from fusion_eval.core import Listener
from fusion_eval.engine.replies.events import text_in

_LONGEST_TAG = 24
_OPENS, _CLOSES = ("<", "[", "◁"), frozenset(">]▷")


class Hearing:
    """The bytes of one stream in, visible text out to a listener; thoughts are kept back.

    `first_s` is when the first visible text came (seconds after `begin`, by the given clock); None
    before it.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        listen: Listener | None = None,
        tidy: Callable[[str], str] = str,
    ) -> None:
        self._clock = clock
        self._listen = listen
        self._tidy = tidy
        self.begin()

    def begin(self) -> None:
        """A request is sent; what it brings begins anew."""
        self.first_s: float | None = None
        self._began = self._clock()
        self._pieces: list[bytes] = []
        self._line = b""
        self._held = ""
        self._thinking = self._closed = False

    @property
    def was_heard(self) -> bool:
        """Whether a listener has been told any text."""
        return self._listen is not None and self.first_s is not None

    def hear(self, piece: bytes) -> None:
        """The next bytes of the stream."""
        self._pieces.append(piece)
        *lines, self._line = (self._line + piece).replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            if text := text_in(line.decode("utf-8", "replace")):
                self._say(text if self.first_s is not None else self._decided(text))

    def end(self) -> bytes:
        """All bytes, after what was held back and is no thought has been said."""
        self.hear(b"\n")
        if self.first_s is None:
            self._say(split_thoughts(self._held)[0])
        return b"".join(self._pieces)[:-1]

    def _decided(self, text: str) -> str:
        """What is visible of all that was held back; nothing while it may still be a thought.

        Only where a tag may just have closed are thoughts looked through again: they are long.
        """
        self._held += text
        head = self._held.lstrip()
        closes = bool(_CLOSES & set(text))
        look, self._closed = closes or self._closed, closes or (self._closed and not text.strip())
        if head.startswith(_OPENS):
            may_open = len(head) <= _LONGEST_TAG and not _CLOSES & set(head)
            if may_open or (self._thinking and not look):
                return ""
        visible, thoughts = split_thoughts(self._held)
        self._thinking = bool(thoughts) and not visible
        return visible.strip() and visible.strip() + head[len(head.rstrip()) :]

    def _say(self, text: str) -> None:
        if not text:
            return
        if self.first_s is None:
            self.first_s = self._clock() - self._began
        if self._listen is not None:
            self._listen(self._tidy(text))
