"""What engineers deploy by: the price of a good enough answer, and how bad the bad ones are.

A mean hides reliability, which fusion is sold for. An answer is acceptable at a score of at least a
threshold; who sees that an answer is not, asks again and pays again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from fusion_eval.core import Estimate
from fusion_eval.errors import StatisticsError
from fusion_eval.frames import is_simulated, scored, task_key
from fusion_eval.stats.bootstrap import RESAMPLES
from fusion_eval.stats.bounds import places
from fusion_eval.stats.clusters import sampled, score_of
from fusion_eval.stats.common import LACKING
from fusion_eval.stats.estimates import Floats, t_quantile
from fusion_eval.stats.means import unseen_share
from fusion_eval.stats.points import Points, points
from fusion_eval.stats.results import known_or_none, result
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "recipe", "threshold", "below", "below_low", "below_high", "usd_per_acceptable", "usd_low",
    "usd_high", "below_twice", "usd_with_retry", "worst_tenth", "worst_low", "worst_high",
    "on_frontier", "p_on_frontier", "worst_on_frontier", "p_worst_on_frontier", "n", "estimand",
    "caveat",
)  # fmt: skip
THRESHOLD = 0.7
"""Of 0 to 1: what counts as acceptable where nobody says."""
_TENTH, _TAIL = 0.1, 3
"""The tail of answers that is looked at, and tasks in it below which their spread says little."""


def acceptable(
    trials: pd.DataFrame,
    threshold: float = THRESHOLD,
    level: float = 0.95,
    seed: int = 0,
    *,
    resamples: int = RESAMPLES,
    lacking: float = LACKING,
) -> pd.DataFrame:
    """For each recipe, how often an answer is not acceptable, and what an acceptable one costs.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    threshold : 0 to 1; an answer is acceptable from this score on, and a failed one never
    lacking : who lacks more than this share of the tasks is left out, as in `decisions`

    Returns
    -------
    DataFrame, one row per recipe on the tasks that all have, columns `COLUMNS`. `below`: share of
    answers (mean over tasks) that are not acceptable, with the interval of a mean score, so that
    none of n still allows some. `usd_per_acceptable`: dollars spent per acceptable answer, mean
    cost / (1 - below), where one that is not is thrown away; its interval is by the delta method
    on the log, and reaches at least from the cost over the limits of the share; `usd_high` is inf
    where none may be acceptable. With two or more repeats of a task `below_twice` is the share of
    tasks on which an answer and its retry both fail, over all pairs of repeats, and
    `usd_with_retry` the price of an acceptable answer when asked twice at most: cost * (1 + below)
    / (1 - below_twice); NaN with one repeat, as nobody can tell whether the retry fails on the same
    tasks. `worst_tenth`: mean score of the worst tenth of answers, by its influence function; below
    30 tasks, which hold few bad answers, its limits are what may have been missed. `on_frontier`,
    `p_on_frontier`: of share acceptable against cost, as in `pareto`; `worst_on_frontier`,
    `p_worst_on_frontier`: of the worst tenth against cost. Where costs are partly unknown, dollars
    have no value (NaN) and limits: `usd_low` at the lower bounds of the costs, `usd_high` at the
    upper.

    Raises
    ------
    StatisticsError : a threshold outside 0 to 1

    References
    ----------
    Cost of pass: Erol et al. (2025), arXiv:2504.13359; expected shortfall: Rockafellar & Uryasev
    (2000), J. Risk 2:21.
    """
    if not 0 < threshold <= 1:
        raise StatisticsError(f"threshold={threshold:g}; give a score above 0, up to 1")
    trials = tidied(trials)
    data = points(trials, lacking=lacking)
    score, recipe = scored(trials), trials["recipe"].astype(str)
    passed = (score >= threshold - 1e-9).astype(float).where(score.notna())
    good = _wide(trials, passed, data)
    worst = [_worst(trials[recipe == name], score[recipe == name], data) for name in data.names]
    influence = np.column_stack([part for _, part in worst]) if worst else good
    places_of = {"": places(good, data, resamples, seed)}
    places_of["worst_"] = places(influence, data, resamples, seed)
    rows = []
    for k, name in enumerate(data.names):
        of = recipe == name
        row: dict[str, Any] = {"recipe": name, "threshold": threshold, "n": len(good)}
        if len(good):
            row |= _share(good[:, k], data, k, level)
            row |= _retry(trials[of], passed[of], row["below"], data, k)
            row |= _limits(*worst[k], k, data, level)
        if data.able[k] and len(good):
            for which, place in places_of.items():
                row |= {f"{which}on_frontier": place.on(k)}
                row |= {f"p_{which}on_frontier": place.probability(k)}
        notes = ["SIMULATED" if is_simulated(trials) else "", data.lacking, *data.notes]
        row["caveat"] = "; ".join(note for note in notes if note)
        rows.append(row)
    table = result(rows, COLUMNS, trials, level=level, not_compared=dict(data.left_out))
    for which in places_of:
        table[f"{which}on_frontier"] = known_or_none(table[f"{which}on_frontier"])
    table["estimand"] = "new tasks like these; a failed answer is not acceptable"
    return table


def _wide(trials: pd.DataFrame, values: pd.Series, data: Points) -> Floats:
    """Mean over repeats, shape (n_tasks, n_recipes), in the order of `data`."""
    means = values.groupby([task_key(trials), trials["recipe"].astype(str)]).mean().unstack()
    wide: Floats = means.reindex(data.tasks)[data.names].to_numpy(dtype=np.float64)
    return wide


def _share(good: Floats, data: Points, k: int, level: float) -> dict[str, float]:
    found = score_of(1 - good, data.groups, level)
    row = {"below": found.value, "below_low": found.low, "below_high": found.high}
    least = _price(data.cost[:, k], good, found, data, level)
    if data.known[k]:
        return row | dict(zip(("usd_per_acceptable", "usd_low", "usd_high"), least, strict=True))
    most = _price(data.upper[:, k], good, found, data, level)
    return row | {"usd_low": least[1], "usd_high": most[2]}


def _price(
    cost: Floats, rate: Floats, below: Estimate, data: Points, level: float
) -> tuple[float, float, float]:
    """Dollars per acceptable answer with limits."""
    price, share = float(cost.mean()), float(rate.mean())
    ends = [price / (1 - end) if end < 1 else np.inf for end in (below.low, below.high)]
    value = price / share if share > 0 else np.inf
    if share > 0 and price > 0 and len(rate) > 1:
        mean = sampled(np.asarray(cost / price - rate / share, dtype=np.float64), data.groups)
        half = np.exp(mean.t_quantile(level) * mean.se)
        ends = [min(ends[0], value / half), max(ends[1], value * half)]
    return value, ends[0], ends[1]


def _retry(
    rows: pd.DataFrame, passed: pd.Series, below: float, data: Points, k: int
) -> dict[str, float]:
    """Over the pairs of repeats of each task: m bad ones of r give m (m - 1) / r (r - 1)."""
    bad = (1 - passed).groupby(task_key(rows)).agg(["sum", "count"]).reindex(data.tasks)
    if bad["count"].min() < 2:
        return {}
    r, m = bad["count"], bad["sum"]
    twice = float((m * (m - 1) / (r * (r - 1))).mean())
    price, _, _ = data.price(k)
    retried = price * (1 + below) / (1 - twice) if twice < 1 else np.inf
    return {"below_twice": twice, "usd_with_retry": retried}


def _worst(rows: pd.DataFrame, score: pd.Series, data: Points) -> tuple[float, Floats]:
    """Mean of the worst tenth of answers, repeats of a task weighing as one; and a value per task
    of `data` whose mean it is, and whose spread is its error (influence values)."""
    key = task_key(rows)
    there = score.notna() & key.isin(data.tasks)
    x, key = score[there].to_numpy(dtype=np.float64), key[there]
    if not len(x):
        return float("nan"), np.empty(0)
    weight = (1 / key.groupby(key).transform("size")).to_numpy(dtype=np.float64)
    weight = weight / weight.sum()
    order = x.argsort(kind="stable")
    part = np.clip(_TENTH - (weight[order].cumsum() - weight[order]), 0, weight[order]) / _TENTH
    value, edge = float((part * x[order]).sum()), float(x[order][part > 0].max())
    short = pd.Series(np.minimum(x - edge, 0.0), index=key.index).groupby(key).mean()
    lack: Floats = np.asarray(short.reindex(data.tasks) / _TENTH, dtype=np.float64)
    return value, value + lack - lack.mean()


def _limits(
    value: float, influence: Floats, k: int, data: Points, level: float
) -> dict[str, float]:
    """Student's t; but where the tail holds fewer than three tasks, or never varies, what so many
    tasks may have missed: none of them at 0 (`means.unseen_share`), and an order statistic above
    the worst tenth of the tasks' means (David & Nagaraja 2003, 7.1)."""
    mean = sampled(influence, data.groups)
    half = t_quantile(level, mean.freedom) * mean.se if mean.freedom > 0 else np.nan
    low, high = value - half, value + half
    if _TENTH * mean.units < _TAIL or not mean.se > 0:
        unseen = min(1.0, unseen_share(mean.units, level) / _TENTH)
        rank = int(binom.ppf((1 + level) / 2, mean.units, _TENTH))
        above = np.sort(data.score[:, k])[min(rank, len(data.score) - 1)]
        low, high = np.fmin(low, value * (1 - unseen)), np.fmax(high, max(value, float(above)))
    low, high = (float(np.clip(end, 0.0, 1.0)) for end in (low, high))
    return {"worst_tenth": value, "worst_low": low, "worst_high": high}
