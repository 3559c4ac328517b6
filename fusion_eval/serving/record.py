"""Served requests kept as tasks, so that tomorrow's bench is today's traffic.

Tasks go into one file, answers into another beside it: `run` loads the first, `grade` both. A task
has no rubric yet, so it is scored by preference until somebody writes one.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from fusion_eval.core import digest
from fusion_eval.errors import InputError
from fusion_eval.serving.asked import Asked
from fusion_eval.serving.outcome import Outcome


class Record:
    """Appends to `path` (tasks) and to `answers` (what was answered). A question is kept once."""

    def __init__(self, path: Path) -> None:
        if path.suffix != ".jsonl":
            raise InputError(f"--record {path}: its lines are JSON; call it {path.stem}.jsonl")
        self.path = path
        self.answers = path.with_name(f"{path.stem}.answers.jsonl")
        self._known = {row["id"] for row in _rows(path, "id")}
        self._repeats = Counter(_place(row) for row in _rows(self.answers, "task", "recipe"))

    def keep(self, asked: Asked, outcome: Outcome) -> None:
        """Write down one request and its answer.

        Not those with images or tools, as a task is a text; and no answer that a ledger held, as
        it is none of its own.
        """
        if asked.needs:
            return
        task = _task(asked)
        if task["id"] not in self._known:
            _append(self.path, task)
            self._known.add(task["id"])
        if all(call["cached"] for call in outcome.calls):
            return
        trial = outcome.trial
        answer = {"task": task["id"], "recipe": trial.recipe}
        answer["repeat"] = self._repeats[_place(answer)]
        self._repeats[_place(answer)] += 1
        told = {"answer": trial.answer} if trial.failure is None else {"failure": trial.failure}
        _append(self.answers, answer | told)


def _place(row: dict[str, Any]) -> tuple[str, str]:
    return row["task"], row["recipe"]


def _task(asked: Asked) -> dict[str, Any]:
    question = asked.question
    task: dict[str, Any] = {
        "id": f"served-{digest(question.model_dump())[:16]}",
        "prompt": question.prompt,
        "preference": True,
    }
    if question.system:
        task["system"] = question.system
    if question.turns:
        task["turns"] = [turn.model_dump() for turn in question.turns]
    if asked.domain:
        task["domain"] = asked.domain
    return task


def _append(path: Path, row: dict[str, Any]) -> None:
    """One whole line, readable by its owner alone: what people ask is private."""
    line = (json.dumps(row, ensure_ascii=False) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line)
    finally:
        os.close(handle)


def _rows(path: Path, *needed: str) -> list[dict[str, Any]]:
    """The lines of a file that an earlier server wrote; none where there is no file."""
    if not path.exists():
        return []
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]
        return [{name: str(row[name]) for name in needed} for row in rows]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not a file of --record; give it a new name") from None
