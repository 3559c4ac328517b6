"""How far graders agree with each other, and with themselves from pass to pass.

Raw agreement flatters where nearly all verdicts are alike, kappa and alpha punish just that, AC1
lies between; so all are given together, apart for positive and negative criteria. The unit of
the interval is the task: verdicts on one answer are not independent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from fusion_eval.core import Estimate
from fusion_eval.errors import StatisticsError
from fusion_eval.stats.estimates import Floats, wilson
from fusion_eval.stats.jackknife import Statistic, Sums, jackknife, proportion
from fusion_eval.stats.readings import TASK, readings

Between = Literal["grader", "pass"]
Metric = Literal["nominal", "interval"]
MEASURES = ("raw", "cohen", "fleiss", "alpha", "ac1")
COLUMNS = ("between", "sign", "measure", "value", "low", "high", "n", "units", "method")


def agreement(
    verdicts: pd.DataFrame, between: Between = "grader", level: float = 0.95
) -> pd.DataFrame:
    """Agreement between graders (one reading of each), or between the passes of each grader.

    Parameters
    ----------
    verdicts : see `frames.verdicts`; unread verdicts are missing ratings
    between : `grader` compares the first passes of all graders, together and in pairs; a grader
        under two protocols counts as two. `pass` compares the passes of each grader
    level : float in (0, 1), coverage

    Returns
    -------
    DataFrame, columns COLUMNS: one row per set of raters, sign (`all`, `positive`, `negative`
    criteria) and measure (`MEASURES`; Cohen's for two raters only). `value` is NaN where a measure
    does not exist (all verdicts alike); `n` counts tasks, `units` verdicts that two or more gave.
    Empty where there are no two raters.

    References
    ----------
    Cohen (1960); Fleiss (1971); Krippendorff (2018), ch. 12; Gwet (2008), BJMSP 61:29.
    """
    rows = [
        {"between": name, "sign": sign, **row}
        for name, table in _sets(verdicts, between)
        for sign, part in signs(table)
        for row in _measures(part.drop(columns="weight"), level)
    ]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    found.attrs = {**verdicts.attrs}
    return found


def coefficients(ratings: ArrayLike, metric: Metric = "nominal") -> dict[str, float]:
    """All measures of one table of ratings, shape (units, raters), NaN for a missing rating.

    `metric` is that of Krippendorff's alpha. NaN where a measure does not exist.
    """
    table = np.asarray(ratings, dtype=np.float64)
    values = categories(table)
    sums = {name: part.sum(axis=0, keepdims=True) for name, part in tally(table, values).items()}
    names = MEASURES if table.shape[1] == 2 else tuple(m for m in MEASURES if m != "cohen")
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: float(statistic(name, values, metric)(sums)[0]) for name in names}


def signs(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """(`all`, `positive`, `negative`; rows of the table), without those that have no row."""
    for name, rows in (
        ("all", table),
        ("positive", table[table["weight"] > 0]),
        ("negative", table[table["weight"] < 0]),
    ):
        if len(rows):
            yield name, rows


def _sets(verdicts: pd.DataFrame, between: Between) -> Iterator[tuple[str, pd.DataFrame]]:
    """(name, table with one row per unit: weight and one column per rater)."""
    if between not in ("grader", "pass"):
        raise StatisticsError(f"between={between!r}; use 'grader' or 'pass'")
    table = readings(verdicts)
    graders = list(dict.fromkeys(table.columns.get_level_values(0).drop("weight")))
    if between == "pass":
        for name in graders:
            passes = table[name].dropna(axis=1, how="all")
            if passes.shape[1] > 1:
                yield f"passes of {name}", passes.assign(weight=table["weight", 0])
        return
    first = pd.DataFrame({name: table[name].iloc[:, 0] for name in graders})
    first["weight"] = table["weight", 0]
    if len(graders) > 2:
        yield f"all {len(graders)} graders", first
    for pair in combinations(graders, 2):
        yield f"{pair[0]} and {pair[1]}", first[[*pair, "weight"]]


def _measures(table: pd.DataFrame, level: float) -> Iterator[dict[str, object]]:
    ratings = table.to_numpy(dtype=np.float64)
    kept = (~np.isnan(ratings)).sum(axis=1) >= 2
    if not kept.any():
        return
    tasks = pd.factorize(table.index.get_level_values(TASK)[kept])[0]
    for name, found in estimates(ratings[kept], tasks, level).items():
        yield {
            "measure": name,
            "value": found.value if found else np.nan,
            "low": found.low if found else np.nan,
            "high": found.high if found else np.nan,
            "n": int(tasks.max()) + 1,
            "units": int(kept.sum()),
            "method": found.method if found else "none: all verdicts alike, or a single task",
        }


def estimates(
    ratings: Floats, tasks: NDArray[np.int64], level: float = 0.95
) -> dict[str, Estimate | None]:
    """Every measure with its interval over tasks; None where it does not exist.

    ratings : shape (units, raters), two or more ratings in each row, NaN for a missing one
    tasks : shape (units,), numbers from 0
    """
    values = categories(ratings)
    sums = by_task(tally(ratings, values), tasks)
    metric: Metric = "nominal" if len(values) == 2 else "interval"
    names = [m for m in MEASURES if m != "cohen" or ratings.shape[1] == 2]
    return {m: _estimate(m, sums, statistic(m, values, metric), level) for m in names}


def _estimate(name: str, sums: Sums, made: Statistic, level: float) -> Estimate | None:
    if name == "raw":
        return proportion(sums["agreeing"], sums["pairable"], level)
    found = jackknife(sums, made, level)
    if found is None or found.low < found.high or found.value < 1:
        return found
    # Nobody ever disagreed. The jackknife would be certain; the same coefficient with the least
    # raw agreement that Wilson's interval allows is not.
    totals = {key: part.sum(axis=0, keepdims=True) for key, part in sums.items()}
    seldom = 1 - wilson(found.n, found.n, level).low
    expected = float(_disagreement(name, totals, 1 - np.eye(totals["shares"].shape[1]))[1][0])
    low = max(-1.0, 1 - seldom / expected)
    return Estimate(value=1.0, low=low, high=1.0, level=level, n=found.n, method="Wilson")


def categories(ratings: Floats) -> Floats:
    """The values that ratings can have: those that occur, and 0 and 1 where all are 0 or 1."""
    values = np.unique(ratings[~np.isnan(ratings)])
    return np.array([0.0, 1.0]) if set(values) <= {0.0, 1.0} else values


def tally(ratings: Floats, values: Floats) -> dict[str, Floats]:
    """What every coefficient is made of, per unit; ratings of shape (units, raters)."""
    given = (ratings[:, :, None] == values).astype(np.float64)  # (units, raters, categories)
    counts = given.sum(axis=1)
    many = counts.sum(axis=1)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(values))
    pairs *= ((many >= 2) / np.maximum(many - 1, 1))[:, None, None]
    found = {
        "pairable": (many >= 2).astype(np.float64),
        "agreeing": np.trace(pairs, axis1=1, axis2=2) / np.maximum(many, 1),
        "rated": (many >= 1).astype(np.float64),
        "shares": counts / np.maximum(many, 1)[:, None],
        "coincidences": pairs,
    }
    if ratings.shape[1] == 2:
        found["table"] = given[:, 0, :, None] * given[:, 1, None, :]
    return found


def by_task(units: Mapping[str, Floats], tasks: NDArray[np.int64]) -> dict[str, Floats]:
    """The same, summed within tasks; `tasks` are numbers from 0, shape (units,)."""
    found = {}
    for name, part in units.items():
        found[name] = np.zeros((int(tasks.max()) + 1, *part.shape[1:]))
        np.add.at(found[name], tasks, part)
    return found


def statistic(name: str, values: Floats, metric: Metric = "nominal") -> Statistic:
    """One measure as a function of sums: 1 - observed disagreement / that expected by chance."""
    apart = values[:, None] - values
    distance = apart**2 if metric == "interval" else (apart != 0).astype(np.float64)

    def measure(sums: Mapping[str, Floats]) -> Floats:
        observed, expected = _disagreement(name, sums, distance)
        return np.where(expected > 1e-12, 1 - observed / expected, np.nan)

    return measure


def _disagreement(name: str, sums: Mapping[str, Floats], distance: Floats) -> tuple[Floats, Floats]:
    """(observed, expected) of one measure; sums of shape (k, …), results of shape (k,)."""
    if name == "cohen":
        joint = sums["table"] / sums["table"].sum(axis=(1, 2), keepdims=True)
        alike = (joint.sum(axis=1) * joint.sum(axis=2)).sum(axis=1)
        return 1 - np.trace(joint, axis1=1, axis2=2), 1 - alike
    if name == "alpha":
        pairs = sums["coincidences"]
        whole, each = pairs.sum(axis=(1, 2)), pairs.sum(axis=2)
        random = np.einsum("ki,kj,ij->k", each, each, distance) / (whole - 1)
        return (pairs * distance).sum(axis=(1, 2)) / whole, random / whole
    observed = 1 - sums["agreeing"] / sums["pairable"]
    share = sums["shares"] / sums["rated"][:, None]
    if name == "fleiss":
        return observed, 1 - (share**2).sum(axis=1)
    if name == "ac1":
        return observed, 1 - (share * (1 - share)).sum(axis=1) / (share.shape[1] - 1)
    return observed, np.ones_like(observed)
