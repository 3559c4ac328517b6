"""A ledger copied into another one, a file or a database, in either direction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fusion_eval.engine import rows, stored
from fusion_eval.engine.place import Place
from fusion_eval.engine.upkeep import opened
from fusion_eval.errors import DamagedReplyError, InputError

_PAGE = 500  # replies of one transaction


@dataclass(frozen=True, slots=True)
class Copied:
    """Replies that are new in the target, and that it had; attempts; what was left out, and why.

    `open`: attempts that are in flight at the source; the copy says that they may have been paid.
    """

    new: int
    known: int
    attempts: int
    open: int
    damaged: tuple[str, ...]


def copy(
    source: Place, target: Place, say: Callable[[int, int], None] = lambda done, of: None
) -> Copied:
    """Copy every reply and every attempt that `target` lacks.

    say : is told of replies looked at, and of all that there are, after every transaction

    What was copied is committed page by page, so that a stop loses nothing and the same command
    goes on. A damaged reply is left out and named. Raises InputError for one ledger twice,
    TableError where one cannot be used.
    """
    if source == target:
        raise InputError(f"{source}: source and target are the same ledger")
    damaged: list[str] = []
    with opened(source) as one, opened(target, make=True) as two:
        (whole,) = one.execute("SELECT count(*) FROM replies").fetchone()
        there = {key for (key,) in two.execute("SELECT key FROM replies")}
        new = looked_at = 0
        for page in _pages(one):
            lacking = [row for row in page if row[0] not in there]
            good = [row for row in lacking if _is_whole(row, source, damaged)]
            with _committed(two):
                new += sum(two.execute(rows.KEPT, row).rowcount for row in good)
            looked_at += len(page)
            say(looked_at, int(whole))
        attempts, unfinished = _attempts(one, two)
    return Copied(new, looked_at - new - len(damaged), attempts, unfinished, tuple(damaged))


def _pages(ledger: sqlite3.Connection) -> Iterator[list[tuple[Any, ...]]]:
    """Replies by key, with body and seal, a page at a time."""
    columns = "key, run, at, model, request, reply, body, seal"
    sql = f"SELECT {columns} FROM replies WHERE key>? ORDER BY key LIMIT {_PAGE}"
    last = ""
    while page := ledger.execute(sql, (last,)).fetchall():
        yield page
        last = page[-1][0]


def _is_whole(row: tuple[Any, ...], source: Place, damaged: list[str]) -> bool:
    *head, body, seal = row
    try:
        stored.read_whole((*head, seal, body), source)
    except DamagedReplyError as problem:
        damaged.append(str(problem))
        return False
    return True


def _attempts(one: sqlite3.Connection, two: sqlite3.Connection) -> tuple[int, int]:
    """Copy the attempts; those in flight as possibly paid, until a later copy knows better."""
    columns = "id, key, run, at, owner, worst, role, purpose, outcome, attempts"
    count = unfinished = 0
    found = one.execute(f"SELECT {columns} FROM intents ORDER BY id").fetchall()
    for start in range(0, len(found), _PAGE):
        with _committed(two):
            for *head, outcome, made in found[start : start + _PAGE]:
                unfinished += outcome is None
                two.execute(rows.CLOSING, (*head, outcome or "interrupted", made))
                count += 1
    return count, unfinished


@contextmanager
def _committed(ledger: sqlite3.Connection) -> Iterator[None]:
    ledger.execute("BEGIN IMMEDIATE")
    try:
        yield
        ledger.execute("COMMIT")
    except BaseException:
        if ledger.in_transaction:
            ledger.execute("ROLLBACK")
        raise
