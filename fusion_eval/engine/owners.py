"""Who holds a claim in the ledger, and whether that process still lives."""

from __future__ import annotations

import os
import platform
import random
import secrets
import time
from dataclasses import dataclass, field

from fusion_eval.engine.writer import Statement

LEASE_S = 60.0
"""An owner on another machine, or in another container, is dead after so long without a pulse."""


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
        sql = "INSERT OR REPLACE INTO owners (id, host, pid, at) VALUES (?,?,?,?)"
        return sql, (self.id, self.host, os.getpid(), time.time())

    def farewell(self) -> Statement:
        """Claims that are left open from here on are nobody's."""
        return "DELETE FROM owners WHERE id=? OR at<?", (self.id, time.time() - 86_400)

    def lives(self, other: tuple[str, int, float] | None) -> bool:
        """Whether another owner, by its row (host, pid, last pulse), may still answer."""
        if other is None:
            return False
        host, pid, at = other
        if host == self.host and not _process(pid):
            return False
        return at > time.time() - LEASE_S


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


def _process(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
