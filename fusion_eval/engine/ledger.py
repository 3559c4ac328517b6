"""The store of calls: what was sent, and what came back. Nothing in it is ever paid twice.

An intent is committed before a request is sent, its reply before anybody sees it; so whatever
stops the process, at most the calls in flight are sent again. Equal calls at the same time share
one request, and its failure: a run does not try again what has just failed. An open intent is
also a claim: another process that wants the same call waits for its reply, or takes the claim
over when its owner is dead. Usage and reported costs are stored, prices are not; the most that an
unfinished call can have cost is.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any

from fusion_eval.core import Attempt, Call, Reply, Send
from fusion_eval.engine import prices, rows, stored
from fusion_eval.engine.attempt import ELSEWHERE, AttemptFailedError
from fusion_eval.engine.owners import LEASE_S, Numbers, Owner, Pulses
from fusion_eval.engine.place import Place
from fusion_eval.engine.reading import Reading
from fusion_eval.engine.writer import PULSE_S, Statement, Writer
from fusion_eval.errors import (
    CallFailedError,
    NotInLedgerError,
    TableError,
)

_RECENT = 2_000  # replies; what several recipes share they ask for at about the same time
_POLL_S = (0.01, 0.5)  # how soon, and how rarely, a call of another process is looked for


@dataclass(frozen=True, slots=True)
class Known:
    """A reply and the run that made the call."""

    reply: Reply
    run: str


@dataclass(frozen=True, slots=True)
class _Landing:
    """A reply on its way to the disk, and what it is for us if another process was first."""

    written: asyncio.Future[int]
    key: str
    known: Known
    intent: rows.Intent
    cost: float | None
    lost: Callable[[str, Attempt], None]


class Ledger(Reading):
    """`results/ledger.sqlite`, shared by all runs, or a database that machines share.

    The file is made with the first intent.
    """

    def __init__(self, path: Place, say: Callable[[str], None] = lambda _: None) -> None:
        self.path = path
        self._say = say
        self.made = 0
        """Calls that were sent through this ledger, however many attempts each took."""
        self.hits = 0
        """Answers that were found here, and not asked for."""
        self.attempts = 0
        """Requests that were sent."""
        self.in_flight = 0
        """Requests that an endpoint has, and has not answered."""
        self._owner = Owner()
        self._numbers = Numbers()
        self._pulses = Pulses(self._owner.host)
        self._waited_for: set[str] = set()
        self._draining = False
        self._on_wire: set[str] = set()
        self._writer = Writer(path, self._owner.pulse, self._owner.farewell, say)
        self._reader: sqlite3.Connection | None = None
        self._keys: set[int] = set()
        self._recent: dict[str, Known] = {}
        self._flying: dict[str, asyncio.Task[Known]] = {}
        self._landing: dict[str, _Landing] = {}
        self._failed: dict[str, CallFailedError] = {}
        self._given_up: set[str] = set()
        self._sent: set[str] = set()
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

    def flies(self, key: str) -> bool:
        """True while somebody waits for this call, or has left before its reply came."""
        return key in self._flying

    def give_up(self, key: str) -> None:
        """Cancel a call in flight that nobody waits for any more; it may have been paid."""
        if (flying := self._flying.get(key)) is not None:
            self._given_up.add(key)
            flying.cancel()

    def forget_failure(self, key: str) -> None:
        """Let a call that failed be made again; a run does not, a server does."""
        self._failed.pop(key, None)

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
        return self._read(key) if short(key) in self._keys else None

    def _read(self, key: str) -> Known | None:
        for row in self._rows(f"SELECT {stored.COLUMNS} FROM replies WHERE key=?", key):
            found = stored.read(row, self.path)
            return Known(found.reply, found.run)
        return None

    def wrap(
        self, send: Send, *, ready: Callable[[Call], Awaitable[None]], replay: bool = False
    ) -> Callable[[Call], Awaitable[Known]]:
        """The top of the stack: answer from the ledger, share what is in flight, or send.

        `send` ends in `recording`. `ready` is awaited before a call is made: it raises where none
        can succeed. With `replay` a missing call raises NotInLedgerError and nothing is sent.
        """

        async def through(call: Call) -> Known:
            if (known := self.find(call.key)) is not None:
                self.hits += 1
                return known
            if replay:
                raise NotInLedgerError(call.key)
            if (problem := self._failed.get(call.key)) is not None:
                raise CallFailedError(problem.failure, problem.detail, problem.attempts)
            if (flying := self._flying.get(call.key)) is None:
                flying = asyncio.ensure_future(self._make(call, send, ready))
                self._flying[call.key] = flying
                flying.add_done_callback(partial(self._landed, call.key))
            return await asyncio.shield(flying)

        return through

    async def _make(
        self, call: Call, send: Send, ready: Callable[[Call], Awaitable[None]]
    ) -> Known:
        await ready(call)
        while True:
            try:
                await send(call)
                return await self._kept(self._landing.pop(call.key))
            except CallFailedError as problem:
                if problem.failure != ELSEWHERE:
                    self._failed[call.key] = problem
                    raise
            if (known := await self._from_elsewhere(call.key)) is not None:
                return known

    async def _from_elsewhere(self, key: str) -> Known | None:
        """The reply that another process is waiting for; None when the call is ours to make."""
        pause, rarely = _POLL_S
        while True:
            if (known := self._read(key)) is not None:
                self._remember(key, known)
                return known
            claim = "SELECT id, owner FROM intents WHERE key=? AND outcome IS NULL"
            found = list(self._rows(claim, key))
            if not found:
                return None
            intent, owner = found[0]
            if self._draining:
                raise asyncio.CancelledError
            pulse = next(self._rows("SELECT host, pid, at FROM owners WHERE id=?", owner), None)
            silent_s = self._pulses.silent_s(owner, pulse)
            if silent_s == math.inf:
                await self._write(rows.interrupted(intent))
                return None
            self._tell_of(owner, pulse, silent_s)
            await asyncio.sleep(pause)
            pause = min(2 * pause, rarely)

    def _tell_of(self, owner: str, pulse: Any, silent_s: float) -> None:
        """Say once who is waited for, when it has been silent for longer than a living one is."""
        if silent_s > 2 * PULSE_S and owner not in self._waited_for:
            self._waited_for.add(owner)
            self._say(
                f"waiting for calls that process {pulse[1]} on {pulse[0].partition('/')[0]} has in "
                f"flight; it gave no sign for {silent_s:.0f} s, and after {LEASE_S:.0f} s its "
                "calls are made here. Ctrl-C ends the wait"
            )

    def _landed(self, key: str, flying: asyncio.Task[Known]) -> None:
        self._flying.pop(key, None)
        self._given_up.discard(key)
        self._landing.pop(key, None)
        self._on_wire.discard(key)
        self._sent.discard(key)
        if not flying.cancelled():
            flying.exception()  # whoever waited has it; if nobody waits any more, nobody misses it

    def recording(
        self,
        send: Send,
        *,
        run: str,
        worst: Callable[[Call], float | None],
        lost: Callable[[str, Attempt], None] = lambda key, attempt: None,
    ) -> Send:
        """The bottom of the stack, below retry and concurrency: write down each attempt.

        `worst` is the most that an attempt can cost (US$); `lost` is told of each that brought no
        reply, with the key of its call. A reply goes up as soon as it is on its way to the disk;
        `wrap` shows it to nobody before it is there. What takes over its slot writes its intent
        behind it, and is not sent before that is committed: so intents that are open on disk are
        never more than may be in flight, and a kill loses no more calls than that.
        """

        async def recorded(call: Call) -> Reply:
            if self._draining:
                raise asyncio.CancelledError
            most = worst(call)
            number = self._numbers.next()
            intent = rows.Intent(number, call, run, self._owner.id, time.time(), most)
            self._on_wire.add(call.key)
            if not await self._write(intent.opening()):
                self._on_wire.discard(call.key)
                raise AttemptFailedError(Attempt(number=0, failure=ELSEWHERE, billed=False))
            if self._draining:
                unsent = Attempt(number=1, failure="cancelled", billed=False)
                await self._write(intent.closing("failed", unsent))
                raise asyncio.CancelledError
            self.attempts += 1
            if call.key not in self._sent:
                self._sent.add(call.key)
                self.made += 1
            try:
                self.in_flight += 1
                try:
                    reply = await send(call)
                finally:
                    self.in_flight -= 1
            except asyncio.CancelledError:
                if call.key in self._given_up:  # else the intent stays open, see below
                    gone = Attempt(number=1, failure="cancelled", billed=None, cost_worst=most)
                    self._writer.put([intent.closing("failed", gone)])
                raise
            except AttemptFailedError as problem:
                if problem.attempt.billed is None:
                    problem.attempt = replace(problem.attempt, cost_worst=most)
                await self._write(intent.closing("failed", problem.attempt))
                self._on_wire.discard(call.key)
                lost(call.key, problem.attempt)
                raise
            # whatever else is raised leaves the intent open: nobody knows what became of it
            self._landing[call.key] = self._land(call, run, reply, intent, lost)
            return reply

        return recorded

    def _land(
        self,
        call: Call,
        run: str,
        reply: Reply,
        intent: rows.Intent,
        lost: Callable[[str, Attempt], None],
    ) -> _Landing:
        """Put a reply on its way to the disk, now: behind it comes whoever takes its slot."""
        paid = prices.paid_for(call, reply)
        *before, last = reply.attempts
        if paid is None:
            reply = replace(reply, attempts=(*before, replace(last, cost_worst=intent.worst)))
        written = self._writer.put([rows.kept(call, run, reply), intent.closing("done")])
        cost = intent.worst if paid is None else paid
        known = Known(replace(reply, raw=None), run)  # the body is on its way to the disk
        return _Landing(written, call.key, known, intent, cost, lost)

    async def _kept(self, landing: _Landing) -> Known:
        """A reply that is on disk; where another process was first, its reply counts for both.

        So a replay gives the same answers. Ours was then paid for nothing, and stands among the
        attempts that brought no reply.
        """
        key = landing.key
        known: Known | None = landing.known
        if not await self._committed(landing.written):
            last = landing.known.reply.attempts[-1]
            unused = replace(last, failure="superseded", billed=None, cost_worst=landing.cost)
            await self._write(landing.intent.closing("superseded", unused))
            landing.lost(key, unused)
            known = self._read(key)
        if known is None:
            raise TableError(f"{self.path}: a reply was removed while a run was writing; run again")
        self._remember(key, known)
        return known

    def drain(self) -> int:
        """Send nothing more, and give up what was not sent; the number of requests in flight.

        `settle` then waits for those.
        """
        self._draining = True
        for key, flying in self._flying.items():
            if key not in self._on_wire:
                flying.cancel()
        return self.in_flight

    async def settle(self) -> None:
        """Wait for the calls in flight: they will be billed, so their replies should be kept."""
        while self._flying:
            await asyncio.wait(list(self._flying.values()))

    async def stop(self) -> None:
        """Give up on the calls in flight."""
        flying = list(self._flying.values())
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)

    async def _write(self, *statements: Statement) -> int:
        return await self._committed(self._writer.put(statements))

    async def _committed(self, written: asyncio.Future[int]) -> int:
        try:
            return await written
        except sqlite3.Error as problem:
            raise self._unusable(problem) from None

    def _remember(self, key: str, known: Known) -> None:
        if len(self._recent) >= _RECENT:
            self._recent.pop(next(iter(self._recent)))
        self._recent[key] = known
        self._keys.add(short(key))

    def _read_keys(self) -> None:
        keys = self._rows("SELECT key FROM replies")
        self._keys = {short(key) for (key,) in keys if stored.is_key(key)}


def short(key: str) -> int:
    """60 bits of a key: a set of a million of them takes 80 MB less than one of the keys."""
    return int(key[:15], 16)
