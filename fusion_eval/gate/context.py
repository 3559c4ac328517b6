"""What helps to understand an outcome: what changed in the bench, what lost most, what it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from fusion_eval import frames
from fusion_eval.gate import samples
from fusion_eval.gate.baseline import Baseline
from fusion_eval.gate.rules import Sides
from fusion_eval.gate.setup import changed
from fusion_eval.gate.values import Context
from fusion_eval.store import Run

_SHOWN = 5
_AT = ["recipe", "task_hash", "criterion"]


def context(run: Run, sides: Sides, recipes: Sequence[str]) -> Context:
    """Of the recipes that the gate is about."""
    seconds = frames.trials(run).groupby("recipe", observed=True)["latency_s"].sum(min_count=1)
    money = run.manifest.get("money")
    spent = money.get("spent_usd") if isinstance(money, dict) else None
    return Context(
        changes=tuple(changed(sides.new.setup, sides.old.setup, recipes)),
        tasks=tuple(_tasks(sides, recipes)[:_SHOWN]),
        criteria=tuple(_criteria(sides, recipes)[:_SHOWN]),
        spent_usd=None if spent is None else float(spent),
        seconds=_took(run.manifest),
        recipe_seconds={str(k): float(v) for k, v in seconds.dropna().items()},
    )


def _took(manifest: Mapping[str, Any]) -> float | None:
    try:
        began, ended = (datetime.fromisoformat(manifest[name]) for name in ("started", "ended"))
    except (KeyError, TypeError, ValueError):
        return None
    return max(0.0, (ended - began).total_seconds())


def _tasks(sides: Sides, recipes: Sequence[str]) -> list[tuple[str, str, float]]:
    """(recipe, task, difference of mean scores) of those that lost, most first."""
    names = dict(zip(sides.old.trials["task_hash"], sides.old.trials["task"], strict=True))
    lost = []
    for recipe in recipes:
        new, old = (samples.by_task(samples.scores(s, recipe)) for s in (sides.new, sides.old))
        for task in samples.common(new, old) if new and old else []:
            change = float(new[task].mean() - old[task].mean())
            if change < 0:
                lost.append((recipe, str(names.get(task, task)), change))
    return sorted(lost, key=lambda row: row[2])


def _criteria(
    sides: Sides, recipes: Sequence[str]
) -> list[tuple[str, str, str, float, float, float]]:
    """(recipe, task, criterion, points lost of 1, share met then, now), most points first."""
    both = _means(sides.new).merge(_means(sides.old), on=_AT, suffixes=("_now", "_then"))
    weights = _weights(sides.new)
    names = dict(zip(sides.new.trials["task_hash"], sides.new.trials["task"], strict=True))
    rows = []
    for row in both[both["recipe"].isin(list(recipes))].to_dict("records"):
        task, criterion = str(row["task_hash"]), str(row["criterion"])
        then, now = float(row["value_then"]), float(row["value_now"])
        change = (now - then) * weights.get((task, criterion), 0.0)
        if change < 0:
            recipe = str(row["recipe"])
            rows.append((recipe, str(names.get(task, task)), criterion, change, then, now))
    return sorted(rows, key=lambda row: row[3])


def _means(side: Baseline) -> pd.DataFrame:
    return side.criteria.groupby(_AT, observed=True)["value"].mean().reset_index()


def _weights(side: Baseline) -> dict[tuple[str, str], float]:
    """What meeting a criterion changes in the score of its task: weight over positive weights."""
    if "weight" not in side.criteria:
        return {}
    each = side.criteria.drop_duplicates(["task_hash", "criterion"])
    positive = each["weight"].clip(lower=0).groupby(each["task_hash"]).transform("sum")
    share = each["weight"] / positive.where(positive > 0)
    at = zip(each["task_hash"].astype(str), each["criterion"].astype(str), share, strict=True)
    return {(task, criterion): float(value) for task, criterion, value in at if value == value}
