"""The tasks of a page: scores by recipe and what happened, for a table that filters itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from fusion_eval.core.readable import plain, points
from fusion_eval.frames import per_task, task_key
from fusion_eval.report.html.items import Item

SHOWN = 200
"""Rows that stand in the page itself; more are written by its script when they are asked for."""
_SHADES = 5
FLAGS = ("failed", "cut off", "degraded", "unreadable")
"""What may have happened to an answer, in the order of the bits of a flag."""


def tasks_of(
    trials: pd.DataFrame, items: Sequence[Item], recipes: Sequence[str], saturated: Sequence[str]
) -> dict[str, Any]:
    """`recipes`, `flags`, and for each task `id`, `file`, `domain`, `scores` (0 to 1, or None),
    `flags` (bits of FLAGS, by recipe) and whether it is `saturated`."""
    wide = per_task(trials).reindex(columns=list(recipes)).astype(object)
    wide = wide.where(wide.notna(), None)
    bits = _bits(trials).reindex(columns=list(recipes), fill_value=0)
    known = trials.assign(key=task_key(trials)).drop_duplicates("key").set_index("key")["domain"]
    full, nothing = set(saturated), [None] * len(recipes)
    rows = wide.T.to_dict("list"), bits.T.to_dict("list")
    return {
        "recipes": list(map(plain, recipes)),
        "flags": list(FLAGS),
        "tasks": [
            {
                "id": plain(item.task),
                "file": item.file,
                "domain": _domain(known.get(item.task_hash)),
                "scores": rows[0].get(item.task_hash, nothing),
                "flags": rows[1].get(item.task_hash, [0] * len(recipes)),
                "saturated": item.task in full,
            }
            for item in items
        ],
    }


def _domain(value: object) -> str:
    return plain(value) if isinstance(value, str) else ""


def _bits(trials: pd.DataFrame) -> pd.DataFrame:
    """By task and recipe which of FLAGS holds for some answer."""
    happened = (
        trials["failure"].notna(),
        trials["finish"].astype("string").fillna("") == "length",
        trials["degraded"].notna(),
        trials["failure"].isna() & (trials["coverage"].astype(float) < 1),
    )
    bits = pd.Series(0, index=trials.index)
    for k, one in enumerate(happened):
        bits |= one.astype(bool).to_numpy() * 2**k
    keys = [task_key(trials), trials["recipe"].astype(str)]
    found: pd.DataFrame = bits.groupby(keys).agg(np.bitwise_or.reduce).unstack(fill_value=0)
    return found


def data(value: Mapping[str, Any]) -> Markup:
    """JSON for a script element, which nothing in it can close."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))


def heat(value: float | None) -> str:
    """The class of a cell: the higher the score, the deeper the shade."""
    return "" if value is None else f"h{min(_SHADES, max(0, round(_SHADES * value)))}"


def cell(value: float | None) -> Markup:
    """The mean score of a task, in points."""
    if value is None:
        return Markup('<span class="none">none</span>')
    return Markup('<data value="{}" data-kind="points">{}</data>').format(
        repr(float(value)), points(value)
    )
