"""Standard output and error as they are: closed, full, or in an encoding without our signs."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from pathlib import Path
from typing import TextIO

from fusion_eval import files
from fusion_eval.cli.options import EXIT_INPUT

_ERRORS = "fusion-eval"
_PLAIN = {
    "–": "-", "—": "-", "−": "-", "×": "x", "·": "-", "…": "...", "→": "->", "±": "+/-",
    "≤": "<=", "≥": ">=", "≈": "~", "“": '"', "”": '"', "‘": "'", "’": "'", " ": " ",
}  # fmt: skip


class _Lenient(io.TextIOWrapper):
    """Standard error that never stops a run because nobody can read it."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


class _Named(io.TextIOWrapper):
    """Standard output whose errors say that it is meant."""

    def write(self, text: str) -> int:
        with files.naming(Path("standard output")):
            return super().write(text)

    def flush(self) -> None:
        with files.naming(Path("standard output")):
            super().flush()


def prepare() -> None:
    """Make both streams safe to print to; what is closed takes everything and keeps nothing."""
    codecs.register_error(_ERRORS, _replaced)
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: the next file that is opened must not become standard output
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _Named(
            os.fdopen(1, "wb", closefd=False), encoding=_encoding(sys.stdout), errors=_ERRORS,
            line_buffering=sys.stdout is not None and sys.stdout.isatty(),
        )  # fmt: skip
    if sys.stderr is sys.__stderr__:
        sys.stderr = _Lenient(
            os.fdopen(2, "wb", buffering=0, closefd=False), encoding=_encoding(sys.stderr),
            errors=_ERRORS, write_through=True,
        )  # fmt: skip


def _encoding(stream: TextIO | None) -> str:
    return "utf-8" if stream is None else stream.encoding


def flushed(code: int) -> int:
    """The exit code, after what was printed has gone out; EXIT_INPUT where it could not."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        nothing_more()
    except (OSError, ValueError) as problem:
        said = getattr(problem, "strerror", None) or problem
        print(f"standard output: {said}; what was printed is lost", file=sys.stderr)
        nothing_more()
        return code or EXIT_INPUT
    return code


def nothing_more() -> None:
    """Let the rest of standard output go nowhere: Python would complain about it at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def takes(text: str) -> bool:
    """Whether standard output can hold a text as it is."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeError:
        return False
    return True


def _replaced(problem: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding does not have: a plain one, or an escape."""
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    part = problem.object[problem.start : problem.end]
    return "".join(_PLAIN.get(c) or _escaped(c) for c in part), problem.end


def _escaped(letter: str) -> str:
    number = ord(letter)
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a path that is not UTF-8
        return f"\\x{number & 0xFF:02x}"
    return letter.encode("ascii", "backslashreplace").decode()
