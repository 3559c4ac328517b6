"""What was asked, written and answered, where the run holds it; an imported one does not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fusion_eval.store import Run, read_bench, read_lines


class Texts:
    """The texts of a run, read when somebody asks for them."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def task(self, task_hash: str | None) -> Mapping[str, Any]:
        """Messages, criteria and target of a task; empty where the run has none."""
        lines = (line for line in self._lines("tasks") if line["hash"] == task_hash)
        return next(lines, {})

    def answer(self, task: str, recipe: str, repeat: int) -> dict[str, Any]:
        """`answer` and `detail` of a trial (what a failure said), None where nothing is known."""
        for line in self._lines("answers"):
            if (line["task"], line["recipe"], int(line["repeat"])) == (task, recipe, repeat):
                return {"answer": line.get("answer"), "detail": line.get("detail")}
        return {"answer": None, "detail": None}

    def replies(self, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        """Key -> what the call wrote, as `text`, and thought before, as `thoughts`."""
        return {
            line["key"]: {"text": line["text"], "thoughts": line.get("thoughts")}
            for line in self._lines("replies")
            if line["key"] in keys
        }

    def seats(self, recipe: str) -> Mapping[str, Any] | None:
        """The recipe as the bench file of the run has it: members, judge, synthesizer, numbers."""
        recipes = read_bench(self._run).get("recipes")
        seats = recipes.get(recipe) if isinstance(recipes, dict) else None
        return seats if isinstance(seats, dict) else None

    def _lines(self, name: str) -> Iterator[dict[str, Any]]:
        path = self._run.path / f"{name}.jsonl"
        yield from read_lines(path) if path.exists() else ()
