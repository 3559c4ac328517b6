"""A ledger in PostgreSQL behind the calls of the standard library's SQLite driver.

The statements are those of the file (`rows`, `upkeep`): all of them are SQL that both databases
take. Writers follow each other, as they do in a file: a transaction begins with an advisory lock,
so that who looks whether a call is claimed or answered sees what all others have committed. Its
errors are those of the standard library too, so that whoever waits for a locked file waits for a
database that is away.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from functools import cache
from importlib import resources
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from fusion_eval.engine.place import Shared
from fusion_eval.errors import InputError, TableError

if TYPE_CHECKING:
    import psycopg

VERSION = 5
"""Of the tables in postgres.sql; the number is that of the file's tables, see `schema`."""
_LOCK = 0x66757365  # one lock per database, for whoever writes a ledger in it
_AT_FIRST_S, _PATIENCE_S, _PAUSE_S = 2.0, 20.0, 0.1  # a wrong host is said soon
_CONNECT_S = 10


class AwayError(sqlite3.OperationalError):
    """The connection is lost, or none can be had; the same may work in a moment."""

    sqlite_errorcode = sqlite3.SQLITE_BUSY


class Connection:
    """One connection, made again where it was lost outside of a transaction.

    A transaction that is lost raises AwayError and is to be written again by its caller, which is
    safe: it was rolled back, and where the connection went while it was being committed, the
    server is asked what became of it.
    """

    def __init__(self, place: Shared) -> None:
        self._place = place
        self._inner: psycopg.Connection[Any] | None = None
        self._transaction: str | None = None
        self.in_transaction = False
        self._patience_s = _AT_FIRST_S

    def execute(self, sql: str, values: Sequence[object] = ()) -> psycopg.Cursor[Any]:
        """A cursor with the rows, or with the number of rows changed; raises sqlite3.Error."""
        if sql.startswith("BEGIN"):
            return self._begin()
        if sql == "COMMIT":
            return self._commit()
        patient = not self.in_transaction and sql.startswith("SELECT")
        began = time.monotonic()
        while True:
            try:
                return self._execute(_translated(sql), values)
            except AwayError:
                if not patient or time.monotonic() - began > self._patience_s:
                    raise
                time.sleep(_PAUSE_S)

    def close(self) -> None:
        """Close the connection; what is not committed is rolled back."""
        self.in_transaction = False
        if self._inner is not None:
            self._inner.close()
            self._inner = None

    def _begin(self) -> psycopg.Cursor[Any]:
        self._execute("BEGIN")
        self.in_transaction = True
        self._execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        cursor = self._execute("SELECT pg_current_xact_id()::text")
        self._transaction = str(next(cursor)[0])
        return cursor

    def _commit(self) -> psycopg.Cursor[Any]:
        transaction, self._transaction = self._transaction, None
        try:
            return self._execute("COMMIT")
        except AwayError:
            if self._became_of(transaction) != "committed":
                raise
            return self._execute("SELECT 1")
        finally:
            self.in_transaction = False

    def _became_of(self, transaction: str | None) -> str:
        """What the server says of a transaction whose commit was not answered."""
        began, state = time.monotonic(), "in progress"
        while state == "in progress":
            if time.monotonic() - began > _PATIENCE_S:
                raise AwayError(f"{self._place}: nobody answers; a commit was not confirmed")
            time.sleep(_PAUSE_S)
            try:
                asked = self._execute("SELECT pg_xact_status(%s::xid8)", (transaction,))
                state = str(next(asked)[0])
            except AwayError:
                continue
        return state

    def _execute(self, sql: str, values: Sequence[object] = ()) -> psycopg.Cursor[Any]:
        driver = _driver(self._place)
        try:
            return self._connected().execute(sql, values or None)
        except (driver.OperationalError, driver.InterfaceError) as problem:
            self.close()
            raise AwayError(f"{self._place}: {_first_line(problem)}") from None
        except driver.Error as problem:
            raise sqlite3.DatabaseError(f"{self._place}: {_first_line(problem)}") from None

    def _connected(self) -> psycopg.Connection[Any]:
        if self._inner is None or self._inner.closed:
            self._inner = _connect(self._place)
            self._patience_s = _PATIENCE_S
        return self._inner


def _driver(place: Shared) -> ModuleType:
    try:
        import psycopg
    except ImportError:
        raise InputError(
            f"{place}: a ledger in PostgreSQL takes the extra: pip install 'fusion-eval[postgres]'"
        ) from None
    return psycopg


def _connect(place: Shared) -> psycopg.Connection[Any]:
    """A connection to a ledger of this version; an empty database becomes one."""
    driver = _driver(place)
    try:
        made = driver.connect(
            place.url, autocommit=True, connect_timeout=_CONNECT_S, application_name="fusion-eval"
        )
        made.execute("SET synchronous_commit TO on")  # a reply is shown when it is on disk
        _prepare(made, place)
    except driver.Error as problem:
        raise AwayError(f"{place}: {_first_line(problem)}") from None
    return cast("psycopg.Connection[Any]", made)


def _prepare(connection: psycopg.Connection[Any], place: Shared) -> None:
    there = "SELECT to_regclass('ledger_version'), to_regclass('replies')"
    if not any(connection.execute(there).fetchone() or ()):
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            if not any(connection.execute(there).fetchone() or ()):  # nobody was first
                script = resources.files("fusion_eval.engine") / "postgres.sql"
                connection.execute(script.read_bytes())
                connection.execute("INSERT INTO ledger_version VALUES (%s)", (VERSION,))
    if (connection.execute(there).fetchone() or (None,))[0] is None:
        raise TableError(f"{place}: this database has tables of somebody else; give an empty one")
    version = (connection.execute("SELECT version FROM ledger_version").fetchone() or (0,))[0]
    if version > VERSION:
        raise TableError(
            f"{place}: this ledger was made by a newer fusion-eval (version {version} of its "
            f"tables; this one knows {VERSION}); update"
        )


@cache
def _translated(sql: str) -> str:
    """A statement with this driver's place-holders; none of ours holds one in a text."""
    return sql.replace("?", "%s")


def _first_line(problem: BaseException) -> str:
    return str(problem).strip().partition("\n")[0]
