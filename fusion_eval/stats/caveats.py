"""What a reader of a comparison must know besides its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fusion_eval.core.readable import percent
from fusion_eval.frames import (
    Missing,
    is_simulated,
    recipes,
    scored,
    task_key,
    task_names,
)
from fusion_eval.stats.common import canonical_order
from fusion_eval.stats.estimates import Floats

_NAMED = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One recipe: its scores per task, and what stands behind them.

    Arrays follow `index`, the keys of all tasks of the table. `scores`: NaN where nothing could
    be scored. `low`, `high`: the same with unread verdicts at their worst and best. `noise`: the
    variance of a task's mean over its repeats, averaged over tasks; NaN with one repeat.
    """

    name: str
    label: str
    index: pd.Index
    scores: Floats
    low: Floats
    high: Floats
    noise: float
    names: Mapping[str, str]
    failed: int
    trials: int
    coverage: float
    degraded: int
    simulated: bool

    def on(self, index: pd.Index) -> Side:
        """The same side with its arrays along another index of tasks."""
        if index is self.index:
            return self
        where = self.index.get_indexer(index)
        moved = {
            name: np.where(where < 0, np.nan, getattr(self, name)[where])
            for name in ("scores", "low", "high")
        }
        more = {k: getattr(self, k) for k in self.__dataclass_fields__ if k not in moved}
        return Side(**(more | moved | {"index": index}))


def sides(trials: pd.DataFrame, missing: Missing, label: str = "{}") -> dict[str, Side]:
    """The side of every recipe; `label` is a format for its name in words."""
    recipe, key = trials["recipe"].astype(str), task_key(trials)
    failed = trials["failure"].notna()
    values = pd.DataFrame(
        {
            "score": scored(trials, missing),
            "low": _bound(trials, failed, "score_min", 0.0, missing),
            "high": _bound(trials, failed, "score_max", 1.0, missing),
        }
    )
    repeats = values.groupby([key, recipe])
    means = repeats.mean()
    spread = repeats["score"].var() / repeats["score"].count()
    noise = spread.groupby(level=1).mean()
    each = pd.DataFrame(
        {
            "read": trials["coverage"].astype(float).fillna(1.0).mask(failed),
            "degraded": (trials["degraded"].notna() & ~failed).astype(int),
            "failed": failed.astype(int), "trials": 1,
        }
    ).groupby(recipe)  # fmt: skip
    read = each["read"].mean()
    counts = {
        str(name): {str(column): int(count) for column, count in row.items()}
        for name, row in each[["degraded", "failed", "trials"]].sum().to_dict("index").items()
    }
    names, simulated = task_names(trials), is_simulated(trials)
    wide = {str(column): means[column].unstack().sort_index() for column in values}
    order = canonical_order(wide["score"].to_numpy(dtype=np.float64))
    wide = {name: table.iloc[order] for name, table in wide.items()}
    index, found = wide["score"].index, {name: _columns(table) for name, table in wide.items()}
    return {
        name: Side(
            name=name, label=label.format(name), index=index, names=names,
            simulated=simulated, noise=float(noise.get(name, np.nan)), coverage=float(read[name]),
            scores=found["score"][name], low=found["low"][name], high=found["high"][name],
            **counts[name],
        )
        for name in recipes(trials)
    }  # fmt: skip


def _columns(wide: pd.DataFrame) -> dict[str, Floats]:
    rows = np.ascontiguousarray(wide.to_numpy(dtype=np.float64).T)
    return dict(zip(wide.columns.astype(str), rows, strict=True))


def _bound(
    trials: pd.DataFrame, failed: pd.Series, column: str, otherwise: float, missing: Missing
) -> pd.Series:
    """Scores with open verdicts at one end; a failed answer is at both what it counts as."""
    end = trials[column].astype(float).fillna(trials["score"].astype(float)).fillna(otherwise)
    return end.mask(failed, 0.0 if missing == "as_deployed" else float("nan"))


def open_range(a: Side, b: Side) -> tuple[float, float]:
    """The difference a - b with all unread verdicts for b, and with all for a (0 to 1)."""
    return _mean(a.low - b.high), _mean(a.high - b.low)


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def caveat(a: Side, b: Side, missing: Missing, *, open_matters: bool = True) -> list[str]:
    """Sentences on missing tasks, failures, unread verdicts and the simulator; perhaps none.

    open_matters : whether unread verdicts could change what the reader concludes
    """
    notes = ["SIMULATED"] if a.simulated or b.simulated else []
    here, there = ~np.isnan(a.scores), ~np.isnan(b.scores)
    if not (here & there).all():
        everything = {**b.names, **a.names}
        notes += [missing_tasks(side, everything) for side in (a, b)]
        notes += [_as_zero(a, b)] if (here ^ there).any() else []
    notes += [failures(side, missing) for side in (a, b)]
    if open_matters and (unread := " and ".join(filter(None, (unread_of(a), unread_of(b))))):
        low, high = open_range(a, b)
        notes.append(
            f"not read: {unread}; "
            f"depending on them the difference is {100 * low:+.1f} to {100 * high:+.1f} points"
        )
    return [note for note in notes if note]


def missing_tasks(side: Side, everything: Mapping[str, str]) -> str:
    """`panel misses 2 tasks (x, y)` of `everything` (key -> name), or nothing."""
    have = set(side.index[~np.isnan(side.scores)])
    lacking = sorted(everything[task] for task in everything.keys() - have)
    return f"{side.label} misses {some(lacking)}" if lacking else ""


def _as_zero(a: Side, b: Side) -> str:
    """What the difference would be if a task that one side misses had scored 0 there."""
    either = ~(np.isnan(a.scores) & np.isnan(b.scores))
    difference = 100 * float((np.nan_to_num(a.scores) - np.nan_to_num(b.scores))[either].mean())
    return f"were a missing answer worth 0, the difference would be {difference:+.2f} points"


def some(tasks: Sequence[str]) -> str:
    """`3 tasks (x, y, z)`; of many only the first few by name."""
    count = f"{len(tasks)} task{'s' if len(tasks) != 1 else ''}"
    shown = ", ".join(tasks[:_NAMED])
    return f"{count} ({shown}{', …' if len(tasks) > _NAMED else ''})"


def failures(side: Side, missing: Missing) -> str:
    """`3 of 20 answers of panel failed and are counted as 0`, or nothing."""
    if not side.failed:
        return ""
    how = "counted as 0" if missing == "as_deployed" else "left out"
    verb, noun = "is" if side.failed == 1 else "are", "answer" if side.trials == 1 else "answers"
    return f"{side.failed} of {side.trials} {noun} of {side.label} failed and {verb} {how}"


def unread_of(side: Side) -> str:
    """`0.4% of the verdicts on panel`, or nothing."""
    return (
        f"{percent(1 - side.coverage)} of the verdicts on {side.label}" if side.coverage < 1 else ""
    )


def few(n: int) -> str:
    """`descriptive: 9 tasks are too few to lean on`."""
    return f"descriptive: {'1 task is' if n == 1 else f'{n} tasks are'} too few to lean on"
