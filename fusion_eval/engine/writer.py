"""One thread that writes to SQLite, many coroutines that wait until their rows are on disk.

Whatever has gathered while the last transaction was being written goes into the next one, so
that durability costs one sync per batch and not one per call. Two threads of one interpreter wait
for each other's lock, so they meet rarely: rows gather in the event loop and are handed over
together, and rows of a batch that go into the same table go as one statement, because SQLite gives
up the lock at every statement and a busy loop gives it back late.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from fusion_eval.engine import schema
from fusion_eval.engine.place import Place, Shared
from fusion_eval.engine.postgres import Connection

Statement = tuple[str, Sequence[object]]
_Item = tuple[Sequence[Statement], asyncio.AbstractEventLoop, "asyncio.Future[int]"]

PULSE_S = 5.0
PATIENCE_S = 20.0
"""How long a ledger that cannot be opened, or is locked, is tried again with what waits for it."""
_AGAIN_S, _SAID_S = 0.05, 1.0
_PASSING = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
DAMAGE = (sqlite3.Error, UnicodeDecodeError, OverflowError)
"""What reading a damaged file raises: SQLite's own message may not be UTF-8 either."""
_WAL_IS_SAFE = (3, 51, 3)
"""Earlier versions can corrupt a WAL database under concurrent checkpoints."""
_BUSY, _PACE_S = 3, 0.002  # items of the last batch; seconds
_MERGED = 400  # rows of one statement; SQLite takes 32,766 values


def connect(path: Place) -> sqlite3.Connection:
    """A connection that waits for others, survives power loss, and ends transactions by hand."""
    if isinstance(path, Shared):
        return cast("sqlite3.Connection", Connection(path))  # what of it is used is the same
    connection = sqlite3.connect(path, timeout=60.0, isolation_level=None, check_same_thread=False)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")  # damaged: then no key
    try:
        wal = sqlite3.sqlite_version_info >= _WAL_IS_SAFE
        connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
        connection.execute("PRAGMA synchronous=FULL")
        schema.prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


