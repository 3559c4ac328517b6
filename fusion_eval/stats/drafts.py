"""Drafts against writer, criterion by criterion: what was kept, recovered, created, passed on.

Needs graded drafts: members whose solo recipe stands in the same run (`stats.seats`). Counts are
pooled over criteria, intervals leave out whole tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import task_key
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.jackknife import jackknife, proportion
from fusion_eval.stats.results import result, row_of
from fusion_eval.stats.seats import drafts_of, incomplete

COLUMNS = (
    "recipe", "quantity", "value", "low", "high", "level", "n", "cases", "method", "caveat",
)  # fmt: skip
MEANING: Mapping[str, str] = {
    "found": "points that at least one draft made, of all points of the rubric",
    "kept": "points in the final answer, of those that at least one draft made",
    "recovered": "points in the final answer, of those that fewer than half of the drafts made",
    "created": "points in the final answer, of those that no draft made",
    "errors passed on": "errors in the final answer, of those that at least one draft made",
    "errors created": "errors in the final answer, of those that no draft made",
}
"""What each quantity is; all are shares, 0 to 1."""
_MET = 0.5
_KEYS = ["recipe", "task_hash", "repeat"]


def drafts(
    trials: pd.DataFrame,
    verdicts: pd.DataFrame,
    calls: pd.DataFrame,
    level: float = 0.95,
) -> pd.DataFrame:
    """What became of the points and errors of the drafts in each fused answer.

    Parameters
    ----------
    trials, verdicts, calls : tables of one run
    level : coverage of the jackknife intervals, over tasks

    Returns
    -------
    DataFrame, one row per recipe and quantity (see `MEANING`), columns `COLUMNS`: shares 0 to 1,
    `n` tasks, `cases` criteria behind the share. Several passes of graders are averaged, and met
    means 0.5 or more. Answers of which not every draft was graded are left out, and said so. No
    rows where no draft was graded. The interval is NaN for a single task.

    References
    ----------
    Jackknife over tasks: Efron & Tibshirani (1993), ch. 11.
    """
    support = supported(trials, verdicts, calls)
    seats = drafts_of(calls, trials)
    rows = []
    for recipe, mine in support.groupby("recipe", sort=False):
        lost = incomplete(seats, str(recipe))
        note = f"{lost} drafts were not graded; their answers are left out" if lost else ""
        rows += [
            {"recipe": recipe, **row, "level": level, "caveat": note}
            for row in _shares(mine, level)
        ]
    return result(rows, COLUMNS, trials, level=level)


def supported(trials: pd.DataFrame, verdicts: pd.DataFrame, calls: pd.DataFrame) -> pd.DataFrame:
    """One row per criterion of every fused answer whose drafts were all graded.

    Columns: recipe, task_hash, repeat, criterion, weight, `made` (drafts that met it), `seats`
    (drafts that were read) and `met` (whether the final answer does).
    """
    seats = drafts_of(calls, trials)
    whole = seats["member"].notna().groupby([seats[c] for c in _KEYS]).transform("all")
    met = _met(verdicts)
    final = met.merge(seats.loc[whole, _KEYS].drop_duplicates(), on=_KEYS)
    each = final.merge(seats[whole], on=_KEYS).merge(
        met.rename(columns={"recipe": "member", "repeat": "member_repeat", "met": "draft"}).drop(
            columns="weight"
        ),
        on=["member", "task_hash", "member_repeat", "criterion"],
    )
    found = each.groupby([*_KEYS, "criterion"], sort=False).agg(
        weight=("weight", "first"), made=("draft", "sum"), seats=("draft", "size"),
        met=("met", "first"),
    )  # fmt: skip
    return found.reset_index()


def _met(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Whether each criterion of each answer is met, averaged over graders and passes."""
    read = verdicts[verdicts["value"].notna()]
    rows = pd.DataFrame({
        "recipe": read["recipe"].astype(str), "task_hash": task_key(read),
        "repeat": read["repeat"], "criterion": read["criterion"],
        "weight": read["weight"].astype(float), "met": read["value"].astype(float),
    })  # fmt: skip
    each = rows.groupby([*_KEYS, "criterion"], sort=False)
    found = each.agg(weight=("weight", "first"), met=("met", "mean")).reset_index()
    return found.assign(met=(found["met"] >= _MET).astype(float))


