"""File descriptors: how many calls may be in flight at once without running out of them."""

from __future__ import annotations

import contextlib
import resource

KEPT_FREE = 40
"""For the ledger and its journal, the files of a run, sandboxes, and what a library opens."""
_MOST = 1 << 16  # a hard limit may be infinite, or one that the kernel refuses


def connections(wanted: int) -> int:
    """So many of the wanted connections can be open at once; the soft limit is raised for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + KEPT_FREE
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = _MOST if hard == resource.RLIM_INFINITY else hard
        with contextlib.suppress(ValueError, OSError):  # the kernel may have a lower one
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(needed, most)), hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    return max(1, min(wanted, soft - KEPT_FREE))
