"""What to take at each value of a point and each time limit, computed before anybody asks.

The control on the first screen looks its answer up here; the page computes nothing itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.stats.decision import acceptability
from fusion_eval.stats.latency import of_one_source

_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Of the seconds of all answers, at which a time limit is looked at."""


def choice_grid(trials: pd.DataFrame, level: float, seed: int) -> dict[str, Any]:
    """`recipes`, `values` (US$ a point), `limits_s` (None: no limit); `chosen` (a place in
    `recipes`, None: nobody) and `probability`, a row a limit and a column a value.

    A late answer counts 0, as in `stats.deadlines`, and costs what it costs. `values` is empty
    where there is no choice.
    """
    tables: dict[float | None, pd.DataFrame] = {None: acceptability(trials, level=level, seed=seed)}
    values = tables[None]["value"].drop_duplicates().tolist()
    if not tables[None]["chosen"].any():
        values = []
    known, _ = of_one_source(trials)
    for limit in _limits(known) if values else ():
        late = ~(known["latency_s"].astype(float) <= limit)
        cut = known.assign(score=known["score"].astype(float).mask(late, 0.0))
        cut.attrs = trials.attrs
        tables[limit] = acceptability(cut, values, level, seed)
    names = list(dict.fromkeys(tables[None]["recipe"])) if values else []
    rows = [_row(table, values, names) for table in tables.values()] if values else []
    return {
        "recipes": names,
        "values": values,
        "limits_s": list(tables) if values else [],
        "chosen": [chosen for chosen, _ in rows],
        "probability": [sure for _, sure in rows],
    }


def _row(
    table: pd.DataFrame, values: list[float], names: list[str]
) -> tuple[list[int | None], list[float | None]]:
    taken = table[table["chosen"]]
    places = dict(zip(taken["value"], taken["recipe"].map(names.index), strict=True))
    sure = dict(zip(taken["value"], taken["probability"].astype(float).round(4), strict=True))
    return [places.get(value) for value in values], [sure.get(value) for value in values]


def _limits(trials: pd.DataFrame) -> list[float]:
    """Quantiles of the seconds of answers, rounded up to two digits that count, shortest last."""
    seconds = trials["latency_s"].astype(float).dropna()
    seconds = seconds[seconds > 0]
    if not len(seconds):
        return []
    raw = np.quantile(seconds, _QUANTILES)
    unit = 10.0 ** (np.floor(np.log10(raw)) - 1)
    return [float(f"{x:.2g}") for x in dict.fromkeys((np.ceil(raw / unit - 1e-9) * unit).tolist())]
