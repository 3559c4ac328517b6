"""What a reader of a comparison must know besides its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from fusion_eval.frames import Missing, is_simulated, task_key

_NAMED = 6


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a comparison: its scores per task, and what stands behind them.

    `scores`: index task hash, NaN where nothing could be scored. `low`, `high`: the same with
    unread verdicts at their worst and best, and tasks without trial left out.
    """

    label: str
    scores: pd.Series
    low: pd.Series
    high: pd.Series
    names: dict[str, str]
    failed: int
    trials: int
    coverage: float
    degraded: int
    simulated: bool

    @classmethod
    def of(
        cls,
        trials: pd.DataFrame,
        recipe: str,
        scores: pd.Series,
        missing: Missing,
        label: str | None = None,
    ) -> Side:
        """The side of `recipe`, with `scores` from `frames.per_task` under the same `missing`."""
        rows = trials[trials["recipe"].astype(str) == recipe]
        key = task_key(rows)
        failed = rows["failure"].notna()
        answered = rows[~failed]
        return cls(
            label=label or recipe,
            scores=scores,
            low=_bound(rows, "score_min", 0.0, missing).groupby(key).mean(),
            high=_bound(rows, "score_max", 1.0, missing).groupby(key).mean(),
            names=dict(zip(task_key(trials), trials["task"].astype(str), strict=True)),
            failed=int(failed.sum()),
            trials=len(rows),
            coverage=float(answered["coverage"].astype(float).fillna(1.0).mean()),
            degraded=int(answered["degraded"].notna().sum()),
            simulated=is_simulated(trials),
        )


def _bound(rows: pd.DataFrame, column: str, otherwise: float, missing: Missing) -> pd.Series:
    """Scores with open verdicts at one end; a failed answer is at both what it counts as."""
    open_end = rows[column].astype(float).fillna(rows["score"].astype(float)).fillna(otherwise)
    return open_end.mask(rows["failure"].notna(), 0.0 if missing == "as_deployed" else float("nan"))


def percent(share: float, digits: int = 1) -> str:
    """`12.3%`; never `0.0%` of something or `100.0%` of not all, but `< 0.1%` and `> 99.9%`."""
    text, least = f"{share:.{digits}%}", 10.0**-digits
    if share > 0 and text == f"{0:.{digits}%}":
        return f"< {least:.{digits}f}%"
    if share < 1 and text == f"{1:.{digits}%}":
        return f"> {100 - least:.{digits}f}%"
    return text


def open_range(a: Side, b: Side) -> tuple[float, float]:
    """The difference a - b with all unread verdicts for b, and with all for a (0 to 1)."""
    return float((a.low - b.high).mean()), float((a.high - b.low).mean())


def caveat(a: Side, b: Side, missing: Missing, *, open_matters: bool = True) -> list[str]:
    """Sentences on missing tasks, failures, unread verdicts and the simulator; perhaps none.

    open_matters : whether unread verdicts could change what the reader concludes
    """
    notes = ["SIMULATED"] if a.simulated or b.simulated else []
    notes += [note for side, other in ((a, b), (b, a)) if (note := _missing_tasks(side, other))]
    notes += [note for note in (_as_zero(a, b),) if note]
    notes += [note for side in (a, b) if (note := _failures(side, missing))]
    if open_matters and (unread := _unread(a, b)):
        low, high = open_range(a, b)
        notes.append(
            f"not read: {unread}; "
            f"depending on them the difference is {100 * low:+.1f} to {100 * high:+.1f} points"
        )
    return notes


def _missing_tasks(side: Side, other: Side) -> str:
    everything = {**other.names, **side.names}
    have = set(side.scores.dropna().index)
    lacking = sorted(everything[task] for task in everything.keys() - have)
    if not lacking:
        return ""
    return f"{side.label} misses {some(lacking)}"


def _as_zero(a: Side, b: Side) -> str:
    """What the difference would be if a task that one side misses had scored 0 there."""
    either = pd.concat([a.scores, b.scores], axis=1).dropna(how="all")
    if not either.isna().to_numpy().any():
        return ""
    zero = either.fillna(0.0)
    difference = 100 * float((zero.iloc[:, 0] - zero.iloc[:, 1]).mean())
    return f"were a missing answer worth 0, the difference would be {difference:+.2f} points"


def some(tasks: Sequence[str]) -> str:
    """`3 tasks (x, y, z)`; of many only the first few by name."""
    count = f"{len(tasks)} task{'s' if len(tasks) != 1 else ''}"
    shown = ", ".join(tasks[:_NAMED])
    return f"{count} ({shown}{', …' if len(tasks) > _NAMED else ''})"


def _failures(side: Side, missing: Missing) -> str:
    if not side.failed:
        return ""
    how = "counted as 0" if missing == "as_deployed" else "left out"
    verb, noun = "is" if side.failed == 1 else "are", "answer" if side.trials == 1 else "answers"
    return f"{side.failed} of {side.trials} {noun} of {side.label} failed and {verb} {how}"


def _unread(a: Side, b: Side) -> str:
    return " and ".join(
        f"{percent(1 - side.coverage)} of the verdicts on {side.label}"
        for side in (a, b)
        if side.coverage < 1
    )
