"""What a run tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """Where a run stands: calls made, found in the ledger, in flight and tried again; dollars
    spent and reserved as far as known, and the budget, if there is one."""

    made: int
    hits: int
    in_flight: int
    retries: int
    spent_usd: float
    reserved_usd: float
    budget_usd: float | None


class Progress(Protocol):
    """Told after every trial. The command line draws a bar from it; a script may ignore it.

    Where a run stands is worked out when it is asked for: trials end faster than anybody reads.
    """

    def started(self, trials: int) -> None:
        """The number of trials to come."""

    def advanced(self, now: Callable[[], Now]) -> None:
        """One trial is done."""

    def note(self, text: str) -> None:
        """Something that a person should know now."""


class Silent:
    """Says nothing."""

    def started(self, trials: int) -> None:
        """Nothing."""

    def advanced(self, now: Callable[[], Now]) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""
