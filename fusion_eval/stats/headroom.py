"""What there is to gain from several members, and how much of it a fused recipe gains.

mean member <= best member <= oracle of the drafts; a fused answer may lie anywhere. Members that
err on the same points are worth fewer than they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.core import Estimate
from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, per_task, recipes, task_key
from fusion_eval.stats.best_of import against_best
from fusion_eval.stats.estimates import Floats, mean_score, t_interval
from fusion_eval.stats.jackknife import jackknife
from fusion_eval.stats.means import unseen_share
from fusion_eval.stats.oracles import oracle
from fusion_eval.stats.ratio import ratio_of_means
from fusion_eval.stats.results import refuse_unknown, result, row_of
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "recipe", "quantity", "value", "low", "high", "level", "n", "method", "caveat",
)  # fmt: skip
_ALIKE = 1e-9
_BOUND = "an upper bound: picked by the very grading that scores it"


def headroom(
    trials: pd.DataFrame,
    recipe: str,
    members: Sequence[str],
    level: float = 0.95,
    seed: int = 0,
    *,
    verdicts: pd.DataFrame | None = None,
    missing: Missing = "as_deployed",
) -> pd.DataFrame:
    """A fused recipe between the mean of its members and the oracle of their answers.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    recipe : the fused recipe; members : recipes of its members alone (`stats.seats.members_of`)
    level : coverage; seed : of cross-fit halves and sign flips
    verdicts : with it, how alike the members' errors are

    Returns
    -------
    DataFrame, columns `COLUMNS`, over the tasks that all have: `mean member`, `fused`, `oracle`
    (scores 0 to 1); `fused - mean member`, `oracle - fused` (paired t); `fused - best member`,
    cross-fitted, with an interval that pays for choosing the best (see `best_of`); `gained share`
    = (fused - mean) / (oracle - mean), Fieller's set, NaN where that is not bounded. With verdicts
    `error correlation` (mean over pairs of members, of missing the same points; jackknife over
    tasks) and `effective members` = J / (1 + (J - 1) correlation); and where members have repeats,
    `effective draws`: what J draws of one member would be worth by the same formula.

    Raises
    ------
    StatisticsError : unknown names, fewer than two members, fewer than two common tasks

    References
    ----------
    Kish (1965), Survey Sampling, 5.4 (effective number).
    """
    known = tidied(trials)
    refuse_unknown([recipe, *members], recipes(known))
    if len(set(members)) < 2:
        raise StatisticsError("headroom needs two members or more")
    best = per_task(oracle(known, members), "score", missing)["oracle"]
    wide = per_task(known, "score", missing)[[recipe, *members]].assign(_oracle=best).dropna()
    if len(wide) < 2:
        raise StatisticsError(f"{len(wide)} task(s) have {recipe!r} and all members; 2 are needed")
    x = wide.to_numpy(dtype=np.float64)
    fused, each, top = x[:, 0], x[:, 1:-1], x[:, -1]
    mean = each.mean(axis=1)
    found = {
        "mean member": mean_score(mean, level), "fused": mean_score(fused, level),
        "oracle": mean_score(top, level), "fused - mean member": t_interval(fused - mean, level),
        "fused - best member": against_best(
            fused[:, None] - each, level, rng=np.random.default_rng(seed)
        ).estimate,
        "oracle - fused": t_interval(top - fused, level),
    }  # fmt: skip
    rows = [{"recipe": recipe, "quantity": name, **row_of(e)} for name, e in found.items()]
    rows.append({"recipe": recipe, **_gained(fused - mean, top - mean, level)})
    if verdicts is not None:
        alike = error_correlation(verdicts, members, level)
        rows += [{"recipe": recipe, **row} for row in _alike(alike, len(set(members)))]
        again = [draw_correlation(verdicts, name, level) for name in dict.fromkeys(members)]
        rows += [{"recipe": recipe, **row} for row in _drawn(again, level)]
    table = result(rows, COLUMNS, trials, level=level)
    table["caveat"] = [_BOUND if "oracle" in q else "" for q in table["quantity"]]
    table.loc[table["quantity"] == "gained share", "caveat"] = _BOUND
    return table


def _gained(gain: Floats, room: Floats, level: float) -> dict[str, Any]:
    ratio = ratio_of_means(gain, room, level)
    row = {"quantity": "gained share", "level": level, "n": len(gain), "method": "Fieller"}
    nothing = float("nan")
    if ratio.kind != "bounded" or not ratio.low < ratio.high:
        return row | {"value": nothing, "low": nothing, "high": nothing}
    return row | {"value": ratio.value, "low": ratio.low, "high": ratio.high}


def error_correlation(
    verdicts: pd.DataFrame, members: Sequence[str], level: float = 0.95
) -> Estimate | None:
    """Mean correlation, over pairs of members, of missing the same positive criteria.

    Criteria of one task and repeat are matched; several gradings are averaged. All that makes a
    point hard for everybody is in it, because that is what more members cannot mend. None where it
    does not exist (one task, or no misses).
    """
    missed = _misses(verdicts, members)
    return None if missed is None else mean_correlation(missed.dropna(), level)


def draw_correlation(verdicts: pd.DataFrame, member: str, level: float = 0.95) -> Estimate | None:
    """The same between two answers of one member: the yardstick of every other correlation.

    Repeats are taken in pairs, each in both orders, as none of two is the first. None with one
    repeat.
    """
    missed = _misses(verdicts, [member])
    drawn = None if missed is None else draws(missed[member].dropna())
    return None if drawn is None else mean_correlation(drawn, level)


def draws(values: pd.Series) -> pd.DataFrame | None:
    """All ordered pairs of repeats, columns `one` and `other`, index (task, criterion); None where
    there is no pair. values : index (task, repeat, criterion)."""
    by_repeat = values.unstack(1)
    pairs = [
        by_repeat[list(pair)].dropna().set_axis(["one", "other"], axis=1)
        for pair in permutations(by_repeat.columns, 2)
    ]
    return pd.concat(pairs) if pairs else None


def _misses(verdicts: pd.DataFrame, members: Sequence[str]) -> pd.DataFrame | None:
    """Share of a positive criterion that is missed, index (task, repeat, criterion), a column for
    each member; None where one of them has no verdict."""
    names = list(dict.fromkeys(members))
    read = verdicts[verdicts["value"].notna() & (verdicts["weight"].astype(float) > 0)]
    read = read[read["recipe"].astype(str).isin(names)]
    keys = [task_key(read), read["repeat"], read["criterion"], read["recipe"].astype(str)]
    missed = (1 - read["value"].astype(float)).groupby(keys).mean().unstack()
    return missed[names] if set(names) <= set(missed.columns) else None


def mean_correlation(
    values: pd.DataFrame, level: float = 0.95, weights: pd.Series | None = None
) -> Estimate | None:
    """Mean correlation over pairs of columns, with the jackknife over tasks (level 0 of the index).

    values : one row per unit, no NaN; weights : how many units each stands for, same index. None
    where it does not exist. Where columns never differ, as many tasks may differ unseen as the rule
    of three says (`means.unseen_share`).
    """
    tasks = values.index.get_level_values(0)
    parts: dict[str, list[pd.Series]] = {name: [] for name in ("n", "x", "y", "xx", "yy", "xy")}
    one = pd.Series(1.0, values.index) if weights is None else weights
    for a, b in combinations(values.columns, 2):
        x, y = values[a], values[b]
        products = {"n": one, "x": x, "y": y, "xx": x * x, "yy": y * y, "xy": x * y}
        for name, product in products.items():
            weighted = product if name == "n" else one * product
            parts[name].append(weighted.groupby(tasks).sum())
    sums = {name: np.column_stack(columns) for name, columns in parts.items()}
    found = jackknife(sums, _mean_correlation, level)
    if found is None or found.high - found.low > _ALIKE:
        return found
    spread = 2 * float(values.to_numpy().var())
    low = max(-1.0, found.value - unseen_share(found.n, level) / spread)
    return replace(found, low=low, method="rule of three over tasks")


def _mean_correlation(s: Mapping[str, Floats]) -> Floats:
    n = s["n"]
    cov = s["xy"] / n - s["x"] / n * (s["y"] / n)
    spread = (s["xx"] / n - (s["x"] / n) ** 2) * (s["yy"] / n - (s["y"] / n) ** 2)
    value: Floats = (cov / np.sqrt(spread)).mean(axis=-1)
    return value


def effective(correlation: float, members: int) -> float:
    """Members without common errors that so many correlated ones are worth (Kish's formula)."""
    return members / (1 + (members - 1) * max(correlation, 0.0))


def _alike(found: Estimate | None, members: int) -> list[dict[str, Any]]:
    if found is None:
        return []
    ends = (effective(found.high, members), effective(found.low, members))
    worth = {**row_of(found), "value": effective(found.value, members)}
    worth |= {"low": ends[0], "high": ends[1], "method": "Kish, from the correlation"}
    return [
        {"quantity": "error correlation", **row_of(found)},
        {"quantity": "effective members", **worth},
    ]


def _drawn(found: list[Estimate | None], level: float) -> list[dict[str, Any]]:
    """What as many draws of one member are worth, by the mean of the members' correlations."""
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found):
        return []
    value = effective(float(np.mean([one.value for one in known])), len(found))
    row = {"quantity": "effective draws", "value": value, "level": level}
    nothing = float("nan")
    row |= {"low": nothing, "high": nothing, "n": min(one.n for one in known)}
    return [row | {"method": "Kish, from two draws of each member"}]