def _shares(mine: pd.DataFrame, level: float) -> list[dict[str, Any]]:
    right = mine["weight"] > 0
    some, none = mine["made"] > 0, mine["made"] == 0
    few = some & (2 * mine["made"] < mine["seats"])
    cases = {
        "found": (right, some.astype(float)), "kept": (right & some, mine["met"]),
        "recovered": (right & few, mine["met"]), "created": (right & none, mine["met"]),
        "errors passed on": (~right & some, mine["met"]),
        "errors created": (~right & none, mine["met"]),
    }  # fmt: skip
    rows = []
    for quantity, (which, hit) in cases.items():
        tasks = mine["task_hash"]
        whole = which.astype(float).groupby(tasks).sum().to_numpy(dtype=np.float64)
        part = (hit * which).groupby(tasks).sum().to_numpy(dtype=np.float64)
        found = proportion(np.asarray(part), np.asarray(whole), level)
        if found is not None:
            rows.append({"quantity": quantity, "cases": int(whole.sum()), **row_of(found)})
    return rows


def writer_split(
    trials: pd.DataFrame,
    verdicts: pd.DataFrame,
    calls: pd.DataFrame,
    a: str,
    b: str,
    level: float = 0.95,
) -> pd.DataFrame:
    """The difference in points made, recipe `a` less `b`, split into drafts and writer.

    The share of points in the final answer is sum over h of P(h) g(h), with h the number of drafts
    that make a point. What differs through P are the drafts, through g the writer.

    Returns
    -------
    DataFrame, rows `drafts`, `writer` and `total` (they add up), columns as `drafts`, over the
    tasks that both have. Raises StatisticsError where one has no graded drafts.

    References
    ----------
    Kitagawa (1955), JASA 50:1168.
    """
    support = supported(trials, verdicts, calls)
    right = support[support["weight"] > 0]
    for name in (a, b):
        if not (right["recipe"] == name).any():
            raise StatisticsError(
                f"no answer of {name!r} has all its drafts graded; add the solo recipe of each of "
                "its members to the bench, and they will be"
            )
    tables = [_by_support(right[right["recipe"] == name]) for name in (b, a)]
    tasks = sorted(set(tables[0]["size"].index) & set(tables[1]["size"].index))
    most = int(right["made"].max()) + 1
    sums: dict[str, Floats] = {}
    for arm, table in enumerate(tables):
        for part in ("size", "sum"):
            wide = table[part].reindex(index=tasks, columns=range(most))
            sums[f"{part}{arm}"] = wide.fillna(0.0).to_numpy(dtype=np.float64)
    rows = []
    for quantity in ("drafts", "writer", "total"):
        found = jackknife(sums, lambda s, q=quantity: _split(s)[q], level)  # type: ignore[misc]
        if found is not None:
            cases = int(sums["size0"].sum() + sums["size1"].sum())
            rows.append({
                "recipe": f"{a} - {b}", "quantity": quantity, "cases": cases, "level": level,
                "caveat": "", **row_of(found),
            })  # fmt: skip
    return result(rows, COLUMNS, trials, level=level)


def _by_support(mine: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Per task and number of drafts: points, and those in the final answer."""
    keys = [mine["task_hash"], mine["made"].astype(int)]
    parts = {
        "size": mine["met"].groupby(keys).size().unstack(fill_value=0),
        "sum": mine["met"].groupby(keys).sum().unstack(fill_value=0),
    }
    return {name: part.astype(float) for name, part in parts.items()}


def _split(sums: Mapping[str, Floats]) -> dict[str, Floats]:
    size = [sums["size0"], sums["size1"]]
    rate = [sums["sum0"] / size[0], sums["sum1"] / size[1]]
    rate = [
        np.where(size[0] > 0, rate[0], np.where(size[1] > 0, rate[1], 0.0)),
        np.where(size[1] > 0, rate[1], np.where(size[0] > 0, rate[0], 0.0)),
    ]
    share = [s / s.sum(axis=-1, keepdims=True) for s in size]
    by_drafts, by_writer = kitagawa(share[0], rate[0], share[1], rate[1])
    return {"drafts": by_drafts, "writer": by_writer, "total": by_drafts + by_writer}


def kitagawa(p0: Floats, g0: Floats, p1: Floats, g1: Floats) -> tuple[Floats, Floats]:
    """(by composition, by rates) of sum p1 g1 - sum p0 g0, over the last axis; they add up."""
    composition: Floats = ((p1 - p0) * (g0 + g1) / 2).sum(axis=-1)
    rates: Floats = ((g1 - g0) * (p0 + p1) / 2).sum(axis=-1)
    return composition, rates
