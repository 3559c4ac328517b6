"""The sheet: a CSV that spreadsheets open, and that no answer can turn into a program."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from fusion_eval import files
from fusion_eval.core import digest
from fusion_eval.errors import TableError

COLUMNS = (
    "label", "task", "question", "answer", "answer_file", "requirement", "kind", "met", "person",
    "note",
)  # fmt: skip
EXCERPT = 1_500
_CELL = 30_000  # spreadsheets cut cells at 32,767 characters
_ACTIVE = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_sheet(folder: Path, lines: Iterable[Mapping[str, str]], name: str = "sheet.csv") -> Path:
    """Write a sheet; what people say stands in its columns `met`, `person` and `note`."""
    path = folder / name
    with files.opened(path, encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([defused(line.get(name, "")) for name in COLUMNS] for line in lines)
    return path


def defused(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, nor cuts.

    Model text decides what is in it: `=HYPERLINK(…)` could send the sheet away on a click.
    """
    whole = text.replace("\x00", "")
    whole = whole if len(whole) <= _CELL else f"{whole[:_CELL]} …"
    return f"'{whole}" if whole.lstrip(" ").startswith(_ACTIVE) else whole


def undefused(cell: str) -> str:
    """The text of a cell as it was before `defused`."""
    return cell[1:] if cell[:1] == "'" and cell[1:].lstrip(" ").startswith(_ACTIVE) else cell


def excerpt(answer: str | None, folder: Path, task: str, seed: int) -> tuple[str, str]:
    """(what stands in the cell, file with the whole answer); the file's name tells no recipe."""
    if answer is None:
        return "", ""
    name = f"answers/{digest([seed, task, answer])[:12]}.txt"
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    files.write_text(path, answer)
    short = len(answer) <= EXCERPT
    return (answer if short else f"{answer[:EXCERPT]} … (go on in {name})"), name


def read_sheet(path: Path) -> list[tuple[int, dict[str, str]]]:
    """(line, cells by column) of a filled sheet, separated by comma, semicolon or tab."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        text = path.read_bytes().decode("cp1252", errors="replace")  # as older spreadsheets save
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        rows = [(reader.line_num, cells) for cells in reader]
    except csv.Error as problem:
        raise TableError(f"{path}:{reader.line_num}: not CSV ({problem})") from None
    if missing := [name for name in ("label", "met") if name not in header]:
        raise TableError(
            f"{path}: no column {' and no column '.join(map(repr, missing))}; "
            "give the sheet that `fusion-eval label` wrote, with its columns"
        )
    return [
        (line, {name: cell.strip() for name, cell in zip(header, cells, strict=False)})
        for line, cells in rows
    ]
