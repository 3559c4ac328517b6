"""CSV: one file a table, for spreadsheets, R and everybody else."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from fusion_eval.exporting.content import LINES, TABLES, Content
from fusion_eval.files import opened
from fusion_eval.store import write_json, write_lines

_FORMULA = re.compile(r"'*[=+\-@\t\r]|''")
"""What a spreadsheet would run, or what would be taken for our own apostrophe before it."""


def write(content: Content, folder: Path) -> list[Path]:
    """Each table as CSV with run id, version and simulated, texts as JSON lines, the manifest."""
    files: list[Path] = []
    empty: dict[str, Any] = {}
    for name in TABLES:
        table = content.table(name)
        if table is not None:
            files.append(folder / f"{name}.csv")
            empty[name] = _write(files[-1], table.to_pylist(), table.column_names, content.facts)
    for name in LINES:
        if lines := content.lines(name):
            files.append(write_lines(folder / f"{name}.jsonl", (
                {**content.facts, **line} for line in lines)))  # fmt: skip
    files.append(write_json(folder / "empty-texts.json", empty))
    return [*files, write_json(folder / "manifest.json", content.manifest)]


def _write(
    path: Path, rows: list[dict[str, Any]], columns: list[str], facts: dict[str, Any]
) -> dict[str, Any]:
    """Write one table; returns where cells are a text without letters, and not nothing."""
    empty: dict[str, list[int]] = {}
    with opened(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, *facts])
        for place, row in enumerate(rows):
            for name in columns:
                if row[name] == "":
                    empty.setdefault(name, []).append(place)
            writer.writerow([_cell(row[name]) for name in columns] + [*map(_cell, facts.values())])
    nothing = {n for n in columns if any(row[n] is None for row in rows)}
    return {n: places if n in nothing else "all" for n, places in empty.items()}


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would run gets an apostrophe; `import` takes it off again."""
    if isinstance(value, str):
        return f"'{value}" if _FORMULA.match(value) else value
    if isinstance(value, float):
        return repr(value)
    return "" if value is None else value
