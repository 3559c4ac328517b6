"""What a run charged and what it paid; a sum with an unknown part is unknown."""

from __future__ import annotations

from typing import Any

import pandas as pd

_COLUMNS = ("cost_usd", "spent_usd", "grading_usd", "grading_spent_usd", "possibly_paid_usd")


def money(trials: pd.DataFrame) -> dict[str, Any]:
    """Sums over all trials in US$, under the names of the columns.

    A sum with an unknown part is None; `at_least_usd` has the known part of each, `unknown_usd`
    the number of trials whose part is unknown.
    """
    values = {name: trials[name].astype(float) for name in _COLUMNS}
    return {
        **{name: None if x.isna().any() else float(x.sum()) for name, x in values.items()},
        "at_least_usd": {name: float(x.sum()) for name, x in values.items()},
        "unknown_usd": {name: int(x.isna().sum()) for name, x in values.items()},
    }


def calls_made(calls: pd.DataFrame) -> dict[str, int]:
    """Calls that were charged to some trial, and those of them that this run made."""
    return {"charged": len(calls), "made": int((~calls["cached"].astype(bool)).sum())}
