"""At equal dollars: a recipe against the best mixture of baselines that costs the same.

"Fusion is better" mostly means "dearer is better". Sending some tasks to a cheap baseline and the
rest to a dear one reaches every point between the two; a recipe earns its dollars when it is above
the best of these mixtures. The mixture is estimated too: its costs, its scores, and which is best.
So nothing is divided by an estimated cost. By the duality of linear programmes the difference is

    max over prices v >= 0 of  min over baselines i of  (S - S_i) - v (C - C_i),

at each v the smallest of ordinary paired means, whose limits are known (`stats.best_of`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing
from fusion_eval.stats.best_of import FLIPS
from fusion_eval.stats.clusters import collapsed
from fusion_eval.stats.design import Labels
from fusion_eval.stats.dominance import hull
from fusion_eval.stats.estimates import Floats, t_quantile
from fusion_eval.stats.means import unseen_share
from fusion_eval.stats.multiple import flip_signs, simultaneous_intervals
from fusion_eval.stats.points import Points, Price, points
from fusion_eval.stats.results import LEAST_TASKS, mark_simulated, refuse_unknown, result

COLUMNS = (
    "recipe", "mix", "share_of_dearer", "difference", "low", "high", "cost_usd", "mix_cost_usd",
    "place", "conclusion", "n", "estimand", "method", "caveat",
)  # fmt: skip
_GRID = 121
_METHOD = (
    "dual: smallest of paired t limits over the baselines, at the price of a point that is best "
    "for the recipe"
)
_BOUNDED = "unknown costs at their bounds: the recipe's at the highest, baselines' at the lowest"
_ESTIMAND = "mean score difference at equal {} for new tasks like these"


def matched(
    trials: pd.DataFrame,
    recipes: Sequence[str] | None = None,
    baselines: Sequence[str] | None = None,
    level: float = 0.95,
    seed: int = 0,
    *,
    by: Price = "cost_usd",
    missing: Missing = "as_deployed",
) -> pd.DataFrame:
    """Each recipe against the best mixture of baselines that costs the same.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    recipes : those to test; by default all that are not baselines
    baselines : by default the solo recipes
    level : joint coverage of the intervals of all rows (Bonferroni), each of which also pays for
        having found the best mixture on the same tasks
    by : `cost_usd`, or `latency_s` for mixtures that take as long

    Returns
    -------
    DataFrame, one row per recipe, columns `COLUMNS`. `mix`: the mixture that scores most by the
    means, `share_of_dearer` the share of tasks that it sends to its dearer part; `difference`
    (0 to 1): recipe less that mixture; `low`, `high`: for the difference to the truly best one.
    `place`: `inside` the baselines' range of costs, `above` it (no mixture is so dear: compared
    with the best baseline, which costs less), `below` it or `unknown` (no difference then; the
    caveat says why). `conclusion`: `better` or `worse` than the best mixture, or `undecided`.
    Unknown costs lie between bounds (`stats.cost`): the recipe counts at its highest and baselines
    at their lowest, and `high` is the limit the other way round.
    By seconds, `cost_usd` and `mix_cost_usd` are called `seconds` and `mix_seconds`.

    Raises
    ------
    StatisticsError : no baseline with a known or bounded cost, or unknown names

    References
    ----------
    Duality: Dantzig (1963), ch. 6; intersection-union: Berger (1982); docs/methods.md.
    """
    data, chosen, base, lost = _sides(trials, recipes, baselines, missing, by)
    rng = np.random.default_rng(seed)
    joint = 1 - (1 - level) / max(1, len(chosen))
    rows = [
        _row(data, data.names.index(name), base, joint, rng)
        if name in data.names
        else _nothing(name, len(data.score), f"not compared: {data.left_out[name]}")
        for name in chosen
    ]
    table = result(rows, COLUMNS, trials, level=level, by=by)
    table["estimand"] = _ESTIMAND.format("dollars" if by == "cost_usd" else "seconds")
    if lost:
        few = [name for name in lost if name not in data.names]
        why = "too few tasks" if len(few) == len(lost) else "cost not wholly known"
        why += " or too few tasks" if 0 < len(few) < len(lost) else ""
        note = f"left out as baselines, {why}: {', '.join(lost)}"
        table["caveat"] = [f"{text}; {note}" if text else note for text in table["caveat"]]
    table = mark_simulated(table)
    seconds = {"cost_usd": "seconds", "mix_cost_usd": "mix_seconds"}
    return table if by == "cost_usd" else table.rename(columns=seconds)


def _sides(
    trials: pd.DataFrame,
    recipes: Sequence[str] | None,
    baselines: Sequence[str] | None,
    missing: Missing,
    by: Price,
) -> tuple[Points, list[str], list[int], list[str]]:
    """Points, names to test, indices of baselines, and baselines of unknown cost."""
    data = points(trials, missing, by)
    every = [*data.names, *data.left_out]
    refuse_unknown([*(recipes or []), *(baselines or [])], every)
    if baselines is None:
        if "strategy" not in trials:
            raise StatisticsError(
                "the table has no column 'strategy', so the baselines are unknown; name them: "
                "matched(…, baselines=[…])"
            )
        solo = trials.loc[trials["strategy"].astype(str) == "solo", "recipe"].astype(str)
        baselines = [name for name in every if name in set(solo)]
    able = dict(zip(data.names, data.able, strict=True))
    base = [data.names.index(name) for name in baselines if able.get(name)]
    if not base:
        raise StatisticsError(
            "no baseline with a known price; name some that have one: matched(…, baselines=[…])"
        )
    rest = [name for name in every if name not in set(baselines)]
    lost = [name for name in baselines if not able.get(name)]
    return data, list(recipes) if recipes is not None else rest, base, lost


def _row(
    data: Points, k: int, base: list[int], level: float, rng: np.random.Generator
) -> dict[str, object]:
    rivals = [i for i in base if i != k]
    used = [k, *rivals]
    present = ~np.isnan(data.score[:, used]).any(axis=1) & ~np.isnan(data.cost[:, used]).any(axis=1)
    score, n = data.score[present], int(present.sum())
    row = _nothing(data.names[k], n, "")
    if not data.able[k]:
        return row | {"caveat": "its cost is not wholly known, so nothing costs the same"}
    if not rivals or n < 2:
        return row | {"caveat": "fewer than two tasks in common with the baselines"}
    least, most = data.cost[present], data.upper[present]
    price, paid = float(most[:, k].mean()), least.mean(axis=0)[rivals]
    row |= {"cost_usd": price}
    if price < paid.min():
        return row | {"place": "below", "caveat": "no mixture of the baselines costs so little"}
    bounded = not data.known[used].all()
    if bounded and least[:, k].mean() < most.mean(axis=0)[rivals].min():
        return row | {"caveat": f"{_BOUNDED}; no mixture of the baselines may cost so little"}
    i, j, share = best_mixture(score.mean(axis=0)[rivals], paid, price)
    names = [data.names[r] for r in rivals]
    gain = score[:, [k]] - score[:, rivals]
    groups = None if data.groups is None else data.groups[present]
    if groups is not None and len(set(groups)) < 2:
        return row | {"caveat": "all common tasks are of one cluster"}
    dearer = most[:, [k]] - least[:, rivals]
    value, low, high = matched_difference(gain, dearer, level, rng=rng, groups=groups)
    if bounded:
        dearer = least[:, [k]] - most[:, rivals]
        high = max(high, matched_difference(gain, dearer, level, rng=rng, groups=groups)[2])
    above = price > paid.max()
    word = "better" if low > 0 else "worse" if high < 0 else "undecided"
    mix = names[i] if i == j else f"{1 - share:.0%} {names[i]}, {share:.0%} {names[j]}"
    return row | {
        "mix": mix, "share_of_dearer": share, "difference": value, "low": low, "high": high,
        "mix_cost_usd": float((1 - share) * paid[i] + share * paid[j]),
        "place": "above" if above else "inside",
        "conclusion": "undecided" if n < LEAST_TASKS else word,
        "caveat": _caveat(len(data.score), n, above=above, bounded=bounded),
    }  # fmt: skip


def _nothing(name: str, n: int, caveat: str) -> dict[str, object]:
    return {
        "recipe": name, "mix": "", "n": n, "conclusion": "undecided", "place": "unknown",
        "method": _METHOD, "caveat": caveat,
    }  # fmt: skip


def best_mixture(score: Floats, cost: Floats, price: float) -> tuple[int, int, float]:
    """The mixture that scores most for `price`: cheaper part, dearer part, share of the dearer.

    score, cost : shape (n_baselines,); one baseline alone is (i, i, 0). It may cost less than
    `price`, where no baseline that costs more scores more. At least one must not cost more.
    """
    chain = hull(score, cost)
    if price >= cost[chain[-1]]:
        return chain[-1], chain[-1], 0.0
    i, j = next((i, j) for i, j in pairwise(chain) if cost[i] <= price < cost[j])
    share = float((price - cost[i]) / (cost[j] - cost[i]))
    return (i, j, share) if share > 0 else (i, i, 0.0)


def matched_difference(
    gain: Floats,
    dearer: Floats,
    level: float = 0.95,
    *,
    rng: np.random.Generator,
    groups: Labels | None = None,
) -> tuple[float, float, float]:
    """Score above the best mixture of the same mean cost: value, low, high, cut to -1 and 1.

    gain, dearer : shape (n_tasks, n_baselines), score and cost of the recipe less each baseline's
    groups : the cluster of each task, where tasks share some (CR2)

    Low is the largest over v of the smallest unadjusted lower limit over the baselines, high the
    largest over v of the smallest simultaneous upper limit (max-T at the best v). At the true v
    both hold at (1 - level) / 2; for high the search over v only adds, for low it is paid for by
    both parts of a mixture having to lie above (simulated in tests/stats/test_stats_matched.py).
    """
    prices = _prices(gain, dearer)
    both, freedom = collapsed(np.hstack([gain, dearer]), groups)
    gain, dearer = np.hsplit(both, 2)
    units = len(gain)
    mean, se = _moments(gain, dearer, prices)
    at = int(mean.min(axis=1).argmax())
    student = t_quantile(level, freedom)
    signs = flip_signs(units, FLIPS, rng)
    joint = simultaneous_intervals(gain - prices[at] * dearer, signs, level)
    # no spread seen is not no spread: there the rule of three, as in every other interval
    flat = np.where(se == 0, unseen_share(units, level), 0.0)
    low = (mean - student * se - flat * (1 + mean)).min(axis=1).max()
    high = (mean + max(student, joint.critical) * se + flat * (1 - mean)).min(axis=1).max()
    value, low, high = np.clip([mean[at].min(), low, high], -1.0, 1.0)
    return float(value), float(low), float(high)


def _moments(gain: Floats, dearer: Floats, prices: Floats) -> tuple[Floats, Floats]:
    """Mean and standard error of gain - v dearer, shape (n_prices, n_baselines)."""
    n, v = len(gain), prices[:, None]
    a, b = gain - gain.mean(axis=0), dearer - dearer.mean(axis=0)
    products = [(x * y).sum(axis=0) / (n - 1) / n for x, y in ((a, a), (a, b), (b, b))]
    variance = products[0] - 2 * v * products[1] + v * v * products[2]
    return gain.mean(axis=0) - v * dearer.mean(axis=0), np.sqrt(np.maximum(variance, 0.0))


def _prices(gain: Floats, dearer: Floats) -> Floats:
    """Prices of a point to look at: 0, where two baselines tie, and a grid over six decades."""
    a, b = gain.mean(axis=0), dearer.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ties = ((a[:, None] - a) / (b[:, None] - b)).ravel()
    scale = np.abs(dearer).mean()
    grid = np.geomspace(1e-3, 1e3, _GRID) / scale if scale > 0 else np.empty(0)
    prices: Floats = np.concatenate([[0.0], grid, ties[np.isfinite(ties) & (ties > 0)]])
    return prices


def _caveat(tasks: int, used: int, *, above: bool, bounded: bool) -> str:
    notes = [_BOUNDED] if bounded else []
    if above:
        notes.append("dearer than every baseline: compared with the best of them, which costs less")
    if used < tasks:
        notes.append(f"{used} of {tasks} tasks have scores and costs of all")
    if used < LEAST_TASKS:
        notes.append("too few tasks for a conclusion")
    return "; ".join(notes)
