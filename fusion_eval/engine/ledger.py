"""The store of calls: what was sent, and what came back. Nothing in it is ever paid twice.

An intent is committed before a call is sent, its reply before anybody sees it; so whatever stops
the process, at most the calls in flight are sent again. Equal calls at the same time share one
request. Usage and reported costs are stored, prices are not.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

from fusion_eval.core import Attempt, Call, Model, Reply, Send
from fusion_eval.engine import codec, prices
from fusion_eval.engine.writer import Writer, connect
from fusion_eval.errors import CallFailedError, NotInLedgerError, TableError

SCHEMA = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, run TEXT NOT NULL, at REAL NOT NULL,
    model TEXT NOT NULL, request BLOB NOT NULL, reply BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS intents (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, run TEXT NOT NULL, at REAL NOT NULL,
    outcome TEXT, attempts TEXT
) WITHOUT ROWID;
"""
_RECENT = 20_000


@dataclass(frozen=True, slots=True)
class Known:
    """A reply and the run that made the call."""

    reply: Reply
    run: str


class Ledger:
    """`results/ledger.sqlite`, shared by all runs. The file is made with the first intent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.made = 0
        self._writer = Writer(path, SCHEMA)
        self._reader: sqlite3.Connection | None = None
        self._keys: set[str] = set()
        self._recent: dict[str, Known] = {}
        self._flying: dict[str, asyncio.Task[Known]] = {}
        self._read_keys()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Commit what waits and close the file."""
        self._writer.close()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def find(self, key: str) -> Known | None:
        """The reply to a call that was made before, by this run or another, or None."""
        if (known := self._recent.get(key)) is not None:
            return known
        if key not in self._keys or self._reader is None:
            return None
        row = self._reader.execute("SELECT reply, run FROM replies WHERE key=?", (key,)).fetchone()
        return None if row is None else Known(codec.load(_unpacked(row[0])), row[1])

    def spent(self, run: str, models: Mapping[str, Model]) -> float:
        """US dollars of the replies that one run has paid for, as far as they are known."""
        if self._reader is None:
            return 0.0
        rows = self._reader.execute("SELECT model, reply FROM replies WHERE run=?", (run,))
        total = 0.0
        for model_id, blob in rows:
            reply = codec.load(_unpacked(blob))
            if (model := models.get(model_id)) is not None:
                total += prices.paid(model, reply.usage, reply.cost_reported).usd or 0.0
        return total

    def failed_attempts(self, run: str) -> dict[str, tuple[Attempt, ...]]:
        """Attempts of calls of one run that ended without a reply, by key: they may have cost."""
        if self._reader is None and self.path.exists():
            self._reader = connect(self.path)
        if self._reader is None:
            return {}
        rows = self._reader.execute(
            "SELECT key, attempts FROM intents WHERE run=? AND outcome='failed'", (run,)
        )
        found: dict[str, tuple[Attempt, ...]] = {}
        for key, made in rows:
            found[key] = (*found.get(key, ()), *codec.attempts(json.loads(made)))
        return found

    def wrap(
        self,
        send: Send,
        *,
        run: str,
        ready: Callable[[Call], Awaitable[None]],
        replay: bool = False,
    ) -> Callable[[Call], Awaitable[Known]]:
        """Answer from the ledger, share what is in flight, or send.

        `ready` is awaited before an intent is written: it raises where a call cannot succeed.
        With `replay` a missing call raises NotInLedgerError and nothing is sent.
        """

        async def through(call: Call) -> Known:
            if (known := self.find(call.key)) is not None:
                return known
            if replay:
                raise NotInLedgerError(call.key)
            if (flying := self._flying.get(call.key)) is None:
                flying = asyncio.ensure_future(self._make(call, send, run, ready))
                self._flying[call.key] = flying
                flying.add_done_callback(partial(self._landed, call.key))
            return await asyncio.shield(flying)

        return through

    def _landed(self, key: str, flying: asyncio.Task[Known]) -> None:
        self._flying.pop(key, None)
        if not flying.cancelled():
            flying.exception()  # whoever waited has it; if nobody waits any more, nobody misses it

    async def stop(self) -> None:
        """Give up on the calls in flight."""
        flying = list(self._flying.values())
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)

    async def _make(
        self, call: Call, send: Send, run: str, ready: Callable[[Call], Awaitable[None]]
    ) -> Known:
        await ready(call)
        intent = f"{call.key[:32]}-{run}-{time.time_ns():x}"
        opening = (intent, call.key, run, time.time())
        await self._writer.write(
            [("INSERT INTO intents (id, key, run, at) VALUES (?,?,?,?)", opening)]
        )
        self.made += 1
        try:
            reply = await send(call)
        except CallFailedError as problem:
            await self._end(intent, "failed", problem.attempts)
            raise
        except asyncio.CancelledError:
            raise  # the intent stays open: nobody knows what became of the request
        except BaseException:
            await self._end(intent, "not_sent", ())
            raise
        known = Known(reply, run)
        await self._writer.write([_reply_row(call, known), _closing(intent, "done", ())])
        self._remember(call.key, known)
        return known

    async def _end(self, intent: str, outcome: str, made: tuple[object, ...]) -> None:
        await self._writer.write([_closing(intent, outcome, made)])

    def _remember(self, key: str, known: Known) -> None:
        if len(self._recent) >= _RECENT and self.path.exists():
            if self._reader is None:
                self._reader = connect(self.path)
            self._recent.pop(next(iter(self._recent)))
        self._recent[key] = known
        self._keys.add(key)

    def _read_keys(self) -> None:
        if not self.path.exists():
            return
        try:
            self._reader = connect(self.path)
            self._reader.executescript(SCHEMA)
            self._keys = {row[0] for row in self._reader.execute("SELECT key FROM replies")}
        except sqlite3.DatabaseError as problem:
            raise TableError(
                f"{self.path}: not a ledger ({problem}); move it away or give another --output-dir"
            ) from None


def _reply_row(call: Call, known: Known) -> tuple[str, tuple[object, ...]]:
    request = {
        "endpoint": call.model.endpoint.base_url,
        "model": call.model.id,
        "messages": [m.model_dump() for m in call.messages],
        "params": call.model.params,
        "extra_body": call.model.extra_body,
        "output": call.output.name if call.output else None,
        "draw": call.draw,
        "seed": call.seed,
    }
    sql = "INSERT OR IGNORE INTO replies (key, run, at, model, request, reply) VALUES (?,?,?,?,?,?)"
    body = _packed(json.dumps(request, ensure_ascii=False))
    reply = _packed(codec.dump(known.reply))
    return sql, (call.key, known.run, time.time(), call.model.id, body, reply)


def _closing(intent: str, outcome: str, made: tuple[object, ...]) -> tuple[str, tuple[object, ...]]:
    attempts = codec.dump_attempts(made) if made else None
    return "UPDATE intents SET outcome=?, attempts=? WHERE id=?", (outcome, attempts, intent)


def _packed(text: str) -> bytes:
    return zlib.compress(text.encode(), 1)


def _unpacked(blob: bytes) -> str:
    return zlib.decompress(blob).decode()
