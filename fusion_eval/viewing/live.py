"""A run that goes on, as its own file tells it; nothing of the run is touched or locked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fusion_eval.store import Run
from fusion_eval.viewing.runs import live_file, status_of

GOING_ON = "running"


@dataclass(slots=True)
class Ended:
    """What has ended of one recipe: trials that are done, and of those in the table their mean.

    failures : word -> trials without an answer; `scores` and `costs` are of trials whose task is
    written; a failed trial has score 0 there, as deployed
    """

    done: int = 0
    degraded: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    written: int = 0
    failed_written: Counter[str] = field(default_factory=Counter)
    score: float = 0.0
    scored: int = 0
    cost: float = 0.0
    priced: int = 0

    @property
    def trials(self) -> int:
        """Trials that have ended; those of a run that was taken up are told when written."""
        return max(self.done, self.written)

    @property
    def failed(self) -> Counter[str]:
        """Failures by word."""
        return self.failures if self.done >= self.written else self.failed_written

    @property
    def mean_score(self) -> float | None:
        """Mean score (0 to 1) of the trials in the table."""
        return self.score / self.scored if self.scored else None

    @property
    def mean_cost(self) -> float | None:
        """Mean cost (US$) of one answer; None where one of them is unknown."""
        return self.cost / self.priced if self.priced and self.priced == self.written else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a run is. Dollars are those that its process counted when the last trial ended."""

    status: str
    trials: int
    wanted: int | None
    budget_usd: float | None
    now: Mapping[str, Any]
    recipes: Mapping[str, Ended]
    told: str | None

    @property
    def failed(self) -> int:
        """Trials without an answer."""
        return sum(row.failed.total() for row in self.recipes.values())


def standing(run: Run) -> Standing:
    """What is known of a run at this moment."""
    recipes = {str(name): Ended() for name in run.manifest.get("recipes") or ()}
    file = live_file(run.path)
    head: dict[str, Any] = {}
    now: list[Any] = []
    for line in _lines(file) if file else ():
        head = line if "wanted" in line else head
        now = line.get("now", now)
        _add(recipes, line)
    names = ("made", "hits", "in_flight", "retries", "spent_usd", "reserved_usd")
    return Standing(
        status=status_of(run.path, run.manifest),
        trials=sum(row.trials for row in recipes.values()),
        wanted=head.get("wanted"),
        budget_usd=head.get("budget_usd"),
        now=dict(zip(names, now, strict=True)) if len(now) == len(names) else {},
        recipes=recipes,
        told=_when(file),
    )


def _add(recipes: dict[str, Ended], line: Mapping[str, Any]) -> None:
    if "ended" in line:
        recipe, failure, degraded = line["ended"]
        row = recipes.setdefault(recipe, Ended())
        row.done += 1
        row.degraded += degraded > 0
        row.failures.update([failure] if failure else [])
    for recipe, failure, score, cost in line.get("written", ()):
        row = recipes.setdefault(recipe, Ended())
        row.written += 1
        row.failed_written.update([failure] if failure else [])
        if failure or score is not None:
            row.score += 0.0 if failure else score
            row.scored += 1
        if cost is not None:
            row.cost += cost
            row.priced += 1


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Whole lines of our own making; the last one may be half written, the file may go."""
    try:
        content = path.read_bytes()
    except OSError:
        return
    for line in content.split(b"\n")[:-1]:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def _when(path: Path | None) -> str | None:
    try:
        at = path.stat().st_mtime if path else None
    except OSError:
        return None
    return at and datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")  # type: ignore[return-value]
