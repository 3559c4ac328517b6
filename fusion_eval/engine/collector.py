"""Python's garbage collector, kept from looking at everything after every call.

A call makes about as many objects as one collection waits for, nearly none of them in cycles;
collections took a tenth of the processor time of a call.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_OBJECTS = 20_000  # about twenty calls; Python waits for 700


@contextmanager
def seldom() -> Iterator[None]:
    """Collect rarely, and only what came since; afterwards everything is as it was.

    Where somebody has set as much already, two runs at once among them, nothing is changed.
    """
    before = gc.get_threshold()
    if not gc.isenabled() or before[0] >= _NEW_OBJECTS:
        yield
        return
    gc.freeze()  # modules, price lists, tasks: they stay until the end
    gc.set_threshold(_NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
