"""A seccomp filter: no memory that the limit on a process does not count.

System V and POSIX queues and segments live on when they are unmapped, outside of RLIMIT_AS. The
filter is a classic BPF program over (number, architecture) of a system call; seccomp(2).
"""

from __future__ import annotations

import errno
import platform
import struct

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_X32 = 0x40000000  # the other numbers that x86-64 knows the same calls by

_MACHINES: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (0xC000003E, {
        "shmget": 29, "shmat": 30, "semget": 64, "msgget": 68, "mq_open": 240, "add_key": 248,
        "keyctl": 250, "memfd_create": 319, "io_uring_setup": 425, "memfd_secret": 447,
    }),
    "aarch64": (0xC00000B7, {
        "mq_open": 180, "msgget": 186, "semget": 190, "shmget": 194, "shmat": 196, "add_key": 217,
        "keyctl": 219, "memfd_create": 279, "io_uring_setup": 425, "memfd_secret": 447,
    }),
}  # fmt: skip


def filtered() -> bytes | None:
    """The program for this machine; None where its numbers are not in the table."""
    if platform.machine() not in _MACHINES:
        return None
    architecture, refused = _MACHINES[platform.machine()]
    calls = list(refused.values())
    program = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        _step(_AT_LEAST, _X32, len(calls) + 1, 0),
    ]
    program += [_step(_EQUAL, n, len(calls) - k, 0) for k, n in enumerate(calls)]
    program += [_step(_RETURN, _ALLOW), _step(_RETURN, _REFUSE)]
    return b"".join(program)


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)
