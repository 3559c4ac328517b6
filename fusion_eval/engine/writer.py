"""One thread that writes to SQLite, many coroutines that wait until their rows are on disk.

Whatever has gathered while the last transaction was being written goes into the next one, so
that durability costs one sync per batch and not one per call.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

Statement = tuple[str, Sequence[object]]
_Item = tuple[Sequence[Statement], asyncio.AbstractEventLoop, "asyncio.Future[int]"]

_WAL_IS_SAFE = (3, 51, 3)
"""Earlier versions can corrupt a WAL database under concurrent checkpoints."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection that waits for others, survives power loss, and ends transactions by hand."""
    connection = sqlite3.connect(path, timeout=60.0, isolation_level=None, check_same_thread=False)
    wal = sqlite3.sqlite_version_info >= _WAL_IS_SAFE
    connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


class Writer:
    """Started at the first row; `close` waits for the last."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def write(self, statements: Sequence[Statement]) -> int:
        """Return when the statements are committed: the rows that the first of them changed.

        Raises what SQLite raised.
        """
        if self._thread is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        self._queue.put((statements, loop, done))
        return await done

    def close(self) -> None:
        """Write what waits, and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while (item := self._queue.get()) is not None:
                batch = [item]
                ended = self._gather(batch)
                changed: list[int] = []
                problem: Exception | None = None
                try:
                    if connection is None:
                        connection = self._opened()
                    changed = _commit(connection, batch)
                except Exception as error:
                    problem = error
                _tell(batch, changed, problem)
                if ended:
                    break
        finally:
            if connection is not None:
                connection.close()

    def _opened(self) -> sqlite3.Connection:
        connection = connect(self._path)
        try:
            connection.executescript(self._schema)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _gather(self, batch: list[_Item]) -> bool:
        """Add what waits, up to a thousand; True when the end was among it."""
        while len(batch) < 1000:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return False
            if item is None:
                return True
            batch.append(item)
        return False


def _commit(connection: sqlite3.Connection, batch: Sequence[_Item]) -> list[int]:
    changed = []
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements, _, _ in batch:
            counts = [connection.execute(sql, values).rowcount for sql, values in statements]
            changed.append(counts[0])
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise
    return changed


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
