"""What a run leaves behind: tables and answers, written task by task while it goes on.

Nothing of a task that has been written stays in memory, so that a run of a hundred thousand calls
needs hardly more of it than one of ten thousand. Until `close` all files have temporary names.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from fusion_eval import files, prompts, store
from fusion_eval.bench.external import tapped
from fusion_eval.bench.facts import Facts
from fusion_eval.bench.live import Live
from fusion_eval.bench.tables import tables
from fusion_eval.bench.unusable import Unusable
from fusion_eval.core import Attempt, Recipe, Reply, Task, Trial
from fusion_eval.errors import CallFailedError
from fusion_eval.grading import NO_REFERENCE, TOO_LONG
from fusion_eval.strategies.seats import ANSWERED_NOTHING
from fusion_eval.tapping.joining import Taps

FINAL = (TOO_LONG, NO_REFERENCE)
"""Why a verdict is missing that no further call would bring."""

LASTING = frozenset({"bad_request", "not_found", "not_allowed", "no_credit"})
"""Failures that calling again does not mend, as long as the bench stays what it is."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode

LINES = ("tasks", "answers", "replies")
"""The texts of a run, as JSON lines: what was asked, answered, and written on the way."""


@dataclass
class Tally:
    """What the manifest tells of trials that are done, written or not."""

    done: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    details: dict[str, str] = field(default_factory=dict)

    def lose(self, problem: CallFailedError) -> None:
        """Keep why a call failed, the first of each kind."""
        self.details.setdefault(problem.failure, str(problem))

    def add(self, trial: Trial) -> None:
        """Count one trial."""
        self.done += 1
        self.broken.update(_broken(trial))
        if trial.failure and trial.detail:
            self.details[trial.failure] = trial.detail


def _broken(trial: Trial) -> list[str]:
    """What calling again may mend: why an answer or a verdict is missing because calls failed."""
    lost = (v.reason for v in trial.verdicts if v.verdict == "not_graded")
    words = [reason for reason in lost if reason not in FINAL]
    made_here = trial.recorded is None
    if made_here and trial.failure is not None and trial.failure not in ANSWERED_NOTHING:
        words.append(trial.failure)
    return words


class Output:
    """The files of one run, in its directory; leaving without `close` removes them.

    `simulated` becomes true with the first reply that says so.
    """

    def __init__(
        self,
        folder: Path,
        *,
        simulated: bool = False,
        wanted: int = 0,
        budget_usd: float | None = None,
        taps: Taps | None = None,
    ) -> None:
        self.trials = self.failed = self.calls = 0
        self.spent_usd = 0.0
        self.simulated = simulated
        self.unusable = Unusable()
        self.billed: set[int] = set()
        """Short keys of the calls that stand in the tables."""
        self._folder = folder
        self._taps = taps
        files.sweep(folder)
        self._parts = {name: files.Part(folder / f"{name}.jsonl") for name in LINES}
        self._lines = {
            name: part.temporary.open("w", encoding="utf-8", errors="replace")
            for name, part in self._parts.items()
        }
        self._tables = {name: store.TableFile(folder, name) for name in store.MADE}
        self.live = Live(folder, wanted=wanted, budget_usd=budget_usd)

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
        for name, lines in self._lines.items():
            with contextlib.suppress(OSError):  # a full disk: there is no end to be written
                lines.close()
            self._parts[name].discard()
        self.live.discard()

    def add(
        self,
        task: Task,
        recipes: Mapping[str, Recipe],
        trials: Sequence[Trial],
        facts: Facts,
        failed: Mapping[str, Sequence[Attempt]],
        reply: Callable[[str], Reply | None],
    ) -> None:
        """Write the trials of one task, tasks in order; the rest is as in `tables`.

        reply : key of a call -> what was replied, if it was
        """

        def text(key: str) -> str | None:
            return replied.text if (replied := reply(key)) is not None else None

        behind = tapped(self._taps, task, trials, facts)
        rows = tables(trials, {task.id: task}, recipes, facts, failed, self.billed, behind)
        lines = [("tasks", _task(task)), *(("answers", _answer(trial)) for trial in trials)]
        for key in dict.fromkeys(use.key for trial in trials for use in trial.uses):
            if (replied := reply(key)) is not None:
                lines.append(("replies", _reply(task.id, key, replied)))
        encoded = [(name, _encode(line)) for name, line in lines]
        by_key = {key: fact for (key, _), fact in facts.items()}
        self.unusable.add(trials, by_key, text, checked=task.target is not None)
        for (
            name,
            table,
        ) in self._tables.items():  # from here on a block is written, or the disk ends
            table.add(getattr(rows, name))
        for name, line in encoded:
            self._write(name, line)
        self.live.written(rows.trials)
        self.trials += len(rows.trials)
        self.failed += sum(row["failure"] is not None for row in rows.trials)
        self.calls += len(rows.calls)
        self.spent_usd = math.fsum([self.spent_usd, *(r["spent_usd"] or 0.0 for r in rows.calls)])
        self.simulated |= any(f.reply.simulated for f in facts.values() if f.reply is not None)

    def judge(self, status: str, limit: float) -> tuple[str, list[dict[str, Any]]]:
        """The status, and what could not be used: beyond `limit` nothing that ended is finished."""
        entries = self.unusable.entries(limit)
        lost = any(entry["unusable"] for entry in entries)
        return "incomplete" if status == "finished" and lost else status, entries

    def _write(self, name: str, line: str) -> None:
        with files.naming(self._parts[name].path):
            self._lines[name].write(line + "\n")

    def close(self) -> None:
        """Put everything in its place."""
        facts = {"run_id": self._folder.name, "simulated": self.simulated}
        for name, lines in self._lines.items():
            with files.naming(self._parts[name].path):
                lines.close()
        for table in self._tables.values():
            table.close(facts)
        for name, part in self._parts.items():
            if self.simulated and name != "tasks":
                store.write_lines(part.path, self._marked(part.temporary))
            else:
                part.commit()

    def _marked(self, written: Path) -> Iterator[dict[str, Any]]:
        """Whether any reply was simulated is known only now; a task is not."""
        with written.open(encoding="utf-8") as lines:
            for line in lines:
                yield {**json.loads(line), "simulated": "SIMULATED"}


def _task(task: Task) -> dict[str, Any]:
    """What was asked and by what it was scored, for those who read the run."""
    return {
        "id": task.id,
        "hash": task.hash,
        "domain": task.domain,
        "messages": [message.model_dump() for message in task.question.messages],
        "form": prompts.answer_form(task.question),
        "target": task.target,
        "criteria": [criterion.model_dump() for criterion in task.leaves],
    }


def _reply(task: str, key: str, reply: Reply) -> dict[str, Any]:
    thoughts = {"thoughts": reply.thoughts} if reply.thoughts else {}
    return {"task": task, "key": key, "text": reply.text, **thoughts}


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
