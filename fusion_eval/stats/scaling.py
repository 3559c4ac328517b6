"""What more of the same brings: a recipe at several sizes, such as self-fusion of 2 to 10 runs.

Each size is compared with the smallest and, where dollars are known, with the next smaller one of
known dollars. Steps between neighbours are small and noisy; the slope uses all sizes at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from fusion_eval.core import Estimate
from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, recipes
from fusion_eval.stats.caveats import Side, caveat, few, sides
from fusion_eval.stats.clusters import collapsed, mean_over, score_of
from fusion_eval.stats.cost import cost_per_task
from fusion_eval.stats.design import Labels, groups_of
from fusion_eval.stats.estimates import Floats, t_interval
from fusion_eval.stats.evidence import Evidence, evidence
from fusion_eval.stats.family import check_level
from fusion_eval.stats.means import t_limits
from fusion_eval.stats.ratio import ratio_of_means
from fusion_eval.stats.results import FEW_TASKS, FLIPS, refuse_unknown, result
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "recipe", "size", "score", "low", "high", "n", "gain", "gain_low", "gain_high", "p_adjusted",
    "gain_n", "usd", "since", "more", "more_low", "more_high", "more_n", "more_usd",
    "points_per_usd", "per_usd_low", "per_usd_high", "method", "caveat",
)  # fmt: skip


def scaling(
    trials: pd.DataFrame,
    sizes: Mapping[str, float],
    usd: Mapping[str, float] | None = None,
    level: float = 0.95,
    seed: int = 0,
    *,
    missing: Missing = "as_deployed",
    flips: int = FLIPS,
) -> pd.DataFrame:
    """Score, gain and points per dollar of a recipe at several sizes, the smallest first.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    sizes : recipe -> size above 0, two or more recipes of the table
    usd : recipe -> US$ per task, where only totals were measured: taken as known without error.
        Other recipes take theirs from `cost_usd`, task by task; unknown stays unknown
    level : of each score's interval, and jointly of all gains, and of all steps

    Returns
    -------
    DataFrame, one row per size, columns `COLUMNS`, 0 to 1 except `points_per_usd` (points of 100
    per further US$ a task). `gain` over the smallest size, paired by task, with simultaneous
    limits and a step-down max-T p; `more` over `since`, the next smaller size of known dollars, and
    `more_usd` what that costs; their ratio has the limits of `more` divided by the known dollars,
    or Fieller's set, at a Bonferroni level over the steps, where both vary by task (limits NaN
    where that is unbounded: then the data do not tell). `attrs["per_doubling"]`: an Estimate (0 to
    1), the least-squares slope on the log2 of the size in every task that has all sizes, Student's
    t over tasks.

    Raises
    ------
    StatisticsError : an unknown recipe, fewer than two sizes, a size that is not above 0

    References
    ----------
    Summary-measure slopes: Matthews et al. (1990), BMJ 300:230. Fieller (1954), JRSS B 16:175.
    """
    check_level(level)
    known = tidied(trials)
    names = _ordered(known, sizes)
    every = sides(known, missing)
    x = [every[name] for name in names]
    bills = _bills(known, x, usd or {})
    groups = groups_of(known, x[0].index, "new tasks")
    gains = _family([(side, x[0]) for side in x[1:]], groups, level, seed, flips)
    steps = _steps(names, bills)
    chain = _family([(every[a], every[b]) for a, b in steps.items()], groups, level, seed, flips)
    rows = []
    for k, side in enumerate(x):
        row = _own(side, sizes[side.name], bills[side.name], level, groups)
        if k and gains is not None:
            row |= _gain(gains, k - 1)
        if side.name in steps and chain is not None:
            since = steps[side.name]
            place = list(steps).index(side.name)
            paid = (bills[side.name], bills[since])
            joint = 1 - (1 - level) / len(steps)
            row |= _step(chain, place, side, every[since], paid, joint, groups)
        n = int((~np.isnan(side.scores)).sum())
        notes = [few(n)] if n < FEW_TASKS else []
        row["caveat"] = "; ".join(notes + caveat(side, x[0], missing, open_matters=False))
        rows.append(row)
    scores = np.column_stack([side.scores for side in x])
    slope = per_doubling(scores, [sizes[name] for name in names], level, groups)
    return result(rows, COLUMNS, trials, level=level, per_doubling=slope)


def per_doubling(
    scores: Floats, sizes: list[float], level: float = 0.95, groups: Labels | None = None
) -> Estimate:
    """Slope of the score on log2(size), by least squares in each task, then over tasks.

    scores : shape (n_tasks, n_sizes); tasks with a NaN are left out. Raises TooFewTasksError.
    """
    x = np.log2(sizes)
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    whole = ~np.isnan(scores).any(axis=1)
    slopes = scores[whole] @ weights
    if groups is None:
        return t_interval(slopes, level)
    return t_limits(mean_over(slopes, groups[whole]), level)


def _ordered(trials: pd.DataFrame, sizes: Mapping[str, float]) -> list[str]:
    there = recipes(trials)
    refuse_unknown(sizes, there)
    if bad := [name for name, size in sizes.items() if not 0 < size < math.inf]:
        raise StatisticsError(f"the size of {', '.join(bad)} must be a number above 0")
    if len(set(sizes.values())) < 2:
        raise StatisticsError("two or more sizes are needed: one says nothing about more")
    return sorted(sizes, key=lambda name: sizes[name])


Bill = float | pd.Series
"""US$ per task: one number that was measured as a total, or one per task; NaN where unknown."""


def _bills(trials: pd.DataFrame, x: list[Side], usd: Mapping[str, float]) -> dict[str, Bill]:
    costs = cost_per_task(trials)
    found: dict[str, Bill] = {}
    for side in x:
        whole = not costs.unknown.get(side.name, 1)
        own = costs.least[side.name].reindex(side.index) if whole else math.nan
        found[side.name] = float(usd[side.name]) if side.name in usd else own
    return found


def _amount(bill: Bill) -> float:
    return float(bill.mean()) if isinstance(bill, pd.Series) else bill


def _steps(names: list[str], bills: Mapping[str, Bill]) -> dict[str, str]:
    """Recipe of known dollars -> the next smaller one of known dollars."""
    priced = [name for name in names if not math.isnan(_amount(bills[name]))]
    return dict(zip(priced[1:], priced[:-1], strict=True))


def _family(
    pairs: list[tuple[Side, Side]], groups: Labels | None, level: float, seed: int, flips: int
) -> Evidence | None:
    if not pairs:
        return None
    d = np.column_stack([a.scores - b.scores for a, b in pairs])
    return evidence(d, groups, level, seed, flips)


def _own(
    side: Side, size: float, bill: Bill, level: float, groups: Labels | None
) -> dict[str, object]:
    there = ~np.isnan(side.scores)
    found = score_of(side.scores[there], None if groups is None else groups[there], level)
    return {
        "recipe": side.name, "size": float(size), "score": found.value, "low": found.low,
        "high": found.high, "n": found.n, "usd": _amount(bill),
        "method": f"{found.method}; gains paired by task, simultaneous {level:.0%}",
    }  # fmt: skip


def _gain(found: Evidence, k: int) -> dict[str, object]:
    return {
        "gain": found.means[k].value, "gain_low": float(found.low[k]),
        "gain_high": float(found.high[k]), "p_adjusted": float(found.adjusted[k]),
        "gain_n": found.means[k].n,
    }  # fmt: skip


def _step(
    found: Evidence,
    k: int,
    a: Side,
    b: Side,
    paid: tuple[Bill, Bill],
    level: float,
    groups: Labels | None,
) -> dict[str, object]:
    low, high = float(found.low[k]), float(found.high[k])
    more = _amount(paid[0]) - _amount(paid[1])
    row: dict[str, object] = {
        "since": b.name, "more": found.means[k].value, "more_low": low, "more_high": high,
        "more_n": found.means[k].n, "more_usd": more,
    }  # fmt: skip
    if isinstance(paid[0], pd.Series) and isinstance(paid[1], pd.Series):
        return row | _fieller(a.scores - b.scores, (paid[0] - paid[1]).to_numpy(), level, groups)
    if more > 0:
        rates = [100 * value / more for value in (found.means[k].value, low, high)]
        row |= dict(zip(("points_per_usd", "per_usd_low", "per_usd_high"), rates, strict=True))
    return row


def _fieller(score: Floats, usd: Floats, level: float, groups: Labels | None) -> dict[str, object]:
    both = ~(np.isnan(score) | np.isnan(usd))
    pairs = np.column_stack([100 * score[both], usd[both]])
    pairs = pairs if groups is None else collapsed(pairs, groups[both])[0]
    found = ratio_of_means(pairs[:, 0], pairs[:, 1], level)
    bounded = found.kind == "bounded"
    return {
        "points_per_usd": found.value,
        "per_usd_low": found.low if bounded else math.nan,
        "per_usd_high": found.high if bounded else math.nan,
    }
