"""What a tap writes down of each call: one line of JSON, without keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One call that went through.

    at : when it came (Unix seconds); took_s : until its reply was through
    asked, answered : texts of its messages and of its reply, by which it is joined to a trial
    usd : what it cost, None where nobody knows; source : `provider`, a price list, or `unknown`
    failure : a word where it brought no reply
    """

    at: float
    took_s: float
    model: str
    served: str | None
    asked: str
    answered: str
    tokens_in: int | None
    tokens_out: int | None
    usd: float | None
    source: str
    failure: str | None = None
    simulated: bool = False

    def line(self) -> str:
        """As it is written."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")) + "\n"


class Log:
    """A file of rows that may still grow; what cannot be read is passed over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Row] = []
        self._at = 0

    def read(self) -> list[Row]:
        """All rows so far, in the order in which they were written."""
        with suppress(OSError), self.path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):  # not written to its end yet
                    break
                self._at += len(line)
                self.rows += _row(line)
        return self.rows


def _row(line: bytes) -> Iterator[Row]:
    with suppress(ValueError, TypeError, KeyError):
        yield Row(**json.loads(line))


def plain(text: str) -> str:
    """A text as it is looked for in others: without case and without what is no letter or digit."""
    return re.sub(r"\W+", "", text.casefold())