class Writer:
    """Started at the first row; `close` waits for the last.

    `pulse` is written with the first batch and every few seconds, so that others can see that
    this process lives; `farewell` with the last.
    """

    def __init__(
        self,
        path: Place,
        pulse: Callable[[], Statement],
        farewell: Callable[[], Statement],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._path = path
        self._say = say
        self._pulse = pulse
        self._farewell = farewell
        self._pulsed = float("-inf")
        self._busy = False
        self._gathered: dict[asyncio.AbstractEventLoop, list[_Item]] = {}
        self._queue: queue.SimpleQueue[list[_Item] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None

    def put(self, statements: Sequence[Statement]) -> asyncio.Future[int]:
        """Done when the statements are committed: the rows that the first of them changed.

        They are committed together, and never before what was put here earlier. The future raises
        what SQLite raised.
        """
        if self._thread is None:
            if isinstance(self._path, Path):
                self._path.parent.mkdir(parents=True, exist_ok=True)
            self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        gathered = self._gathered.setdefault(loop, [])
        if not gathered:  # a commit costs as much processor time as a call: wait for more
            loop.call_later(_PACE_S if self._busy else 0.0, self._hand_over, loop)
        gathered.append((statements, loop, done))
        return done

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        if gathered := self._gathered.pop(loop, None):
            self._queue.put(gathered)

    def close(self) -> None:
        """Write what waits, and end the thread."""
        if self._thread is not None:
            for loop in list(self._gathered):
                self._hand_over(loop)
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        ended, batch = False, list[_Item]()
        while not ended:
            self._busy = len(batch) > _BUSY
            batch = []
            ended = self._gather(batch)
            changed: list[int] = []
            problem: Exception | None = None
            try:
                changed = self._written(batch, ended)
            except Exception as error:
                problem = error
            _tell(batch, changed, problem)
        if self._connection is not None:
            self._connection.close()

    def _written(self, batch: Sequence[_Item], ended: bool) -> list[int]:
        """Commit a batch. What passes is waited for: the replies in it are paid."""
        began, said = time.monotonic(), False
        while True:
            try:
                if self._connection is None:
                    self._connection = connect(self._path)
                return self._commit(self._connection, batch, ended)
            except sqlite3.OperationalError as problem:
                waited = time.monotonic() - began
                if not _passes(problem) or waited > PATIENCE_S or (ended and not batch):
                    raise
                if waited > _SAID_S and not said:
                    said = True
                    self._say(
                        f"{self._path}: {problem}; {len(batch)} rows wait to be written, for "
                        f"{PATIENCE_S:.0f} s at most"
                    )
                time.sleep(_AGAIN_S)

    def _gather(self, batch: list[_Item]) -> bool:
        """Add what waits, up to about a thousand; True when the end was among it."""
        try:
            items = self._queue.get(timeout=PULSE_S)
            while items is not None:
                batch.extend(items)
                if len(batch) >= 1000:
                    return False
                items = self._queue.get_nowait()
            return True
        except queue.Empty:
            return False

    def _commit(
        self, connection: sqlite3.Connection, batch: Sequence[_Item], ended: bool
    ) -> list[int]:
        own = [self._farewell()] if ended else []
        if not ended and time.monotonic() - self._pulsed >= PULSE_S:
            own = [self._pulse()]
        items = [statements for statements, _, _ in batch]
        with _Transaction(connection) as transaction:
            for sql, values in own:
                connection.execute(sql, values)
            transaction.all_or_none(items)
        if own and not ended:
            self._pulsed = time.monotonic()
        return transaction.changed


class _Transaction:
    """A batch, committed at once; `changed` holds the rows changed by the first of each item."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.changed: list[int] = []

    def __enter__(self) -> _Transaction:
        self._connection.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            try:
                self._connection.execute("COMMIT")
                return
            except BaseException:
                self._back()
                raise
        self._back()

    def _back(self) -> None:
        if self._connection.in_transaction:  # a full disk has ended it already
            self._connection.execute("ROLLBACK")

    def all_or_none(self, items: Sequence[Sequence[Statement]]) -> None:
        """Merged where every row is taken; one by one where some were refused."""
        self._connection.execute("SAVEPOINT batch")
        if self._merged(items):
            self.changed = [1] * len(items)
            return
        self._connection.execute("ROLLBACK TO batch")
        for item in items:
            counts = [self._connection.execute(sql, values).rowcount for sql, values in item]
            self.changed.append(counts[0])

    def _merged(self, items: Sequence[Sequence[Statement]]) -> bool:
        groups: dict[str, list[Sequence[object]]] = {}
        for item in items:
            for sql, values in item:
                groups.setdefault(sql, []).append(values)
        return all(self._group(sql, rows) for sql, rows in groups.items())

    def _group(self, sql: str, rows: Sequence[Sequence[object]]) -> bool:
        """Insert all rows; False where not every one of them changed the table."""
        one = f"({','.join('?' * len(rows[0]))})"
        if one not in sql:
            return False
        for start in range(0, len(rows), _MERGED):
            part = rows[start : start + _MERGED]
            many = sql.replace(one, ",".join([one] * len(part)))
            values = [value for row in part for value in row]
            if self._connection.execute(many, values).rowcount != len(part):
                return False
        return True


def _passes(problem: sqlite3.OperationalError) -> bool:
    """Whether the same may work in a moment: file descriptors come back, locks are given up."""
    return (problem.sqlite_errorcode & 0xFF) in _PASSING


def _tell(batch: Sequence[_Item], changed: Sequence[int], problem: Exception | None) -> None:
    """Wake everybody who waits, with one message per event loop."""
    results = list(changed) or [0] * len(batch)
    loops = {id(loop): loop for _, loop, _ in batch}
    for key, loop in loops.items():
        waiting = [
            (done, count)
            for (_, each, done), count in zip(batch, results, strict=True)
            if id(each) == key
        ]
        try:
            loop.call_soon_threadsafe(_settle, waiting, problem)
        except RuntimeError:
            continue  # that loop is closed: nobody waits there any more


def _settle(waiting: Sequence[tuple[asyncio.Future[int], int]], problem: Exception | None) -> None:
    for done, count in waiting:
        if done.done():
            continue
        if problem is None:
            done.set_result(count)
        else:
            done.set_exception(problem)
