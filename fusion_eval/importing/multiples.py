"""Costs and tokens that are another's times 2, 3 or 4 to the third decimal.

So it looks where a log counts the calls of a child again in its parent: 70 of 134 runs of a
public leaderboard had exactly twice their cost.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion_eval.importing.sheet import Sheet
from fusion_eval.importing.values import numbers

Finding = dict[str, Any]
Floats = NDArray[np.float64]
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
    for i, j, factor, count, of in _equal(wide.to_numpy(dtype=np.float64), share=0.5):
        a, b = wide.columns[i], wide.columns[j]
        text = f"{a} costs {factor}.000 times {b} on {count:,} of {of:,} tasks"
        found.append(_finding(text, factor) | {"recipes": {str(a): count}})
    return found


def of_columns(sheet: Sheet) -> list[Finding]:
    """Columns of dollars or tokens of which a tenth of the rows or more are such a multiple."""
    names = [n for n in sheet.names() if any(word in n.lower() for word in _WORDS)]
    if len(names) < 2:
        return []
    columns = [numbers(sheet.column(name)).to_numpy(dtype=np.float64) for name in names[:_COLUMNS]]
    found: list[Finding] = []
    for i, j, factor, count, of in _equal(np.stack(columns, axis=1), share=0.1):
        text = f"{names[i]} is {factor}.000 times {names[j]} in {count:,} of {of:,} rows"
        found.append(_finding(text, factor) | {"columns": [names[i], names[j]]})
    return found


_COLUMNS = 12


def _equal(values: Floats, share: float) -> list[tuple[int, int, int, int, int]]:
    """(column, column, factor, rows, of rows) where enough ratios are a whole factor."""
    values = np.where(values > 0, values, np.nan)
    found = []
    for j in range(values.shape[1]):
        ratio = values / values[:, [j]]
        of = (~np.isnan(ratio)).sum(axis=0)
        for factor in _FACTORS:
            count = (np.abs(ratio - factor) < _WITHIN).sum(axis=0)
            for i in np.flatnonzero((count >= np.maximum(_ENOUGH, share * of)) & (of >= _ENOUGH)):
                there = ~np.isnan(ratio[:, i])
                if i != j and len(np.unique(values[there, j])) >= _ENOUGH:
                    found.append((int(i), j, factor, int(count[i]), int(of[i])))
    return sorted(found)


def _finding(text: str, factor: int) -> Finding:
    why = "a parent counted with its children?"
    return {"kind": "exact multiples", "text": f"{text}: {why}", "factor": factor}
