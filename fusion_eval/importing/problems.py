"""All that is wrong with a table, collected, so that a user mends it in one go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fusion_eval.errors import TableError

SHOWN = 20


class Problems:
    """Grows while a table is read; `raise_if_any` ends the reading."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, where: str, what: str, way_out: str) -> None:
        """One problem."""
        self._lines.append(f"{where}: {what}; {way_out}")

    def add_rows(self, file: str, lines: Iterable[object], whats: Sequence[str], out: str) -> None:
        """One problem for each line."""
        for line, what in zip(lines, whats, strict=True):
            self.add(f"{file}:{line}", what, out)

    def raise_if_any(self) -> None:
        """Raises TableError with the first lines, and the number of the others."""
        if not self._lines:
            return
        rest = len(self._lines) - SHOWN
        more = [f"… and {rest} more problem{'s' if rest > 1 else ''}"] if rest > 0 else []
        raise TableError(self._lines[:SHOWN] + more)
