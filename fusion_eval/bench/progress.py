"""What a run tells while it runs."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told after every trial. The command line draws a bar from it; a script may ignore it."""

    def started(self, trials: int) -> None:
        """The number of trials to come."""

    def advanced(self, *, made: int, spent_usd: float) -> None:
        """One trial is done; calls made so far, and dollars spent on them as far as known."""

    def note(self, text: str) -> None:
        """Something that a person should know now."""


class Silent:
    """Says nothing."""

    def started(self, trials: int) -> None:
        """Nothing."""

    def advanced(self, *, made: int, spent_usd: float) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""
