"""Who gains where: by domain, and by difficulty without regression to the mean.

Tasks on which the baseline happened to do badly look hard, and improve by themselves when anything
is run again. So difficulty is measured on other repeats than the gain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, recipes
from fusion_eval.stats.clusters import mean_over
from fusion_eval.stats.design import Labels, groups_of, labels_of, repeats_of
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.jackknife import jackknife
from fusion_eval.stats.means import limits
from fusion_eval.stats.results import LEAST_IN_PART, refuse_unknown, result, row_of
from fusion_eval.stats.strata import grouped
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "a", "b", "by", "part", "value", "low", "high", "level", "n", "method", "caveat",
)  # fmt: skip
THIRDS = ("hard", "middle", "easy")
_NO_REPEATS = (
    "one repeat: difficulty and gain would come from the same answers; run with --repeats 2 or more"
)


def gains(
    trials: pd.DataFrame,
    a: str,
    b: str,
    level: float = 0.95,
    *,
    missing: Missing = "as_deployed",
) -> pd.DataFrame:
    """Where recipe `a` gains over `b`: by domain, and by how hard a task is for `b`.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    level : joint coverage of the domains' intervals, and of the thirds' (Bonferroni)

    Returns
    -------
    DataFrame, columns `COLUMNS`; differences 0 to 1. `by` domain: one row per domain (t; one of
    fewer than five tasks is described, without limits). `by` difficulty: thirds of the tasks, hard
    to easy for `b`, where the difficulty of a task comes from the other repeats of `b` than the
    gain (averaged over which; jackknife over tasks), and `slope`: change of the gain per unit of
    `b`'s true score, from the same splits (below 0: hard tasks gain more), free of regression to
    the mean and of the dilution by noise. With one repeat there is one row that says so.

    Raises
    ------
    StatisticsError : unknown recipes, or no task in common

    References
    ----------
    Regression to the mean: Blomqvist (1977), JASA 72:746; repeats as instruments: Fuller (1987),
    Measurement Error Models, 1.4.
    """
    known = tidied(trials)
    refuse_unknown([a, b], recipes(known))
    wide = repeats_of(known, missing)[[a, b]].dropna()
    if not len(wide):
        raise StatisticsError(f"{a!r} and {b!r} have no task in common")
    index = wide.index.get_level_values(0).unique()
    labels = groups_of(known, index, "new tasks")
    groups = None if labels is None else pd.Series(labels, index=index)
    rows = _by_domain(known, wide, level, groups) + _by_difficulty(wide, level, groups)
    head = {"a": a, "b": b, "level": level}
    return result([row | head for row in rows], COLUMNS, trials, level=level)


def _by_domain(
    trials: pd.DataFrame, wide: pd.DataFrame, level: float, clusters: pd.Series | None
) -> list[dict[str, Any]]:
    means = wide.groupby(level=0).mean()
    labels = pd.Series(labels_of(trials, "domain", means.index), index=means.index)
    d = means.iloc[:, 0] - means.iloc[:, 1]
    groups = {str(name): d[labels == name] for name in sorted(labels.dropna().unique())}
    tested = sum(len(values) >= LEAST_IN_PART for values in groups.values())
    joint = 1 - (1 - level) / max(1, tested)
    rows = []
    for name, values in groups.items():
        row = {"by": "domain", "part": name, "value": float(values.mean()), "n": len(values)}
        if len(values) < LEAST_IN_PART:
            rows.append(row | {"caveat": f"described: fewer than {LEAST_IN_PART} tasks"})
            continue
        own = None if clusters is None else clusters.reindex(values.index).to_numpy()
        mean = mean_over(values.to_numpy(dtype=np.float64), own)
        low, high = np.clip(limits(mean, joint), -1.0, 1.0).tolist()
        rows.append(row | {"low": low, "high": high, "method": mean.how})
    return rows


def _by_difficulty(
    wide: pd.DataFrame, level: float, clusters: pd.Series | None
) -> list[dict[str, Any]]:
    table = {side: wide.iloc[:, k].unstack().dropna() for k, side in enumerate("ab")}
    scores = {side: part.to_numpy(dtype=np.float64) for side, part in table.items()}
    tasks, repeats = scores["a"].shape
    if repeats < 2 or tasks < 3 * 2:
        why = _NO_REPEATS if repeats < 2 else f"{tasks} tasks are too few for thirds"
        return [{"by": "difficulty", "part": "", "n": tasks, "caveat": why}]
    gain, base = scores["a"] - scores["b"], scores["b"]
    own = None if clusters is None else clusters.reindex(table["a"].index).to_numpy()
    rows = []
    for part, sums in zip(THIRDS, _thirds(gain, base), strict=True):
        found = jackknife(_summed(sums, own), lambda s: s["gain"] / s["count"], 1 - (1 - level) / 3)
        if found is not None:
            rows.append({"by": "difficulty", "part": part, **row_of(found)})
    products = _summed(_products(gain, base), own)
    slope = jackknife(products, _slope, level, bounds=(-np.inf, np.inf))
    if slope is not None:
        rows.append({"by": "difficulty", "part": "slope", **row_of(slope)})
    return rows


def _summed(sums: Mapping[str, Floats], clusters: Labels | None) -> Mapping[str, Floats]:
    """Sums by cluster in the place of sums by task, so that whole clusters are left out in turn."""
    if clusters is None:
        return sums
    group, size = grouped(next(iter(sums.values())), clusters)
    return {
        name: np.bincount(group, part, len(size)).astype(np.float64) for name, part in sums.items()
    }


def _thirds(gain: Floats, base: Floats) -> list[Mapping[str, Floats]]:
    """Per third, each task's gains in the repeats in which the *other* repeats put it there."""
    tasks, repeats = base.shape
    others = (base.sum(axis=1, keepdims=True) - base) / (repeats - 1)
    ranks = others.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    third = np.minimum(3 * ranks // tasks, 2)
    return [
        {
            "gain": np.where(third == k, gain, 0.0).sum(axis=1),
            "count": (third == k).sum(axis=1).astype(float),
        }
        for k in range(3)
    ]


def _products(gain: Floats, base: Floats) -> dict[str, Floats]:
    """Sums over ordered pairs of different repeats: difficulty from one, gain from the other."""
    repeats = base.shape[1]
    total_g, total_b = gain.sum(axis=1), base.sum(axis=1)
    pairs = repeats * (repeats - 1)
    return {
        "n": np.full(len(base), float(pairs)), "g": total_g * (repeats - 1),
        "b": total_b * (repeats - 1), "gb": total_g * total_b - (gain * base).sum(axis=1),
        "bb": total_b**2 - (base**2).sum(axis=1),
    }  # fmt: skip


def _slope(s: Mapping[str, Floats]) -> Floats:
    """Covariance of gain and difficulty over that of difficulty with itself, never one repeat."""
    n = s["n"]
    with_gain = s["gb"] / n - s["g"] / n * (s["b"] / n)
    with_itself = s["bb"] / n - (s["b"] / n) ** 2
    value: Floats = np.where(with_itself > 0, with_gain / with_itself, np.nan)
    return value
