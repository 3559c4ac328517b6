"""Reading one row of somebody else's format: what is wrong with it is collected, by their names."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from fusion_eval.core.value import digest


class BadRowError(ValueError):
    """A row does not have its format's shape; holds all problems."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class Fields:
    """An object of a row, read key by key. A key that nobody reads is left for `rest`."""

    def __init__(self, row: Any, at: str = "", found: list[str] | None = None) -> None:
        self.found: list[str] = [] if found is None else found
        self._at = at
        self._read: set[str] = set()
        self.row: dict[str, Any] = row if isinstance(row, dict) else {}
        self._silent = False
        if not isinstance(row, dict):
            self._wrong("", f"should be an object, not {row!r:.60}")
            self._silent = True  # what else it lacks follows from that

    def text(self, *names: str, needed: bool = True) -> str:
        """The first of `names` that is there, as a text; `""` if none is and none is needed."""
        name, value = self._take(names)
        if value is None and not needed:
            return ""
        if value is None:
            self._wrong("", f"{' or '.join(map(repr, names))} is missing")
        elif not isinstance(value, str) or not value.strip():
            self._wrong(name, f"should be a text, not {value!r:.60}")
        else:
            return value
        return ""

    def identifier(self, *names: str) -> str:
        """A text or a whole number that names the row."""
        name, value = self._take(names)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        self._read.discard(name)
        return self.text(*names)

    def number(self, name: str) -> float:
        """A finite number other than 0."""
        _, value = self._take((name,))
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None:
            self._wrong("", f"{name!r} is missing")
        elif not plain or not math.isfinite(value) or value == 0:
            self._wrong(name, f"should be a number other than 0, not {value!r:.60}")
        else:
            return float(value)
        return 1.0

    def word(self, name: str, table: Mapping[str, float]) -> float:
        """A number for one of a few words."""
        _, value = self._take((name,))
        if isinstance(value, str) and value in table:
            return table[value]
        self._wrong(name, f"should be one of {', '.join(table)}, not {value!r:.60}")
        return 1.0

    def words(self, name: str) -> list[str]:
        """A list of texts; a single text is a list of one, an absent one is empty."""
        _, value = self._take((name,))
        value = [] if value is None else [value] if isinstance(value, str) else value
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return value
        self._wrong(name, f"should be a list of texts, not {value!r:.60}")
        return []

    def entries(self, *names: str) -> list[Fields]:
        """A list of objects, not empty; also as the JSON text that tables make of it."""
        name, value = self._take(names)
        if isinstance(value, str):
            value = _parsed(value)
        if value is None:
            self._wrong("", f"{' or '.join(map(repr, names))} is missing, or not JSON")
        elif not isinstance(value, list) or not value:
            self._wrong(name, f"should be a list of objects, not {value!r:.60}")
        else:
            place = self._place(name)
            return [Fields(one, f"{place}[{i}]", self.found) for i, one in enumerate(value)]
        return []

    def inside(self, name: str) -> Fields:
        """An object."""
        _, value = self._take((name,))
        return Fields(value, self._place(name), self.found)

    def any(self, name: str) -> Any:
        """A value as it stands."""
        return self._take((name,))[1]

    def rest(self) -> dict[str, Any]:
        """Keys that were not read."""
        return {k: v for k, v in self.row.items() if k not in self._read}

    def wrong(self, what: str) -> None:
        """One more problem of this object."""
        self._wrong("", what)

    def check(self) -> None:
        """Raise BadRowError if anything was wrong here or inside."""
        if self.found:
            raise BadRowError(self.found)

    def _take(self, names: tuple[str, ...]) -> tuple[str, Any]:
        name = next((n for n in names if self.row.get(n) is not None), names[0])
        self._read.add(name)
        return name, self.row.get(name)

    def _place(self, name: str) -> str:
        return ".".join(part for part in (self._at, name) if part)

    def _wrong(self, name: str, what: str) -> None:
        if not self._silent:
            place = self._place(name)
            self.found.append(f"{place}: {what}" if place else what)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def named(criteria: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Criteria that have no ids, with ids of their own: 8 hex digits of what they require.

    They stay the same when the rubric is reordered or grows, so verdicts can still be joined. A
    text that is there again gets `-2`.
    """
    seen: dict[str, int] = {}
    made = []
    for criterion in criteria:
        name = digest(criterion["requirement"])[:8]
        seen[name] = seen.get(name, 0) + 1
        made.append({"id": name if seen[name] == 1 else f"{name}-{seen[name]}", **criterion})
    return made


def conversation(turns: list[Fields]) -> list[dict[str, str]]:
    """Turns as `role` and `content`, whatever else they carry."""
    return [{"role": turn.text("role"), "content": turn.text("content")} for turn in turns]
