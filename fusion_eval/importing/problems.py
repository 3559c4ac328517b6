"""All that is wrong with a table, collected, so that a user mends it in one go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fusion_eval.errors import TableError

SHOWN = 20


class Problems:
    """Grows while a table is read; `raise_if_any` ends the reading."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._more = 0
        self.hint = ""
        """The way out for rows that stand twice, where somebody knows a better one."""

    def add(self, where: object, what: str, way_out: str) -> None:
        """One problem."""
        if len(self._lines) < SHOWN:
            self._lines.append(f"{where}: {what}; {way_out}")
        else:
            self._more += 1

    def add_rows(self, places: Iterable[object], whats: Sequence[str], out: str) -> None:
        """One problem for each row; a place is `file:line`, as in the index of a table."""
        for place, what in zip(places, whats, strict=True):
            self.add(place, what, out)

    def raise_if_any(self) -> None:
        """Raises TableError with the first lines, and the number of the others."""
        if not self._lines:
            return
        more = f"… and {self._more} more problem{'s' if self._more > 1 else ''}"
        raise TableError([*self._lines, more] if self._more else self._lines)
