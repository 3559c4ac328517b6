"""Which recipe to take when an answer must be there in time.

An answer that comes later than the limit is worth nothing, so it counts 0, like a failure. What is
left is an ordinary mean score per task, and everything else in `stats` applies to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import per_task
from fusion_eval.stats.bootstrap import RESAMPLES
from fusion_eval.stats.clusters import score_of
from fusion_eval.stats.common import LACKING
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.latency import of_one_source
from fusion_eval.stats.points import Points, points
from fusion_eval.stats.results import result
from fusion_eval.stats.shrinkage import best_shares
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "limit_s", "recipe", "score", "low", "high", "in_time", "probability", "chosen", "n", "unknown",
    "cost_usd", "cost_least_usd", "cost_most_usd", "caveat",
)  # fmt: skip
_LIMITS = 24
_PRICES = ("cost_usd", "cost_least_usd", "cost_most_usd")
_ESTIMAND = "mean score over new tasks like these, an answer later than the limit counting 0"


def deadlines(
    trials: pd.DataFrame,
    limits_s: Sequence[float] | None = None,
    level: float = 0.95,
    seed: int = 0,
    *,
    resamples: int = RESAMPLES,
    lacking: float = LACKING,
) -> pd.DataFrame:
    """Score of every recipe when answers later than a limit count 0, for each limit.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat), with `latency_s`
    limits_s : seconds; by default 24 between the fastest and the slowest answer, in equal steps of
        their logarithm
    level : coverage of the interval of each score
    lacking : who lacks more than this share of the tasks is left out; 1 keeps everybody, on the
        tasks that are left

    Returns
    -------
    DataFrame, one row per (limit, recipe), columns `COLUMNS`: `score` (0 to 1, late and failed
    answers count 0) with its interval (by cluster where tasks share one), `in_time` (share of its
    answers within the limit), `probability` (that the recipe has the highest true score, as in
    `ranks`), `chosen` (highest score; of equals the one with more answers in time), `n` tasks,
    `unknown` trials of unknown latency (they count as too late), `cost_usd` per answer (NaN where
    not wholly known), and its bounds `cost_least_usd`, `cost_most_usd` (`stats.cost`): money plays
    no part in the choice. All recipes are taken on the tasks that
    all have; recipes that never answered are left out, and so are those whose seconds come from
    another source (measured, simulated, imported) than those of most. Below `LEAST_TASKS` tasks
    (or clusters) nobody is chosen and `attrs["lacking"]` says what is missing;
    `attrs["not_compared"]`: recipe -> why it is left out.

    Raises
    ------
    StatisticsError : no latency is known, or a limit is not above 0
    """
    trials, _ = of_one_source(tidied(trials)) if "latency_s" in trials else (tidied(trials), {})
    known = trials["latency_s"].astype(float)
    if not known.notna().any():
        raise StatisticsError("no latency is known in this run, so no time limit can be judged")
    seconds: Floats = np.asarray(known, dtype=np.float64)
    limits: Floats = (
        _limits(seconds) if limits_s is None else np.asarray(limits_s, dtype=np.float64)
    )
    if not np.all(limits > 0):
        raise StatisticsError("a time limit must be above 0 seconds")
    data = points(trials, lacking=lacking)
    if data.silent is not None:
        data = data.of(~data.silent)
    rows = [
        row for limit in limits for row in _at(trials, data, float(limit), level, seed, resamples)
    ]
    return result(
        rows,
        COLUMNS,
        trials,
        level=level,
        estimand=_ESTIMAND,
        lacking=data.lacking,
        not_compared=dict(data.left_out),
    )


def choices(table: pd.DataFrame) -> pd.DataFrame:
    """The chosen recipe for each range of limits: `recipe`, `from_s`, `to_s`, `probability`.

    table : of `deadlines`, with limits in any order. A range begins at the first limit for which
    the recipe is chosen; the first begins where somebody answers in time. The probability is that
    of the range, the mean over its limits; `cost_usd` and its bounds are those of an answer.
    """
    best = table[table["chosen"] & (table["score"] > 0)].sort_values("limit_s")
    step = (best["recipe"] != best["recipe"].shift()).cumsum()
    found = best.groupby(step).agg(
        recipe=("recipe", "first"), from_s=("limit_s", "first"),
        probability=("probability", "mean"), **{name: (name, "first") for name in _PRICES},
    )  # fmt: skip
    found["to_s"] = found["from_s"].shift(-1, fill_value=float("inf"))
    return found[["recipe", "from_s", "to_s", "probability", *_PRICES]].reset_index(drop=True)


def _at(
    trials: pd.DataFrame, data: Points, limit: float, level: float, seed: int, resamples: int
) -> list[dict[str, object]]:
    late = ~(trials["latency_s"].astype(float) <= limit)
    cut = trials.assign(score=trials["score"].astype(float).mask(late, 0.0))
    wide = per_task(cut).reindex(data.tasks)[data.names].to_numpy(dtype=np.float64)
    recipe = trials["recipe"].astype(str)
    shares = (~late & trials["failure"].isna()).groupby(recipe).mean()
    unknown = trials["latency_s"].isna().groupby(recipe).sum()
    rng = np.random.default_rng(seed)
    nothing = np.full(len(data.names), np.nan)
    share = nothing if data.few else best_shares(wide, data.groups, resamples, rng)
    rows: list[dict[str, object]] = []
    for k, name in enumerate(data.names):
        row: dict[str, object] = {"limit_s": limit, "recipe": name, "n": len(wide)}
        if len(wide):
            found = score_of(wide[:, k], data.groups, level)
            row |= {"score": found.value, "low": found.low, "high": found.high}
        row |= {"in_time": float(shares[name]), "unknown": int(unknown[name])}
        if len(wide):
            row |= dict(zip(_PRICES, data.price(k), strict=True))
        row["caveat"] = "; ".join(note for note in (data.lacking, *data.notes) if note)
        rows.append(row | {"probability": float(share[k]), "chosen": False})
    best = max(rows, key=lambda row: (row.get("score", -1.0), row["in_time"]), default=None)
    if best is not None and not data.few:
        best["chosen"] = True
    return rows


def _limits(latency: Floats) -> Floats:
    """Limits from the fastest to the slowest answer, rounded up to two digits that count."""
    known = latency[latency > 0]
    if not known.size:
        return np.array([1.0])
    raw = np.geomspace(known.min(), known.max(), _LIMITS)
    unit = 10.0 ** (np.floor(np.log10(raw)) - 1)
    rounded: Floats = np.unique(np.ceil(raw / unit - 1e-9) * unit)
    return rounded
