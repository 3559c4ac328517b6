"""What a run leaves behind: tables and answers, written task by task while it goes on.

Nothing of a task that has been written stays in memory, so that a run of a hundred thousand calls
needs hardly more of it than one of ten thousand. Until `close` all files have temporary names.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from fusion_eval import store
from fusion_eval.bench.tables import Fact, tables
from fusion_eval.core import Attempt, Recipe, Task, Trial
from fusion_eval.strategies.seats import ANSWERED_NOTHING


@dataclass
class Tally:
    """What the manifest tells of trials that are done, written or not."""

    done: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    details: dict[str, str] = field(default_factory=dict)

    def add(self, trial: Trial) -> None:
        """Count one trial."""
        self.done += 1
        self.broken.update(_broken(trial))
        if trial.failure and trial.detail:
            self.details[trial.failure] = trial.detail


def _broken(trial: Trial) -> list[str]:
    """What calling again may mend: why an answer or a verdict is missing because calls failed."""
    words = [v.reason for v in trial.verdicts if v.verdict == "not_graded"]
    if trial.failure is not None and trial.failure not in ANSWERED_NOTHING:
        words.append(trial.failure)
    return words


class Output:
    """The files of one run, in its directory; leaving without `close` removes them.

    `simulated` becomes true with the first reply that says so.
    """

    def __init__(self, folder: Path, *, simulated: bool = False) -> None:
        self.trials = self.failed = self.calls = 0
        self.spent_usd = 0.0
        self.simulated = simulated
        self.billed: set[int] = set()
        """Short keys of the calls that stand in the tables."""
        self._answers = folder / "answers.jsonl"
        self._part = folder / ".answers.jsonl.part"
        self._lines = self._part.open("w", encoding="utf-8")
        self._tables = {name: store.TableFile(folder, name) for name in store.COLUMNS}

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for table in self._tables.values():
            table.discard()
        self._lines.close()
        self._part.unlink(missing_ok=True)

    def add(
        self,
        task: Task,
        recipes: Mapping[str, Recipe],
        trials: Sequence[Trial],
        facts: Mapping[str, Fact],
        failed: Mapping[str, Sequence[Attempt]],
    ) -> None:
        """Write the trials of one task, tasks in order; the rest is as in `tables`."""
        rows = tables(trials, {task.id: task}, recipes, facts, failed, self.billed)
        for name, table in self._tables.items():
            table.add(getattr(rows, name))
        for trial in trials:
            self._lines.write(json.dumps(_answer(trial), ensure_ascii=False) + "\n")
        self.trials += len(rows.trials)
        self.failed += sum(row["failure"] is not None for row in rows.trials)
        self.calls += len(rows.calls)
        self.spent_usd = math.fsum([self.spent_usd, *(r["spent_usd"] or 0.0 for r in rows.calls)])
        self.simulated |= any(f.reply.simulated for f in facts.values() if f.reply is not None)

    def close(self) -> None:
        """Put everything in its place."""
        for table in self._tables.values():
            table.close()
        self._lines.close()
        store.write_lines(self._answers, self._marked())

    def _marked(self) -> Iterator[dict[str, Any]]:
        """Whether any reply was simulated is known only now."""
        mark = {"simulated": "SIMULATED"} if self.simulated else {}
        with self._part.open(encoding="utf-8") as lines:
            for line in lines:
                yield {**json.loads(line), **mark}


def _answer(trial: Trial) -> dict[str, Any]:
    return {
        "task": trial.task,
        "recipe": trial.recipe,
        "repeat": trial.repeat,
        "answer": trial.answer,
        "failure": trial.failure,
        "detail": trial.detail or None,
        "finish": trial.finish,
        "degraded": list(trial.degraded),
    }
