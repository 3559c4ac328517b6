"""How alike the answers of two members are, criterion by criterion: agreement and common errors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.core import Estimate
from fusion_eval.errors import StatisticsError
from fusion_eval.frames import task_key
from fusion_eval.stats.headroom import draw_correlation, draws, error_correlation
from fusion_eval.stats.jackknife import proportion
from fusion_eval.stats.results import row_of

COLUMNS = ("a", "b", "quantity", "value", "low", "high", "level", "n", "method")
_MET = 0.5


def alike(verdicts: pd.DataFrame, members: Sequence[str], level: float = 0.95) -> pd.DataFrame:
    """Agreement and error correlation of every pair of members.

    Parameters
    ----------
    verdicts : see `frames.verdicts`; unread ones are left out, several gradings averaged
    members : recipes whose answers are compared

    Returns
    -------
    DataFrame, columns `COLUMNS`, two rows per pair, and two for each member against itself where it
    has repeats (two draws of one model, the yardstick of the others): `agreement`, the share of
    criteria that both meet or both do not (0.5 or more is met; logit jackknife over tasks), and
    `error correlation`, of missing the same criteria of positive weight (see `headroom`). Criteria
    are matched by task and repeat. NaN where a measure does not exist; `n` tasks.

    Raises
    ------
    StatisticsError : fewer than two members, or one of them has no verdicts
    """
    names = list(dict.fromkeys(members))
    if len(names) < 2:
        raise StatisticsError("two members are needed to compare them")
    read = verdicts[verdicts["value"].notna() & verdicts["recipe"].astype(str).isin(names)]
    keys = [task_key(read), read["repeat"], read["criterion"], read["recipe"].astype(str)]
    wide = read["value"].astype(float).groupby(keys).mean().unstack()
    if absent := [name for name in names if name not in wide.columns]:
        raise StatisticsError(f"no verdict on {', '.join(absent)} was read")
    rows = []
    for a, b in combinations(names, 2):
        both = wide[[a, b]].dropna()
        found = error_correlation(read, [a, b], level) if len(both) else None
        rows += _pair(a, b, _agreed(both, level), found, level)
    for name in names:
        drawn = draws(wide[name].dropna())
        if drawn is not None:
            found = draw_correlation(read, name, level)
            rows += _pair(name, name, _agreed(drawn, level), found, level)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table.attrs = {**verdicts.attrs, "level": level}
    return table


def _pair(
    a: str, b: str, agreed: dict[str, Any], errors: Estimate | None, level: float
) -> list[dict[str, Any]]:
    head = {"a": a, "b": b}
    return [
        {**head, "quantity": "agreement", **agreed},
        {**head, "quantity": "error correlation", **_plain(errors, level)},
    ]


def _agreed(both: pd.DataFrame, level: float) -> dict[str, Any]:
    same = ((both.iloc[:, 0] >= _MET) == (both.iloc[:, 1] >= _MET)).astype(float)
    counts = same.groupby(level=0).agg(["sum", "size"]).to_numpy(dtype=np.float64)
    return _plain(proportion(counts[:, 0], counts[:, 1], level), level)


def _plain(found: Estimate | None, level: float) -> dict[str, Any]:
    if found is None:
        nothing = float("nan")
        ends = {"value": nothing, "low": nothing, "high": nothing}
        return {**ends, "level": level, "n": 0, "method": ""}
    return row_of(found)
