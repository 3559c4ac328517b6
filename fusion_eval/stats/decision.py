"""Which recipe to take, depending on what one more point of score is worth to you.

The recipe with the largest expected net benefit is the rational choice at that value (Stinnett &
Mullahy 1998; van Hout et al. 1994 for the probability that it is). Seconds may stand for dollars.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, is_simulated, never_answered
from fusion_eval.stats.bootstrap import RESAMPLES
from fusion_eval.stats.clusters import clustered
from fusion_eval.stats.common import LACKING
from fusion_eval.stats.dominance import hull
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.means import plain, t_limits
from fusion_eval.stats.points import Price
from fusion_eval.stats.stakes import ANSWERS, POINTS, Stakes, stakes
from fusion_eval.stats.tables import tidied

_UNITS: dict[str, str] = {"cost_usd": "usd", "latency_s": "s"}
_GRID = 7
"""Values within a range at which its probability is looked at."""
_WIDE = 10.0
"""A range without end is looked at up to so many times its threshold, or down to such a part."""
_MOST_ANSWERS = 100.0
"""Answers of the dearest recipe that a point may be worth: a threshold beyond divides a cost by a
difference of scores that is next to nothing, and what may be lost there grows without end."""


def decisions(
    trials: pd.DataFrame,
    seed: int = 0,
    *,
    by: Price = "cost_usd",
    missing: Missing = "as_deployed",
    resamples: int = RESAMPLES,
    level: float = 0.95,
    lacking: float = LACKING,
) -> pd.DataFrame:
    """The recipe with the largest expected net benefit, for every value of a point.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    seed : seed of the draws
    by : what a point is paid in: `cost_usd`, or `latency_s` (seconds of waiting)
    level : of the limits of the thresholds
    lacking : who lacks more than this share of the tasks is left out; 1 keeps everybody, on the
        tasks that are left

    Returns
    -------
    DataFrame, one row per range of values, from low to high. `recipe`; `from_usd`, `to_usd`: the
    thresholds at which the choice changes (US$ per point and task, from 0 to inf), with credible
    limits `from_low_usd`, `from_high_usd`, `to_low_usd`, `to_high_usd`. `probability`: that the
    recipe is the best choice, on average over values in the range; `at_usd`: a value at which it
    is just that. There: `regret_usd`, what 1,000 answers lose on average against the choice that
    is truly best; `runner_up`; `evpi_usd`, what knowing the truth before choosing would be worth
    per answer; `evsi_usd`, what as many tasks again would be worth per 1,000 answers. `open_to`:
    recipes whose cost is not known, and that may be the better choice somewhere in the range. By
    seconds: `from_s` and so on. Ranges that would begin where a point is worth more than 100
    answers of the dearest recipe (`attrs["up_to"]`) are not given; `attrs["beyond"]` names who
    would be the choice there.

    All recipes are taken on the tasks that all have. Scores and prices are drawn together by what
    of their differences is credibly noise (`stats.shrinkage`). No rows where nobody is left, or the
    recipes share fewer than `LEAST_TASKS` tasks (or clusters): `attrs["lacking"]` says what is
    missing. `attrs["left_out"]`: recipes whose cost has no upper bound; `attrs["not_compared"]`:
    recipe -> why it is in no comparison; `attrs["bounded"]`: those of unknown costs within bounds
    (`stats.cost`), counted at their highest where they are chosen and at their lowest where they
    are not; `attrs["never_answered"]`.
    """
    trials = tidied(trials)
    known = stakes(trials, seed, missing, resamples, by, lacking)
    unit = _UNITS[by]
    table = pd.DataFrame(ranges(known, level), columns=list(_COLUMNS))
    table.columns = [c.removesuffix("_") + f"_{unit}" if c.endswith("_") else c for c in _COLUMNS]
    table.attrs = _attrs(trials, known) | {
        "never_answered": never_answered(trials), "level": level, "by": by,
    }  # fmt: skip
    return table


def ranges(known: Stakes, level: float = 0.95) -> list[dict[str, object]]:
    """The rows of `decisions`, without the unit in their names (`from_`, `at_`)."""
    if not known.placed.any() or known.data.few:
        return []
    chain = _chain(known)
    steps = [_slope(i, j, known) for i, j in pairwise(chain)]
    none = (float("nan"), float("nan"))
    limits = [none, *(known.threshold(i, j, level) for i, j in pairwise(chain)), none]
    edges = pairwise([0.0, *steps, float("inf")])
    return [
        _choice(known, k, low, high) | _ends(*ends)
        for k, (low, high), ends in zip(chain, edges, pairwise(limits), strict=True)
    ]


def worth_of_telling(
    trials: pd.DataFrame, a: str, b: str, tasks: int, seed: int = 0, resamples: int = RESAMPLES
) -> float | None:
    """What so many more tasks with two recipes alone would save, in US$ per 1,000 answers.

    The most over the values `at_usd` of `decisions`; 0 where the choice stays the same whichever
    of the two is better, None where there is no choice.
    """
    known = stakes(tidied(trials), seed, "as_deployed", resamples, "cost_usd")
    values = [float(str(row["at_"])) for row in ranges(known)]
    worth = [known.sample_information(value, tasks, (a, b)) for value in values]
    return ANSWERS * max(worth) if worth else None


_COLUMNS = (
    "recipe", "from_", "to_", "at_", "probability", "runner_up", "evpi_", "regret_", "evsi_",
    "from_low_", "from_high_", "to_low_", "to_high_", "open_to",
)  # fmt: skip


def acceptability(
    trials: pd.DataFrame,
    values: Sequence[float] | None = None,
    level: float = 0.95,
    seed: int = 0,
    *,
    by: Price = "cost_usd",
    missing: Missing = "as_deployed",
    resamples: int = RESAMPLES,
    lacking: float = LACKING,
) -> pd.DataFrame:
    """Acceptability curves: for each value of a point, how likely each recipe is the best choice.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    values : US$ (or seconds) that one point of score is worth per task; by default 61 values, in
        equal steps of their logarithm, around the thresholds at which the choice changes
    level : coverage of the interval of the net benefit
    lacking : as in `decisions`

    Returns
    -------
    DataFrame, one row per (value, recipe): `value`, `recipe`, `net_benefit` (value * points - cost,
    plain mean per task) with `low`, `high` (t interval over the tasks that all recipes have, by
    cluster where tasks share one), `n`, `probability` (that it is the largest, as in `decisions`),
    `chosen` (largest expected net benefit: these rows are the acceptability frontier), `evpi` (of
    the value, same for all its rows: what perfect information would be worth per task; more tasks
    are not worth more than evpi times the tasks that will be answered), `regret` (per 1,000
    answers, were this recipe taken). `attrs` as in `decisions`. Probabilities, evpi and regret are
    NaN, and nobody is chosen, below `LEAST_TASKS` tasks. Raises StatisticsError for values below 0.

    References
    ----------
    van Hout et al. (1994), Health Economics 3:309; Stinnett & Mullahy (1998), Medical Decision
    Making 18:S68; Fenwick, Claxton & Sculpher (2001), Health Economics 10:779.
    """
    if min(values or [], default=0.0) < 0:
        raise StatisticsError("a point cannot be worth less than $0")
    trials = tidied(trials)
    known = stakes(trials, seed, missing, resamples, by, lacking)
    rows = []
    wanted = _values(known) if values is None else values
    for value in wanted if known.placed.any() else ():
        rows += _at(known, float(value), level)
    columns = ["value", "recipe", "net_benefit", "low", "high", "n", "probability", "chosen"]
    table = pd.DataFrame(rows, columns=[*columns, "evpi", "regret"])
    table.attrs = _attrs(trials, known) | {"level": level, "by": by}
    return table


def _at(known: Stakes, value: float, level: float) -> list[dict[str, object]]:
    """The rows of one value."""
    few = known.data.few
    benefit = np.nan_to_num(known.benefit(value), nan=-np.inf)
    nothing = np.full(len(benefit), np.nan)
    share = nothing if few else known.probability(value)
    perfect = float("nan") if few else known.perfect_information(value)
    each = value * POINTS * known.data.score - known.data.upper
    rows = []
    for k in np.flatnonzero(known.placed):
        lost = float("nan") if few else ANSWERS * known.regret(value, int(k))
        row = {"value": value, "recipe": known.data.names[k]}
        row |= _interval(each[:, k], known, level)
        row |= {"probability": float(share[k]), "chosen": not few and k == int(benefit.argmax())}
        rows.append(row | {"evpi": perfect, "regret": lost})
    return rows


def _interval(benefit: Floats, known: Stakes, level: float) -> dict[str, float]:
    mean, n = float(benefit.mean()) if len(benefit) else float("nan"), len(benefit)
    if known.data.units < 2:
        return {"net_benefit": mean, "low": float("nan"), "high": float("nan"), "n": n}
    groups = known.data.groups
    ends = t_limits(plain(benefit) if groups is None else clustered(benefit, groups), level)
    return {"net_benefit": mean, "low": ends.low, "high": ends.high, "n": n}


def _chain(known: Stakes) -> list[int]:
    """Recipes that are the choice at some value up to the most, from the cheapest on."""
    chain, most = _every(known), _most_worth(known)
    return [*chain[:1], *(j for i, j in pairwise(chain) if _slope(i, j, known) <= most)]


def _every(known: Stakes) -> list[int]:
    """Recipes that are the choice at any value whatever, from the cheapest to the best-scoring."""
    some = np.flatnonzero(known.placed)
    return [int(some[k]) for k in hull(known.score[some], known.most[some])] if len(some) else []


def _most_worth(known: Stakes) -> float:
    """The largest value of a point that is looked at; NaN where no price is known."""
    return _MOST_ANSWERS * float(np.nanmax(known.most)) if known.placed.any() else float("nan")


def _values(known: Stakes, count: int = 61) -> Floats:
    """Values of a point from a tenth of the first threshold to ten times the last."""
    chain = _chain(known) if known.placed.any() else []
    steps = [s for i, j in pairwise(chain) if (s := _slope(i, j, known)) > 0]
    if not steps:
        middle = float(np.nanmax(known.most)) if known.placed.any() else 1.0
        steps = [middle or 1.0]
    values: Floats = np.geomspace(min(steps) / _WIDE, max(steps) * _WIDE, count)
    return values


def _attrs(trials: pd.DataFrame, known: Stakes) -> dict[Hashable | None, Any]:
    return {
        **trials.attrs,
        "simulated": is_simulated(trials),
        "left_out": known.named(~known.placed),
        "not_compared": dict(known.data.left_out),
        "bounded": known.named(known.placed & ~known.data.known),
        "lacking": known.data.lacking,
        "tasks": len(known.data.score),
        "up_to": _most_worth(known),
        "beyond": [known.data.names[k] for k in _every(known)[len(_chain(known)) :]],
        "notes": list(known.data.notes),
    }


def _choice(known: Stakes, k: int, low: float, high: float) -> dict[str, object]:
    """A row of `decisions`: recipe k between two thresholds."""
    names, grid = known.data.names, _grid(known, low, high)
    shares = np.array([known.probability(value) for value in grid])
    sure = float(shares[:, k].mean())
    place = int(np.abs(shares[:, k] - sure).argmin())
    at, share = float(grid[place]), shares[place]
    rivals = sorted((r for r in range(len(names)) if r != k), key=lambda r: -share[r])
    return {
        "recipe": names[k], "from_": low, "to_": high, "at_": at, "probability": sure,
        "runner_up": names[rivals[0]] if rivals and share[rivals[0]] > 0 else "",
        "evpi_": known.perfect_information(at), "regret_": ANSWERS * known.regret(at, k),
        "evsi_": ANSWERS * known.sample_information(at, len(known.data.score)),
        "open_to": ", ".join(_open_to(known, k, grid)),
    }  # fmt: skip


def _open_to(known: Stakes, k: int, grid: Floats) -> list[str]:
    """Recipes of unknown cost that would be the better choice somewhere if they cost little."""
    least = np.nan_to_num(known.least, nan=0.0)
    lead = grid[:, None] * (known.score - known.score[k]) - (least - known.most[k])
    unknown = ~known.data.known
    unknown[k] = False
    return known.named(unknown & (lead > 0).any(axis=0))


def _ends(low: tuple[float, float], high: tuple[float, float]) -> dict[str, object]:
    return {"from_low_": low[0], "from_high_": low[1], "to_low_": high[0], "to_high_": high[1]}


def _slope(i: int, j: int, known: Stakes) -> float:
    return float((known.most[j] - known.most[i]) / (known.score[j] - known.score[i]))


def _grid(known: Stakes, low: float, high: float) -> Floats:
    """Values inside a range, in equal steps of their logarithm."""
    if not low and np.isinf(high):
        middle = float(np.nanmean(known.most)) or 1.0
        low, high = middle / _WIDE, middle * _WIDE
    most = max(low, _most_worth(known))
    low, high = low or high / _WIDE, high if np.isfinite(high) else min(low * _WIDE, most)
    ends: Floats = np.geomspace(low, high, _GRID + 2)
    return ends[1:-1]
