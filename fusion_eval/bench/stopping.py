"""Ctrl-C, SIGTERM and SIGHUP, in a script and in a notebook: the first ends a run once the calls
in flight are kept, the second ends it now."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Whether somebody has asked to stop, and asked again."""

    def __init__(self) -> None:
        self.asked = False
        self.again = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._waits: list[Callable[[], None]] = []

    def ends(self, wait: Callable[[], None]) -> None:
        """What the first press does: end a wait in which nothing is in flight, say what goes on."""
        self._waits.append(wait)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Within this block signals stop the current task, if this is the main thread."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        if before[signal.SIGHUP] == signal.SIG_IGN:  # as under `nohup`: it should go on
            del before[signal.SIGHUP]
        try:
            for number in before:
                self._loop.add_signal_handler(number, self.press)
        except (NotImplementedError, RuntimeError, ValueError):
            before = {}  # another thread: whoever owns the main one calls `from_outside`
        try:
            yield
        finally:
            self._task = None
            for number, handler in before.items():
                self._loop.remove_signal_handler(number)
                if number != signal.SIGINT and handler is not None:
                    signal.signal(number, handler)

    def press(self) -> None:
        """First: begin nothing more. Again: do not even wait for what has begun."""
        self.again = self.asked
        self.asked = True
        if not self.again:
            for end in self._waits:
                end()
        if self._task is not None:
            self._task.cancel()

    def from_outside(self) -> None:
        """The same, from another thread."""
        if self._loop is None:
            self.asked = True
        else:
            with contextlib.suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self.press)


def stopping(flying: int) -> str:
    """What goes on after the first press."""
    if not flying:
        return "stopping; no call is in flight"
    return (
        f"stopping; waiting for {flying:,} calls in flight, which are paid and will be kept; "
        "Ctrl-C again stops at once and loses them"
    )


def kept_and_lost(drained: Mapping[str, Any]) -> str:
    """What became of the calls that were in flight at the first press."""
    lost, flying = drained["lost"], drained["in_flight"]
    if lost:
        return f"{lost:,} calls in flight are given up and may be billed; everything else is kept"
    return f"nothing is lost: {flying:,} calls that were in flight have ended"


def run_here_or_in_a_thread(work: Coroutine[Any, Any, T], stop: Stop) -> T:
    """The result of a coroutine, also inside a running loop, as a notebook has it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as pool, _interrupts(stop.from_outside):
        return pool.submit(asyncio.run, work).result()


def outside_a_loop(work: Callable[[], T]) -> T:
    """The result of `work`, which starts loops of its own, also where one is running already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(work).result()


@contextlib.contextmanager
def _interrupts(press: Callable[[], None]) -> Iterator[None]:
    """Within this block Ctrl-C presses, and neither raises nor cancels the loop that waits."""
    try:
        before = signal.signal(signal.SIGINT, lambda *_: press())
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def all_or_first_error(workers: list[asyncio.Task[None]]) -> None:
    """Wait for all; at the first error, or when cancelled, stop the others and raise it."""
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
