"""The tables of a ledger, one migration per version; a ledger of a newer version is left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from fusion_eval.errors import TableError


def _calls(connection: sqlite3.Connection) -> None:
    """Version 1: replies, and the intent of every attempt."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, run TEXT NOT NULL, "
        "at REAL NOT NULL, model TEXT NOT NULL, request BLOB NOT NULL, reply BLOB NOT NULL) "
        "WITHOUT ROWID"
    )
    connection.execute(
        "CREATE TABLE IF NOT EXISTS intents (id TEXT PRIMARY KEY, key TEXT NOT NULL, "
        "run TEXT NOT NULL, at REAL NOT NULL, outcome TEXT, attempts TEXT) WITHOUT ROWID"
    )


def _claims(connection: sqlite3.Connection) -> None:
    """Version 2: an open intent is a claim on its call, by an owner with a pulse.

    `worst` is the most that the attempt can have cost. Open intents of before are of processes
    that cannot be asked any more. Rows lie in the order in which they came, and not in that of
    their random keys: so a transaction touches few pages.
    """
    connection.execute("ALTER TABLE replies RENAME TO old_replies")
    connection.execute("ALTER TABLE intents RENAME TO old_intents")
    connection.execute(
        "CREATE TABLE replies (key TEXT PRIMARY KEY, run TEXT NOT NULL, at REAL NOT NULL, "
        "model TEXT NOT NULL, request BLOB NOT NULL, reply BLOB NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE intents (id INTEGER PRIMARY KEY, key TEXT NOT NULL, run TEXT NOT NULL, "
        "at REAL NOT NULL, owner TEXT, worst REAL, outcome TEXT, attempts TEXT)"
    )
    connection.execute(
        "CREATE TABLE owners (id TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, "
        "at REAL NOT NULL)"
    )
    connection.execute("CREATE UNIQUE INDEX claims ON intents (key) WHERE outcome IS NULL")
    connection.execute("INSERT INTO replies SELECT * FROM old_replies ORDER BY at")
    connection.execute(
        "INSERT INTO intents (key, run, at, outcome, attempts) SELECT key, run, at, "
        "coalesce(outcome, 'interrupted'), attempts FROM old_intents ORDER BY at"
    )
    connection.execute("DROP TABLE old_replies")
    connection.execute("DROP TABLE old_intents")


def _bodies(connection: sqlite3.Connection) -> None:
    """Version 3: the body of each reply as it came, without keys, for readers to come."""
    connection.execute("ALTER TABLE replies ADD COLUMN body BLOB")


def _seals(connection: sqlite3.Connection) -> None:
    """Version 4: a reply has a seal, by which a change of its bytes is seen.

    Replies of before get none: nobody can say any more whether they are as they were written.
    """
    connection.execute("ALTER TABLE replies ADD COLUMN seal BLOB")


def _purposes(connection: sqlite3.Connection) -> None:
    """Version 5: an attempt says what it was for, also where no reply came."""
    connection.execute("ALTER TABLE intents ADD COLUMN role TEXT")
    connection.execute("ALTER TABLE intents ADD COLUMN purpose TEXT")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _calls, _claims, _bodies, _seals, _purposes,
)  # fmt: skip
"""The n-th brings a ledger from version n to n + 1; `PRAGMA user_version` says where it is."""


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the ledger to the version of this program; writes nothing where it is there already.

    Raises TableError for a database of a newer version, or of somebody else.
    """
    found = _version(connection)
    if found == len(MIGRATIONS):
        return
    if found < 0:
        raise TableError(
            f"{path}: version {found} of its tables, which no ledger has; the file is damaged or "
            "somebody else's: restore a copy, or give another --output-dir"
        )
    if found > len(MIGRATIONS):
        raise TableError(
            f"{path}: this ledger was written by a newer fusion-eval (version {found} of its "
            f"tables; this one knows {len(MIGRATIONS)}); update, or give another --output-dir"
        )
    connection.execute("BEGIN IMMEDIATE")
    try:
        _refuse_strangers(connection, path)
        for number in range(_version(connection), len(MIGRATIONS)):
            MIGRATIONS[number](connection)
        connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    """Version 0 is an empty file; the first ledgers had no number."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version) or int("replies" in _tables(connection))


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
    return {name for (name,) in rows}


def _refuse_strangers(connection: sqlite3.Connection, path: Path) -> None:
    tables = _tables(connection)
    if tables and "replies" not in tables:
        raise TableError(
            f"{path}: this database is no ledger (it has {', '.join(sorted(tables))}); "
            "move it away, or give another --output-dir"
        )
