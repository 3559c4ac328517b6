"""What stands in somebody's file, as text, JSON or cells: packed or not, in the encoding it names.

Task files and files of results are both read through here, so that both take and refuse the same.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import csv
import difflib
import gzip
import io
import json
import lzma
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

from fusion_eval.errors import InputError

PACKED = (".gz", ".zst", ".bz2", ".xz")
"""Endings of files that are unpacked on the way; what they hold is told by their first bytes."""
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
_POINTER = b"version https://git-lfs.github.com/spec"
_BINARY = {b"PK\x03\x04": "ZIP file or workbook", b"\xd0\xcf\x11\xe0": "workbook",
           b"%PDF": "PDF file", b"SQLite format": "SQLite database"}  # fmt: skip
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
SHOWN = 20
"""Problems of one kind that are told one by one."""


def plain_name(path: Path) -> str:
    """The file's name in small letters, without the ending of a packing: `t.csv` of `T.csv.gz`."""
    name = path.name.lower()
    return next((name.removesuffix(end) for end in PACKED if name.endswith(end)), name)


def text_of(path: Path, error: type[InputError], most: int | None = None) -> str:
    """The text of a file: UTF-8, or UTF-16 and UTF-32 that say so; unpacked where it is packed.

    most : bytes that are read at most, packed and unpacked
    Raises `error` with the way out where it is missing, larger, damaged, or no text.
    """
    try:
        if most is not None and path.stat().st_size > most:
            raise error(f"{path}: larger than {most >> 20} MB; {_smaller(path)}")
        raw = path.read_bytes()
    except FileNotFoundError:
        raise error(f"{path}: no such file{_near(path)}") from None
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror})") from None
    raw = unpacked(raw, path, error, most)
    refuse_other(raw, path, error)
    try:
        return raw.decode(_encoding(raw))
    except UnicodeDecodeError as problem:
        raise error(
            f"{path}: byte {problem.start} is not {_name(problem.encoding)}; save the file as UTF-8"
        ) from None


def head_of(path: Path, size: int = 1 << 16) -> str:
    """The beginning of a text, to tell its kind; empty where there is none."""
    with contextlib.suppress(OSError, InputError, UnicodeDecodeError):
        with path.open("rb") as file:
            raw = file.read(size)
        if any(raw.startswith(start) for start in _MAGIC):
            return text_of(path, InputError)[:size]
        cut = len(raw) - len(raw) % 4 if len(raw) == size else len(raw)
        return codecs.getincrementaldecoder(_encoding(raw))("replace").decode(raw[:cut])
    return ""


def refuse_other(raw: bytes, path: Path, error: type[InputError]) -> None:
    """Raises `error` where the bytes are those of a known kind of file that is no text."""
    if raw.startswith(_POINTER):
        raise error(f"{path}: a pointer of Git LFS, not the file itself; run `git lfs pull`")
    for start, kind in _BINARY.items():
        if raw.startswith(start):
            raise error(f"{path}: a {kind}, not text; save what it holds as CSV (UTF-8) or JSONL")


