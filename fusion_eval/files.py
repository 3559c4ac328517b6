"""Files that are whole or are not there: written beside their place, then moved into it.

A reader never sees half a file, and a write that fails (a full disk, a kill) leaves the file that
was there before. An error names the file that was meant, never the one beside it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

_PART = ".part"
_NUMBERS = itertools.count()
_NAME = 60  # bytes of the file's name in the name beside it; a name may have 255


class Part:
    """A file beside its place. `commit` moves it there, `discard` removes it; both may be repeated.

    synced : the content and then the name are on disk when `commit` returns
    """

    def __init__(self, path: Path, *, synced: bool = True) -> None:
        self.path = path
        self._synced = synced
        self._target = Path(os.path.realpath(path)) if path.is_symlink() else path
        self.temporary = _beside(self._target)
        self._ended = False
        with naming(path, self.temporary):
            self._held = os.open(self.temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
            with contextlib.suppress(OSError):  # `sweep` leaves what somebody holds
                fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def commit(self) -> Path:
        """Move what was written to its place; raises OSError, which names the place."""
        if self._ended:
            return self.path
        with naming(self.path, self.temporary):
            with contextlib.suppress(FileNotFoundError):
                shutil.copymode(self._target, self.temporary)
            if self._synced:
                os.fsync(self._held)
            self.temporary.replace(self._target)
            if self._synced:
                _sync_folder(self._target.parent)
        self._end()
        return self.path

    def discard(self) -> None:
        """Remove what was not committed."""
        if not self._ended:
            with contextlib.suppress(OSError):
                self.temporary.unlink()
            self._end()

    def _end(self) -> None:
        self._ended = True
        with contextlib.suppress(OSError):
            os.close(self._held)


@contextlib.contextmanager
def replacing(path: Path, *, synced: bool = True) -> Iterator[Path]:
    """A name to write to; what was written replaces `path` when the block ends well.

    What is no regular file (`/dev/stdout`, a pipe) is written to as it is.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        with naming(path):
            yield path
        return
    part = Part(path, synced=synced)
    try:
        with naming(path, part.temporary):
            yield part.temporary
        part.commit()
    finally:
        part.discard()


def write_bytes(path: Path, content: bytes, *, synced: bool = True) -> Path:
    """Write a whole file."""
    with replacing(path, synced=synced) as temporary:
        temporary.write_bytes(content)
    return path


def write_text(path: Path, text: str, *, synced: bool = True) -> Path:
    """Write a whole file in UTF-8; half of a surrogate pair, which UTF-8 does not have, is `?`."""
    return write_bytes(path, text.encode("utf-8", "replace"), synced=synced)


@contextlib.contextmanager
def opened(path: Path, *, newline: str | None = None, encoding: str = "utf-8") -> Iterator[TextIO]:
    """A text file to write to, which replaces `path` when the block ends well."""
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding=encoding, newline=newline, errors="replace") as file,
    ):
        yield file


@contextlib.contextmanager
def naming(path: Path, *beside: Path) -> Iterator[None]:
    """An OSError from within names this file; that of a write names none, or the one beside it."""
    try:
        yield
    except OSError as problem:
        if problem.filename not in (None, *beside, *map(str, beside)):
            raise
        said = os.strerror(problem.errno) if problem.errno else str(problem)
        raise OSError(problem.errno or errno.EIO, said, str(path)) from problem


def for_arrow(path: Path) -> Path | io.BytesIO:
    """What Arrow reads a file from: its path, or its content where the path is not UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return io.BytesIO(path.read_bytes())
    return path


def sweep(folder: Path) -> None:
    """Remove what writers that were killed have left beside their files in this folder."""
    for left in folder.glob(f".*{_PART}"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def _beside(path: Path) -> Path:
    name = path.name.encode("utf-8", "surrogateescape")[:_NAME].decode("utf-8", "ignore")
    return path.with_name(f".{name}.{os.getpid()}-{next(_NUMBERS)}{_PART}")


def _sync_folder(folder: Path) -> None:
    """Put the names of a folder on disk, where its file system can."""
    with contextlib.suppress(OSError):
        held = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(held)
        finally:
            os.close(held)
