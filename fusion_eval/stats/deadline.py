"""Which recipe to take when an answer must be there in time.

An answer that comes later than the limit is worth nothing, so it counts 0, like a failure. What is
left is an ordinary mean score per task, and everything else in `stats` applies to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import is_simulated, never_answered, per_task, recipes, task_key
from fusion_eval.stats.bootstrap import RESAMPLES, resampled_means, task_weights
from fusion_eval.stats.estimates import Floats, mean_score
from fusion_eval.stats.points import LEAST_TASKS
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "limit_s", "recipe", "score", "low", "high", "in_time", "probability", "chosen", "n", "unknown",
)  # fmt: skip
_LIMITS = 24


def deadlines(
    trials: pd.DataFrame,
    limits_s: Sequence[float] | None = None,
    level: float = 0.95,
    seed: int = 0,
    *,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Score of every recipe when answers later than a limit count 0, for each limit.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat), with `latency_s`
    limits_s : seconds; by default 24 between the fastest and the slowest answer, in equal steps of
        their logarithm
    level : coverage of the interval of each score

    Returns
    -------
    DataFrame, one row per (limit, recipe), columns `COLUMNS`: `score` (0 to 1, late and failed
    answers count 0) with its interval, `in_time` (share of trials that were answered within the
    limit), `probability` (share of joint resamples of tasks in which the recipe has the highest
    score; ties are shared; NaN below five tasks), `chosen` (highest score; of equals the one with
    more answers in time), `n` tasks, `unknown` trials of unknown latency (they count as too late).
    Recipes that never answered are left out.

    Raises
    ------
    StatisticsError : no latency is known, or a limit is not above 0
    """
    trials = tidied(trials)
    known = trials["latency_s"].astype(float)
    if not known.notna().any():
        raise StatisticsError("no latency is known in this run, so no time limit can be judged")
    seconds: Floats = np.asarray(known, dtype=np.float64)
    limits: Floats = (
        _limits(seconds) if limits_s is None else np.asarray(limits_s, dtype=np.float64)
    )
    if not np.all(limits > 0):
        raise StatisticsError("a time limit must be above 0 seconds")
    silent = set(never_answered(trials))
    names = [name for name in recipes(trials) if name not in silent]
    weights = task_weights(task_key(trials).nunique(), resamples, np.random.default_rng(seed))
    rows = [row for limit in limits for row in _at(trials, names, float(limit), level, weights)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table.attrs = {**trials.attrs, "simulated": is_simulated(trials), "level": level}
    return table


def choices(table: pd.DataFrame) -> pd.DataFrame:
    """The chosen recipe for each range of limits: `recipe`, `from_s`, `to_s`, `probability`.

    table : of `deadlines`, with limits in any order. A range begins at the first limit for which
    the recipe is chosen; the first begins where somebody answers in time. The probability is the
    smallest within the range.
    """
    best = table[table["chosen"] & (table["score"] > 0)].sort_values("limit_s")
    step = (best["recipe"] != best["recipe"].shift()).cumsum()
    found = best.groupby(step).agg(
        recipe=("recipe", "first"), from_s=("limit_s", "first"), probability=("probability", "min")
    )
    found["to_s"] = found["from_s"].shift(-1, fill_value=float("inf"))
    return found[["recipe", "from_s", "to_s", "probability"]].reset_index(drop=True)


def _at(
    trials: pd.DataFrame, names: Sequence[str], limit: float, level: float, weights: Floats
) -> list[dict[str, object]]:
    late = ~(trials["latency_s"].astype(float) <= limit)
    cut = trials.assign(score=trials["score"].astype(float).mask(late, 0.0))
    wide = per_task(cut)[names]
    in_time = ~late & trials["failure"].isna()
    shares = in_time.groupby(trials["recipe"].astype(str)).mean()
    unknown = trials["latency_s"].isna().groupby(trials["recipe"].astype(str)).sum()
    probability = _best_shares(wide.to_numpy(dtype=np.float64), weights[:, : len(wide)])
    rows: list[dict[str, object]] = []
    for k, name in enumerate(names):
        values = wide[name].dropna()
        row: dict[str, object] = {"limit_s": limit, "recipe": name, "n": len(values)}
        if len(values):
            found = mean_score(values, level)
            row |= {"score": found.value, "low": found.low, "high": found.high}
        row |= {"in_time": float(shares[name]), "unknown": int(unknown[name])}
        rows.append(row | {"probability": float(probability[k]), "chosen": False})
    best = max(rows, key=lambda row: (row.get("score", -1.0), row["in_time"]), default=None)
    if best is not None:
        best["chosen"] = True
    return rows


def _best_shares(values: Floats, weights: Floats) -> Floats:
    """Share of resamples in which each column has the highest mean; NaN for few tasks."""
    if not values.size or (~np.isnan(values)).sum(axis=0).min() < LEAST_TASKS:
        return np.full(values.shape[1], np.nan)
    means = np.nan_to_num(resampled_means(values, weights), nan=-np.inf)
    best = means >= means.max(axis=1, keepdims=True) - 1e-12
    share: Floats = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    return share


def _limits(latency: Floats) -> Floats:
    """Limits from the fastest to the slowest answer, rounded up to two digits that count."""
    known = latency[latency > 0]
    if not known.size:
        return np.array([1.0])
    raw = np.geomspace(known.min(), known.max(), _LIMITS)
    unit = 10.0 ** (np.floor(np.log10(raw)) - 1)
    rounded: Floats = np.unique(np.ceil(raw / unit - 1e-9) * unit)
    return rounded
