"""Costs and tokens that are another's times 2, 3 or 4 to the third decimal.

So it looks where a log counts the calls of a child again in its parent: 70 of 134 runs of a
public leaderboard had exactly twice their cost.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.importing.sheet import Sheet
from fusion_eval.importing.values import numbers

Finding = dict[str, Any]
_FACTORS = (2, 3, 4)
_ENOUGH = 5  # equal ratios that are no chance
_WITHIN = 5e-4
_MOST = 200  # recipes of which all pairs are looked at
_WORDS = ("cost", "usd", "token", "price")


def multiples(trials: pd.DataFrame) -> list[Finding]:
    """Recipes of which half of the tasks or more cost such a multiple of another recipe's."""
    known = trials[trials["cost_usd"] > 0]
    wide = known.pivot_table(index="task_hash", columns="recipe", values="cost_usd", aggfunc="sum")
    if wide.shape[1] > _MOST:
        return []
    found: list[Finding] = []
    for a, b in permutations(wide.columns, 2):
        for factor, count, of in _equal(wide[a], wide[b], share=0.5):
            text = f"{a} costs {factor}.000 times {b} on {count:,} of {of:,} tasks"
            found.append(_finding(text, factor) | {"recipes": {str(a): count}})
    return found


def of_columns(sheet: Sheet) -> list[Finding]:
    """Columns of dollars or tokens of which a tenth of the rows or more are such a multiple."""
    names = [n for n in sheet.names() if any(word in n.lower() for word in _WORDS)]
    values = {name: numbers(sheet.column(name)) for name in names[:_COLUMNS]}
    found: list[Finding] = []
    for a, b in permutations(values, 2):
        for factor, count, of in _equal(values[a], values[b], share=0.1):
            text = f"{a} is {factor}.000 times {b} in {count:,} of {of:,} rows"
            found.append(_finding(text, factor) | {"columns": [a, b]})
    return found


_COLUMNS = 12


def _equal(a: pd.Series, b: pd.Series, share: float) -> list[tuple[int, int, int]]:
    """(factor, rows, of rows) where enough ratios are a whole factor."""
    both = pd.DataFrame({"a": a, "b": b}).dropna()
    both = both[(both["a"] > 0) & (both["b"] > 0)]
    if len(both) < _ENOUGH or both["b"].nunique() < _ENOUGH:
        return []
    ratio = (both["a"] / both["b"]).to_numpy()
    counts = [(k, int((np.abs(ratio - k) < _WITHIN).sum()), len(ratio)) for k in _FACTORS]
    return [one for one in counts if one[1] >= max(_ENOUGH, share * one[2])]


def _finding(text: str, factor: int) -> Finding:
    why = "a parent counted with its children?"
    return {"kind": "exact multiples", "text": f"{text}: {why}", "factor": factor}
