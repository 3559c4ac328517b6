"""The draw of a run as people label it: its items without anything that tells whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from fusion_eval import labelling
from fusion_eval.errors import InputError, TableError
from fusion_eval.labelling.drawing import JOURNAL
from fusion_eval.labelling.sheet import read_sheet, undefused, write_sheet
from fusion_eval.labelling.taking import Taken
from fusion_eval.report.grader import labels_report
from fusion_eval.store import Run
from fusion_eval.viewing.journal import Journal, Labeller

_WRITING = Lock()
FILLED = "filled.csv"
"""The sheet with what people marked, in the folder of the sheet; `import --labels` takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One label to give. `answer` is None where the run holds no text."""

    label: str
    task: str
    question: str
    answer: str | None
    requirement: str
    is_error: bool


class Draw:
    """The sheet of a run and the marks on it. Raises TableError where nothing was drawn."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._folder = run.path / "labels"
        self._sheet = self._folder / "sheet.csv"
        if not self._sheet.exists():
            raise TableError(
                f"{run.id}: no labels were drawn; `fusion-eval label {run.id}` draws some"
            )
        found = self._sheet.stat()
        self._rows = _rows(self._sheet, found.st_mtime_ns, found.st_size)
        self.labels = [row["label"] for row in self._rows]
        self.journal = Journal(self._folder / JOURNAL)

    def item(self, place: int) -> Item:
        """An item by its place in the sheet."""
        row = self._rows[place]
        return Item(
            label=row["label"],
            task=undefused(row.get("task", "")),
            question=undefused(row.get("question", "")),
            answer=self._answer(row),
            requirement=undefused(row.get("requirement", "")),
            is_error=row.get("kind", "").startswith("an error"),
        )

    def _answer(self, row: Mapping[str, str]) -> str | None:
        """The whole answer, which stands in a file beside the sheet."""
        folder = (self._folder / "answers").resolve()
        path = (self._folder / row.get("answer_file", "")).resolve()
        if path.parent != folder or not path.is_file():
            return undefused(row["answer"]) if row.get("answer") else None
        return path.read_text("utf-8", "replace")

    def people(self) -> dict[str, Labeller]:
        """Who has marked what of this draw."""
        known = set(self.labels)
        people = self.journal.people()
        for one in people.values():
            one.marks = {label: mark for label, mark in one.marks.items() if label in known}
        return people

    def mark(self, person: str, label: str, mark: str) -> None:
        """Keep a mark of a person. Raises InputError for a label that was not drawn."""
        if label not in set(self.labels):
            raise InputError("this run drew no such label; load the page again")
        self.journal.mark(person, label, mark)

    def write(self) -> Path:
        """Write the filled sheet: a line for each label and person, an open one for the rest."""
        with _WRITING:
            return write_sheet(self._folder, self._filled(), FILLED)

    def is_behind(self, file: Path) -> bool:
        """Whether a file is older than the last mark: a server was killed in between."""
        marks = self._folder / JOURNAL
        if not (marks.exists() and file.exists()):
            return marks.exists()
        return file.stat().st_mtime_ns < marks.stat().st_mtime_ns

    def catch_up(self) -> None:
        """Write the filled sheet where it is older than the last mark."""
        if self.is_behind(self._folder / FILLED):
            self.write()

    def _filled(self) -> Iterator[Mapping[str, str]]:
        people = self.people()
        for row in self._rows:
            marks = {n: p.marks[row["label"]] for n, p in people.items() if row["label"] in p.marks}
            for person, mark in marks.items() or [("", "")]:
                yield {**row, "met": mark, "person": person, "note": ""}

    def take(self) -> Taken:
        """Take the marks of all who have ended into the run."""
        ended = [name for name, one in self.people().items() if one.ended]
        return labelling.take(self.run, self.write(), ended)


def agreement(draw: Draw) -> dict[str, Any]:
    """What those who have ended say of people and grader, see `report.labels_report`."""
    run = draw.run
    if draw.is_behind(run.path / "labels.parquet"):
        draw.take()
    labels = labels_report(run)
    if labels is None:
        raise TableError(f"{run.id}: no labels were drawn")
    return labels


@lru_cache(maxsize=8)
def _rows(sheet: Path, _changed: int, _size: int) -> list[dict[str, str]]:
    return [row for _, row in read_sheet(sheet) if row.get("label")]


def first_open(labels: Sequence[str], one: Labeller, start: int = 0) -> int:
    """The place of the first label without a mark, from `start` on and then from the beginning."""
    places = [*range(start, len(labels)), *range(start)]
    return next((at for at in places if labels[at] not in one.marks), min(start, len(labels) - 1))