def _encoding(raw: bytes) -> str:
    """By the mark at the beginning; UTF-16 is also known without, as its letters hold zeros."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return encoding
    if raw[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if raw[:1] == b"\0" else "utf-8-sig"


def _name(encoding: str) -> str:
    return "UTF-8" if encoding.startswith("utf-8") else encoding.upper()


def _smaller(path: Path) -> str:
    other = "a Parquet file" if path.suffix == ".jsonl" else "a JSONL or Parquet file"
    return f"give {other}, or several smaller ones"


def unpacked(raw: bytes, path: Path, error: type[InputError], most: int | None = None) -> bytes:
    """The content of a gzip, zstd, bzip2 or xz file; other bytes as they are."""
    kind = next((kind for start, kind in _MAGIC.items() if raw.startswith(start)), None)
    if kind is None:
        return raw
    try:
        with _stream(kind, raw) as stream:
            content = stream.read() if most is None else stream.read(most + 1)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as problem:
        raise error(f"{path}: not whole {kind} ({problem}); copy or pack it again") from None
    if most is not None and len(content) > most:
        raise error(f"{path}: larger than {most >> 20} MB unpacked; give a Parquet file")
    return bytes(content)


def _stream(kind: str, raw: bytes) -> IO[bytes]:
    if kind == "zstd":
        import pyarrow as pa

        stream: IO[bytes] = pa.CompressedInputStream(pa.BufferReader(raw), "zstd")
        return stream
    packed = io.BytesIO(raw)
    if kind == "gzip":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=packed))
    return bz2.BZ2File(packed) if kind == "bzip2" else lzma.LZMAFile(packed)


def _near(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"; there is no folder {path.parent} either"
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {path.parent / close[0]}?" if close else ""


def json_value(text: str) -> Any:
    """A JSON value. Raises ValueError (or RecursionError), also for a key that stands twice."""
    return json.loads(text, object_pairs_hook=_each_key_once)


def json_document(path: Path, text: str, error: type[InputError]) -> Any:
    """The JSON value of a file; of one that has an object a line, the list of them."""
    try:
        return json_value(text)
    except (ValueError, RecursionError) as problem:
        if "Extra data" in str(problem):  # a value and then another: `.json` for JSON lines
            with contextlib.suppress(InputError):
                return [row for _, row in json_lines(path, text, error)]
        raise error(f"{path}: not JSON: {problem}") from None


def json_lines(
    path: Path, text: str, error: type[InputError]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of each line; lines end at a line feed and nowhere else.

    A file whose first line is the beginning of a list over several lines is that list. Raises
    `error` at its end for all lines that are no objects.
    """
    problems: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json_value(line)
            if not isinstance(row, dict):
                raise ValueError(f"{json.dumps(row)[:40]} stands alone")
        except (ValueError, RecursionError) as problem:
            if number == 1 and line.lstrip().startswith("["):
                yield from _listed(path, text, error)
                return
            said = f"{problem}; one object a line"
            if line.rstrip().endswith("},"):
                said = "a comma at the end of the line; remove it"
            problems.append(f"{path}:{number}: not a JSON object: {said}")
        else:
            yield number, row
    if problems:
        rest = len(problems) - SHOWN
        raise error(problems[:SHOWN] + ([f"… and {rest} more such lines"] if rest > 0 else []))


def _listed(path: Path, text: str, error: type[InputError]) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        rows = json_value(text)
    except (ValueError, RecursionError) as problem:
        raise error(f"{path}:1: not a JSON object: {problem}; one object a line") from None
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            text = f"{path}: item {number} of its list is not a JSON object; give objects alone"
            raise error(text)
        yield number, row


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON keeps the last of two equal keys silently; we do not."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        doubled = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"{doubled!r} stands twice; keep one")
    return made


def csv_rows(
    path: Path, text: str, error: type[InputError], separator: str | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Line and cells of the header, then of every row that is not empty, as wide as the header.

    The separator is the one that the header has most of: comma, semicolon or tab. Raises `error`
    where quotes do not close, and for all rows that have more cells than the header.
    """
    limit = csv.field_size_limit(sys.maxsize)  # of the whole process, so it is put back
    told = re.match(r'"?sep=([^\r\n])"?(?=[\r\n])', text)  # as spreadsheets write above a header
    separator = told[1] if told else separator or separator_of(text)
    spaced = _spaced(text, separator)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=spaced
    )
    wider: list[str] = []
    wide, start = 0, 1
    try:
        if told:
            next(reader)
        start = reader.line_num + 1
        for row in reader:
            line, start = start, reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            wide = wide or len(row)
            if any(cell.strip() for cell in row[wide:]):
                wider.append(f"{path}:{line}: {_wider(len(row), wide)}")
            yield line, (row + [""] * (wide - len(row)))[:wide]
    except csv.Error as problem:
        raise error(f"{path}:{start}: not CSV ({problem}); check the quotes") from None
    finally:
        csv.field_size_limit(limit)
    if wider:
        rest = len(wider) - SHOWN
        raise error(wider[:SHOWN] + ([f"… and {rest} more such rows"] if rest > 0 else []))


def refuse_doubled(header: Sequence[str], place: str, error: type[InputError]) -> None:
    """Raises `error` where two columns have one name."""
    doubled = dict.fromkeys(repr(name) for name in header if name and header.count(name) > 1)
    if doubled:
        raise error(f"{place}: two columns named {', '.join(doubled)}; rename or remove one")


def _wider(cells: int, header: int) -> str:
    return (
        f"{cells} cells where the header has {header}; quote cells that hold the separator "
        "(a decimal comma must be a point)"
    )


_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def _header(text: str) -> str:
    """The first line that says something, without what stands in quotes."""
    bare = _QUOTED.sub('""', text[: 1 << 16].lstrip("\r\n"))
    return bare.replace("\r", "\n").split("\n", 1)[0]


def separator_of(text: str) -> str:
    """Comma, semicolon or tab, whichever the header has most of; of equals the comma."""
    return max(",;\t", key=_header(text).count)


def _spaced(text: str, separator: str) -> bool:
    """Whether the header has a space behind every separator, which then belongs to it."""
    header = _header(text)
    return 0 < header.count(separator) == header.count(f"{separator} ")
