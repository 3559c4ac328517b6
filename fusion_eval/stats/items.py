"""Which criteria and tasks tell recipes apart, and which say the same of all of them.

Classical item analysis. Two-parameter item response models need hundreds of examinees; a bench has
ten to thirty recipes that share members, and classical difficulty is as good there.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, is_simulated, per_task, task_key
from fusion_eval.stats.design import labels_of
from fusion_eval.stats.estimates import Floats, mean_score
from fusion_eval.stats.results import result
from fusion_eval.stats.tables import tidied

CRITERIA = (
    "task", "criterion", "section", "weight", "leverage", "met", "discrimination", "n", "flag",
)  # fmt: skip
TASKS = ("task", "task_hash", "domain", "mean", "sd", "lowest", "highest", "headroom", "n", "flag")
LEVERAGE = 0.25
"""Share of a task's positive weight above which one verdict moves the score too far."""
_SHRINK, _FEW = 8.0, 5


def items(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Difficulty, discrimination and flags of every criterion.

    Parameters
    ----------
    verdicts : one row per trial, criterion, grader and pass, see `frames.verdicts`

    Returns
    -------
    DataFrame, one row per (task, criterion), columns `CRITERIA`: `met` (share of recipes' answers
    that meet it, recipes weighing the same), `leverage` (|weight| over the task's positive
    weight), `discrimination` (correlation over recipes with all other criteria, errors reversed,
    shrunk by n / (n + 8); NaN below five recipes or where all do the same), `n` recipes, `flag`:
    `saturated` (always met, or an error that nobody makes), `dead` (never met, or an error that
    all make), `against the rest` (discrimination below -.2) and `leverage`. A description of these
    recipes: with others it may differ. Raises StatisticsError where no verdict was read.
    """
    read = verdicts[verdicts["value"].notna() & verdicts["weight"].notna()]
    if not len(read):
        raise StatisticsError("no verdict was read, so no criterion can be judged")
    keys = [task_key(read), read["criterion"].astype(str)]
    met = read["value"].astype(float).groupby([*keys, read["recipe"].astype(str)]).mean().unstack()
    first = read.groupby(keys).agg(
        task=("task", "first"), section=("section", "first"), weight=("weight", "first")
    )
    first = first.loc[met.index]
    weight = first["weight"].astype(float)
    positive = weight.clip(lower=0).groupby(level=0).transform("sum")
    good = met.where(weight > 0, 1 - met, axis=0)
    table = pd.DataFrame({
        "task": first["task"].astype(str), "criterion": met.index.get_level_values(1),
        "section": first["section"], "weight": weight,
        "leverage": weight.abs() / positive.where(positive > 0), "met": met.mean(axis=1),
        "discrimination": item_rest(good.to_numpy(dtype=np.float64)),
        "n": met.notna().sum(axis=1),
    })  # fmt: skip
    table["flag"] = _flags(table, good)
    table = table.reset_index(drop=True)[list(CRITERIA)]
    table.attrs = {**verdicts.attrs, "simulated": is_simulated(verdicts)}
    return table


def item_rest(good: Floats) -> Floats:
    """Correlation over recipes of each item with the mean of all others, shrunk; shape (n_items,).

    good : shape (n_items, n_recipes), NaN where a recipe lacks an item
    """
    known = ~np.isnan(good)
    filled = np.nan_to_num(good)
    rest = (filled.sum(axis=0) - filled) / np.maximum(known.sum(axis=0) - known, 1)
    n = known.sum(axis=1)
    size = np.maximum(n, 1)[:, None]
    x = np.where(known, filled - filled.sum(axis=1, keepdims=True) / size, 0.0)
    y = np.where(known, rest, 0.0)
    y = np.where(known, y - y.sum(axis=1, keepdims=True) / size, 0.0)
    spread = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    usable = (n >= _FEW) & (spread > 1e-12)
    raw = (x * y).sum(axis=1) / np.where(usable, spread, 1.0)
    found: Floats = np.where(usable, raw * n / (n + _SHRINK), np.nan)
    return found


def _flags(table: pd.DataFrame, good: pd.DataFrame) -> pd.Series:
    always = (good.fillna(1.0) >= 1).all(axis=1)
    never = (good.fillna(0.0) <= 0).all(axis=1)
    marks = {
        "saturated": always, "dead": never,
        "against the rest": table["discrimination"] < -0.2,
        "leverage": table["leverage"] > LEVERAGE,
    }  # fmt: skip
    return pd.Series(
        [", ".join(name for name in marks if marks[name].loc[i]) for i in table.index], table.index
    )


def task_items(
    trials: pd.DataFrame, level: float = 0.95, *, missing: Missing = "as_deployed"
) -> pd.DataFrame:
    """Difficulty and headroom of every task.

    Returns
    -------
    DataFrame, one row per task, columns `TASKS`: mean, SD, lowest and highest over recipes (0 to
    1), `headroom` (1 - the highest lower limit of a recipe's repeats; NaN with one repeat), `n`
    recipes; `flag`: `saturated` (all at 1), `dead` (all at 0), `no spread` (all the same).
    """
    known = tidied(trials)
    wide = per_task(known, "score", missing)
    names = wide.attrs["tasks"]
    rows = []
    limits = _lower_limits(known, level)
    for key, domain in zip(wide.index, labels_of(known, "domain", wide.index), strict=True):
        x = wide.loc[key].dropna().to_numpy(dtype=np.float64)
        if not len(x):
            continue
        flat = np.ptp(x) < 1e-12
        word = "saturated" if x.min() >= 1 else "dead" if x.max() <= 0 else "no spread"
        rows.append({
            "task": names[str(key)], "task_hash": key, "domain": domain, "mean": float(x.mean()),
            "sd": float(x.std(ddof=1)) if len(x) > 1 else float("nan"), "lowest": float(x.min()),
            "highest": float(x.max()), "headroom": 1 - limits.get(str(key), float("nan")),
            "n": len(x), "flag": word if flat and len(x) > 1 else "",
        })  # fmt: skip
    return result(rows, TASKS, trials)


def _lower_limits(trials: pd.DataFrame, level: float) -> dict[str, float]:
    """Task -> the highest lower limit of any recipe's mean over repeats; two repeats at least."""
    scores = trials["score"].astype(float).mask(trials["failure"].notna(), 0.0)
    found: dict[str, float] = {}
    keys = [task_key(trials), trials["recipe"].astype(str)]
    for (task, _), values in scores.dropna().groupby(keys):
        if len(values) >= 2:
            low = mean_score(np.clip(values, 0.0, 1.0), level).low
            found[str(task)] = max(low, found.get(str(task), 0.0))
    return found
