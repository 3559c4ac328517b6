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
_Item = tuple[Sequence[Statement], asyncio.AbstractEventLoop, "asyncio.Future[None]"]

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

    async def write(self, statements: Sequence[Statement]) -> None:
        """Return when the statements are committed; raise what SQLite raised."""
        if self._thread is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put((statements, loop, done))
        await done

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
                problem: Exception | None = None
                try:
                    if connection is None:
                        connection = connect(self._path)
                        connection.executescript(self._schema)
                    _commit(connection, batch)
                except Exception as error:
                    problem = error
                _tell(batch, problem)
                if ended:
                    break
        finally:
            if connection is not None:
                connection.close()

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


def _commit(connection: sqlite3.Connection, batch: Sequence[_Item]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements, _, _ in batch:
            for sql, values in statements:
                connection.execute(sql, values)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _tell(batch: Sequence[_Item], problem: Exception | None) -> None:
    """Wake everybody who waits, with one message per event loop."""
    loops = {id(loop): loop for _, loop, _ in batch}
    for key, loop in loops.items():
        waiting = [done for _, each, done in batch if id(each) == key]
        try:
            loop.call_soon_threadsafe(_settle, waiting, problem)
        except RuntimeError:
            continue  # that loop is closed: nobody waits there any more


def _settle(waiting: Sequence[asyncio.Future[None]], problem: Exception | None) -> None:
    for done in waiting:
        if done.done():
            continue
        if problem is None:
            done.set_result(None)
        else:
            done.set_exception(problem)
