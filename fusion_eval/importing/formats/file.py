"""One file that may be a log of some harness, opened as far as somebody looks into it."""

from __future__ import annotations

import contextlib
import json
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from fusion_eval.decoding import head_of, plain_name
from fusion_eval.errors import TableError
from fusion_eval.importing.reading import json_of, lines_of, text_of

_ZSTD = 93
_HEADER = struct.Struct("<4s5H3L2H")  # local file header of a ZIP member, APPNOTE 4.3.7


@dataclass(frozen=True)
class File:
    """A path and what stands in it; every part is read once, and only when it is asked for."""

    path: Path

    @property
    def name(self) -> str:
        """The name without the ending of a packing, in small letters."""
        return plain_name(self.path)

    @cached_property
    def document(self) -> Any:
        """The JSON of a `.json` file, or the first object of a JSONL file; None for others."""
        with contextlib.suppress(TableError):
            if self.name.endswith(".json"):
                return json_of(self.path)
            if self.name.endswith((".jsonl", ".ndjson")):
                return next((row for _, row in lines_of(self.path)), None)
        return None

    @property
    def keys(self) -> frozenset[str]:
        """Keys of that object."""
        return frozenset(self.document) if isinstance(self.document, dict) else frozenset()

    @cached_property
    def head(self) -> str:
        """The beginning; empty where there is no text."""
        return head_of(self.path)

    @cached_property
    def text(self) -> str:
        """All of it."""
        return text_of(self.path)

    def rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Line number and object of every line."""
        return lines_of(self.path)


OTHER_SHAPE = (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError)
"""What reading ends with where a file has keys that its tool writes, and other things in them."""


@dataclass(kw_only=True)
class Found:
    """What an importer made of a file: objects, and which of their columns are ours.

    `used` : our name -> key or path in a row; the user's `--columns` come before it
    `notes`: what was taken for what, for people
    `facts`: tool, version, model, simulated, run_id, suite (which benchmark), created, …
    `calls`: rows of the table of calls, each with recipe, task and repeat
    `where`: column -> text of the rows that count, unless the user asks for others of that column
    """

    rows: list[dict[str, Any]]
    used: Mapping[str, str]
    lines: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)
    where: Mapping[str, str] = field(default_factory=dict)


class Importer(Protocol):
    """A module that reads the files of one harness."""

    def fits(self, file: File) -> bool:
        """Whether a file has the shape; cheap, and never raises."""

    def read(self, file: File) -> Found:
        """Its rows; raises TableError with the way out where it holds none."""


class Archive:
    """A ZIP file; its members may be compressed with zstd, which Python opens from 3.14 on."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as problem:
            raise TableError(f"{path}: no whole ZIP file ({problem}); copy it again") from None
        self._path = path
        self.names = self._zip.namelist()

    def json(self, name: str) -> Any:
        """The JSON of one member."""
        try:
            return json.loads(self._bytes(self._zip.getinfo(name)))
        except (zipfile.BadZipFile, OSError, EOFError, ValueError, RecursionError) as problem:
            raise TableError(
                f"{self._path}: {name} cannot be read ({problem}); copy the file again"
            ) from None

    def _bytes(self, member: zipfile.ZipInfo) -> bytes:
        if member.file_size > _LARGEST:
            raise ValueError(f"{member.file_size:,} bytes unpacked are too many")
        if member.compress_type != _ZSTD:
            return self._zip.read(member)
        import pyarrow as pa

        file = self._zip.fp
        if file is None:
            raise OSError("the file is closed")
        file.seek(member.header_offset)
        *_, name, extra = _HEADER.unpack(file.read(_HEADER.size))
        file.seek(name + extra, 1)
        packed = file.read(member.compress_size)
        with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
            content = bytes(stream.read(member.file_size + 1))
        if len(content) != member.file_size:
            raise ValueError("it does not have the length that the archive says")
        return content


_LARGEST = 2**31
