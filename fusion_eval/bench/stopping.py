"""Ctrl-C, in a script and in a notebook: the first saves what is running, the second stops now."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class Stop:
    """Whether somebody has asked to stop, and asked again. `say` is told what happens now."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.asked = False
        self.again = False
        self._say = say
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._waits: list[Callable[[], None]] = []

    def ends(self, wait: Callable[[], None]) -> None:
        """What the first press ends: a wait in which nothing is in flight."""
        self._waits.append(wait)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Within this block signals stop the current task, if this is the main thread."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        numbers: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM)
        try:
            for number in numbers:
                self._loop.add_signal_handler(number, self.press)
        except (NotImplementedError, RuntimeError, ValueError):
            numbers = ()  # another thread: whoever owns the main one calls `from_outside`
        try:
            yield
        finally:
            self._task = None
            for number in numbers:
                self._loop.remove_signal_handler(number)

    def press(self) -> None:
        """First: finish the trials in progress. Again: give up on them."""
        if self.asked and self._task is not None:
            self.again = True
            self._task.cancel()
        self.asked = True
        for end in self._waits:
            end()
        self._say("finishing the trials in progress; Ctrl-C again stops at once")

    def from_outside(self) -> None:
        """The same, from another thread."""
        if self._loop is None:
            self.asked = True
        else:
            with contextlib.suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self.press)


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
