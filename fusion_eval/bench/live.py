"""What a run tells of itself while it runs, for whoever watches it from outside.

A hidden file of JSON lines in the run directory, which goes when the run ends: one line when it
begins, one for every trial that ends (what became of it, and where the run stands), and one for
every task that is written (scores and costs). A line is written with one system call, so a reader
sees whole lines but for the last, and the run never waits for a disk.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fusion_eval import files
from fusion_eval.bench.progress import Now
from fusion_eval.core import Trial
from fusion_eval.store import LIVE

_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode
_COUNTS = ("made", "hits", "in_flight", "retries", "spent_usd", "reserved_usd")


class Live:
    """The file while its run goes on."""

    def __init__(self, folder: Path, *, wanted: int, budget_usd: float | None) -> None:
        self._part = files.Part(folder / LIVE, synced=False)
        self._file = self._part.temporary.open("ab", buffering=0)
        self._write({"wanted": wanted, "budget_usd": budget_usd})

    def ended(self, trial: Trial, now: Now) -> None:
        """A trial is done, well or not."""
        ended = [trial.recipe, trial.failure, len(trial.degraded)]
        self._write({"ended": ended, "now": [getattr(now, name) for name in _COUNTS]})

    def written(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """The rows of one task stand in the table of trials."""
        self._write(
            {"written": [[r["recipe"], r["failure"], r["score"], r["cost_usd"]] for r in rows]}
        )

    def discard(self) -> None:
        """Close and remove the file."""
        self._file.close()
        self._part.discard()

    def _write(self, line: Mapping[str, Any]) -> None:
        try:
            self._file.write(_encode(line).encode() + b"\n")
        except (OSError, ValueError):  # a full disk, or a closed file: the run itself goes on
            return
