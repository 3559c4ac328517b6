"""What a grader left unread, and on which single criteria a score hangs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fusion_eval.core.protocol import HEAVY_SHARE
from fusion_eval.core.sampling import full, heavy
from fusion_eval.stats.agreement import signs
from fusion_eval.stats.jackknife import proportion
from fusion_eval.stats.readings import TASK, judged, keyed

OPEN = ("unreadable", "not_graded")


def unread(verdicts: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Share of verdicts that nobody could read, or that were never given, by rater and sign.

    DataFrame: `rater`, `sign`, `verdict` (`unreadable`, `not_graded`), `value`, `low`, `high`, `n`
    tasks, `verdicts`.
    """
    rows = keyed(judged(verdicts))
    found = []
    for name, part in rows.groupby("rater", sort=False):
        for sign, some in signs(part):
            for word in OPEN:
                missed = (some["verdict"] == word).astype(float)
                tasks = missed.groupby(some[TASK]).agg(["sum", "size"]).to_numpy(dtype=float)
                rate = proportion(tasks[:, 0], tasks[:, 1], level)
                if rate is not None:
                    row = {"rater": name, "sign": sign, "verdict": word, "verdicts": len(some)}
                    ends = {"value": rate.value, "low": rate.low, "high": rate.high, "n": rate.n}
                    found.append(row | ends)
    return pd.DataFrame(
        found, columns=["rater", "sign", "verdict", "value", "low", "high", "n", "verdicts"]
    )


def heavy_criteria(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Criteria that alone are worth more than a quarter of their task, heaviest first.

    DataFrame: `task`, `criterion`, `weight`, `share` (|weight| / positive weight of the task),
    `answers` graded, `met` (how often), `readings` (fewest verdicts on one answer).
    """
    rows = judged(verdicts)
    table = keyed(rows).assign(task=rows["task"].astype(str))
    found: list[dict[str, Any]] = []
    for task, part in table.groupby(TASK, sort=False):
        weights = dict(zip(part["criterion"], part["weight"], strict=True))
        for name in heavy(weights):
            given = part[(part["criterion"] == name) & part["value"].notna()]
            answers = given.groupby(["recipe", "repeat"])["value"]
            found.append(
                {
                    "task": part["task"].iloc[0], "task_hash": task, "criterion": name,
                    "weight": weights[name], "share": abs(weights[name]) / full(weights.values()),
                    "answers": answers.ngroups, "met": float(answers.mean().sum()),
                    "readings": int(answers.size().min()) if answers.ngroups else 0,
                }
            )  # fmt: skip
    columns = ["task", "task_hash", "criterion", "weight", "share", "answers", "met", "readings"]
    made = pd.DataFrame(found, columns=columns)
    made.attrs["above"] = HEAVY_SHARE
    return made.sort_values(
        ["share", "task", "criterion"], ascending=[False, True, True], ignore_index=True
    )
