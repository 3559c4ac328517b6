"""Marks of people, each on disk before it is acknowledged: a journal that only grows.

One JSON line per mark, written with one call, synced, and only then answered. What a process that
was killed had acknowledged is there when the next one reads; half of a line that it had not is
ignored, and closed by the line after it. Two servers may write to one journal.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fusion_eval.errors import InputError

MARKS = ("met", "unmet", "?")
_LONGEST_NAME = 60
_NAME_SIGNS = " -_.@'"


@dataclass(slots=True)
class Labeller:
    """One person: the present mark of each label, what can be taken back, and whether they ended.

    Who has ended has seen what the grader said, and marks nothing any more.
    """

    marks: dict[str, str] = field(default_factory=dict)
    history: list[tuple[str, str | None]] = field(default_factory=list)
    ended: bool = False


def checked_name(name: str) -> str:
    """The name of a labeller as it stands in the sheet. Raises InputError."""
    plain = " ".join(name.split())
    if not plain or len(plain) > _LONGEST_NAME:
        raise InputError(f"a name has 1 to {_LONGEST_NAME} characters")
    if not plain[0].isalnum() or not all(c.isalnum() or c in _NAME_SIGNS for c in plain):
        raise InputError("a name begins with a letter and has letters, digits, spaces and -_.@'")
    return plain


class Journal:
    """The marks that people gave on the draw of one run."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def people(self) -> dict[str, Labeller]:
        """All who have marked something, in the order in which they came."""
        people: dict[str, Labeller] = {}
        for line in self._lines():
            _apply(people.setdefault(str(line.get("person")), Labeller()), line)
        return people

    def mark(self, person: str, label: str, mark: str) -> None:
        """Keep a mark; on disk when this returns. The same mark again changes nothing."""
        if mark not in MARKS:
            raise InputError(f"{mark!r} is no mark; give one of {', '.join(MARKS)}")
        if self._open(person).marks.get(label) != mark:
            self._append({"person": person, "label": label, "mark": mark})

    def undo(self, person: str) -> str | None:
        """Take the last mark back; its label, or None where there is none."""
        history = self._open(person).history
        if not history:
            return None
        self._append({"person": person, "undo": history[-1][0]})
        return history[-1][0]

    def end(self, person: str) -> None:
        """This person is done; nothing changes their marks from here on."""
        if not self.people().get(person, Labeller()).ended:
            self._append({"person": person, "ended": True})

    def _open(self, person: str) -> Labeller:
        one = self.people().get(person, Labeller())
        if one.ended:
            raise InputError(
                f"{person} has ended and seen the grader's verdicts; go on under another name"
            )
        return one

    def _append(self, line: Mapping[str, Any]) -> None:
        told = {"at": datetime.now(UTC).isoformat(), **line}
        content = json.dumps(told, ensure_ascii=False).encode() + b"\n"
        is_new = not self._path.exists()
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                content = b"\n" + content
            if os.write(file, content) != len(content):
                raise OSError(28, "the mark was not kept: no space left", str(self._path))
            os.fsync(file)
        finally:
            os.close(file)
        if is_new:
            _sync(self._path.parent)

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return
        for line in content.split(b"\n"):
            try:
                value = json.loads(line)
            except ValueError:  # half of a line that was never acknowledged, or the empty end
                continue
            if isinstance(value, dict):
                yield value


def _apply(one: Labeller, line: Mapping[str, Any]) -> None:
    label = line.get("label")
    if line.get("ended"):
        one.ended = True
    elif "undo" in line and one.history and one.history[-1][0] == line["undo"]:
        label, before = one.history.pop()
        one.marks.pop(label, None)
        if before is not None:
            one.marks[label] = before
    elif isinstance(label, str) and line.get("mark") in MARKS:
        one.history.append((label, one.marks.get(label)))
        one.marks[label] = str(line["mark"])


def _sync(folder: Path) -> None:
    held = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)
