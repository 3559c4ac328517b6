"""Who holds a claim in the ledger, and whether that process still lives."""

from __future__ import annotations

import math
import os
import platform
import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fusion_eval.engine.writer import Statement

LEASE_S = 60.0
"""An owner whose pulse has not changed for so long is dead, wherever it was."""


Row = tuple[str, int, float]
"""Of an owner: its host, its process number, and its last pulse (Unix seconds of its own clock)."""


def here() -> str:
    """This machine and its process numbers: within one, a process can be looked for."""
    try:
        space: int | str = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        space = "-"
    return f"{platform.node()}/{space}"


@dataclass(frozen=True, slots=True)
class Owner:
    """This process, as one opening of a ledger."""

    id: str = field(default_factory=lambda: f"{os.getpid()}-{secrets.token_hex(6)}")
    host: str = field(default_factory=here)

    def pulse(self) -> Statement:
        """A sign of life."""
        sql = (
            "INSERT INTO owners (id, host, pid, at) VALUES (?,?,?,?) "
            "ON CONFLICT (id) DO UPDATE SET at=excluded.at"
        )
        return sql, (self.id, self.host, os.getpid(), time.time())

    def farewell(self) -> Statement:
        """Claims that are left open from here on are nobody's."""
        return "DELETE FROM owners WHERE id=? OR at<?", (self.id, time.time() - 86_400)

    def lives(self, other: Row | None) -> bool:
        """Whether another owner seemed alive a moment ago; `Pulses` can tell by waiting."""
        if other is None or not _is_row(other):
            return False
        host, pid, at = other
        return _may_run(self.host, host, pid) and abs(time.time() - at) < LEASE_S


class Pulses:
    """Who of the other owners still lives, by whether a pulse changes while it is watched.

    The clocks of two machines need not agree, so what a pulse says is compared with nothing but
    what it said before.
    """

    def __init__(self, host: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._host = host
        self._clock = clock
        self._seen: dict[str, tuple[Row, float]] = {}

    def silent_s(self, owner: str, row: Row | None) -> float:
        """Seconds since the pulse of an owner was seen to change; infinite for one that is dead."""
        if row is None or not _is_row(row) or not _may_run(self._host, row[0], row[1]):
            return math.inf
        now = self._clock()
        before, since = self._seen.get(owner, (None, now))
        if before != row:
            since = now
        self._seen[owner] = row, since
        silent = now - since
        return math.inf if silent >= LEASE_S else silent


class Numbers:
    """Numbers that no other process takes: microseconds, and 10 random bits. They only rise."""

    def __init__(self) -> None:
        self._last = 0
        self._chance = random.Random(secrets.randbits(64))

    def next(self) -> int:
        """The next number (63 bits)."""
        now = (time.time_ns() // 1000 << 10) | self._chance.getrandbits(10)
        self._last = max(now, self._last + 1)
        return self._last


def _is_row(row: Sequence[object]) -> bool:
    return all(map(isinstance, row, (str, int, float)))


def _may_run(here: str, host: str, pid: int) -> bool:
    """Whether a process may run still: on this machine it can be looked for."""
    if host != here:
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    try:  # one that ended and that nobody has reaped, as in a container without an init
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True
