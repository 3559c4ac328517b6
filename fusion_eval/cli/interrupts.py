"""SIGTERM and SIGHUP, outside of a run, end a verb as Ctrl-C does: with a message and exit 130."""

from __future__ import annotations

import contextlib
import signal
from types import FrameType


def prepare() -> None:
    """Interrupt on these signals too; one that is ignored, as under `nohup`, stays so."""
    with contextlib.suppress(ValueError):  # not the main thread: somebody else handles signals
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
