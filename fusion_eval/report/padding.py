"""The padding probe: the same answers with neutral text added, to be graded once more.

Length itself cannot be told from content by looking at answers. Adding words that say nothing can:
a verdict that changes then was not about the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fusion_eval.errors import TableError
from fusion_eval.store import Run, read_lines, write_lines

_NEUTRAL = (
    "The points above can be read in any order.",
    "What has been said here stands on its own, and nothing is added to it below.",
    "Readers who know the matter may find some of it familiar.",
    "Each part was written with the question in mind, and each can be read alone.",
    "Nothing that follows changes what was said before.",
)


def write_padded(run: Run, file: Path) -> int:
    """Write the answers of a run, each about twice as long, as JSON lines; returns how many.

    `fusion-eval grade FILE --tasks … --bench …` takes them. Raises TableError where the run holds
    no answers.
    """
    path = run.path / "answers.jsonl"
    if not path.exists():
        raise TableError(f"{run.path}: holds no answers.jsonl; give a run that `run` made")
    rows = [row for row in read_lines(path) if row.get("answer")]
    write_lines(file, _padded(rows))
    return len(rows)


def _padded(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        keys = {name: row[name] for name in ("task", "recipe", "repeat")}
        yield {**keys, "answer": f"{row['answer']}\n\n{padding(len(row['answer']))}"}


def padding(size: int) -> str:
    """About so many characters that say nothing, the same for the same size."""
    found: list[str] = []
    length = 0
    while length < size:
        found.append(_NEUTRAL[len(found) % len(_NEUTRAL)])
        length += len(found[-1]) + 1
    return " ".join(found)
