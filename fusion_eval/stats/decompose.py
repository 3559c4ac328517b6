"""What fusion adds: how much is writing several drafts together, how much is drafts that differ.

synthesis = self-fusion of a model less that model alone; diversity = a panel with the same writer
less that self-fusion; both add up to the panel's lift. Differences first, a share only where it
exists.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, per_task, recipes
from fusion_eval.stats.estimates import Floats, t_interval
from fusion_eval.stats.ratio import ratio_of_means
from fusion_eval.stats.results import mark_simulated, refuse_unknown, result
from fusion_eval.stats.seats import drafts_of
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "solo", "self_fusion", "panel", "quantity", "value", "low", "high", "level", "n", "kind",
    "method", "caveat",
)  # fmt: skip


def decompose(
    trials: pd.DataFrame,
    solo: str | None = None,
    self_fusion: str | None = None,
    panel: str | None = None,
    *,
    calls: pd.DataFrame | None = None,
    level: float = 0.95,
    missing: Missing = "as_deployed",
) -> pd.DataFrame:
    """Lift of a panel over one model alone, in synthesis and diversity.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    solo, self_fusion, panel : recipes: a model alone, several drafts of it fused, and a panel; for
        the parts to mean what they say, the model should write in both. All three or none
    calls : without names, every triple whose writer is the same model is found in the calls
    level : coverage of each interval

    Returns
    -------
    DataFrame, four rows per triple, columns `COLUMNS`: `total` (panel - solo), `synthesis`
    (self_fusion - solo), `diversity` (panel - self_fusion) with paired t intervals (0 to 1) over
    the tasks that all three have, and `share` = synthesis / total with Fieller's set, given only
    where that is bounded and the total is above 0 beyond chance (else NaN, `kind` and caveat say
    why). No rows where no triple is found.

    Raises
    ------
    StatisticsError : unknown names, some but not all named, or neither names nor calls

    References
    ----------
    Fieller (1954), JRSS B 16:175; Self-MoA: Li et al. (2025), arXiv:2502.00674.
    """
    known = tidied(trials)
    named = [name for name in (solo, self_fusion, panel) if name is not None]
    if len(named) not in (0, 3) or (not named and calls is None):
        raise StatisticsError(
            "name all three of solo, self_fusion and panel, or none and give the calls of the run"
        )
    refuse_unknown(named, recipes(known))
    if solo is not None and self_fusion is not None and panel is not None:
        triples = [(solo, self_fusion, panel)]
    else:
        assert calls is not None
        triples = triples_of(known, calls)
    wide = per_task(known, "score", missing)
    rows = [row for triple in triples for row in _rows(wide, triple, level)]
    return mark_simulated(result(rows, COLUMNS, trials, level=level))


def triples_of(trials: pd.DataFrame, calls: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(solo, self-fusion, panel) for every panel whose writer also fuses its own drafts."""
    drafts = drafts_of(calls, trials)
    known = drafts.dropna(subset=["member"])
    members = known.groupby("recipe", sort=False)["member"].agg(lambda m: sorted(set(m)))
    strategy = trials.drop_duplicates("recipe").set_index("recipe")["strategy"].astype(str)
    role = calls["role"].astype(str)
    wrote = calls[role.str.contains("synth")].assign(recipe=calls["recipe"].astype(str))
    writer = wrote.drop_duplicates("recipe").set_index("recipe")["model"].astype(str)
    found = []
    for own in members.index:
        if strategy.get(own) != "self_fusion" or len(members[own]) != 1:
            continue
        for other in members.index:
            same = writer.get(own) == writer.get(other) and own in writer.index
            if strategy.get(other) == "panel" and same and len(members[other]) > 1:
                found.append((str(members[own][0]), str(own), str(other)))
    return found


def _rows(wide: pd.DataFrame, triple: tuple[str, str, str], level: float) -> list[dict[str, Any]]:
    rows = wide[list(triple)].dropna().to_numpy(dtype=np.float64)
    head = dict(zip(("solo", "self_fusion", "panel"), triple, strict=True))
    if len(rows) < 2:
        note = f"{len(rows)} task(s) in common; two are needed"
        return [{**head, "quantity": "total", "n": len(rows), "level": level, "caveat": note}]
    alone, own, panel = rows.T
    note = f"{len(wide) - len(rows)} tasks are not in all three" if len(rows) < len(wide) else ""
    found = []
    parts = {"total": panel - alone, "synthesis": own - alone, "diversity": panel - own}
    for quantity, values in parts.items():
        row = {**head, "quantity": quantity, "level": level, "caveat": note, "kind": "bounded"}
        e = t_interval(values, level)
        found.append(
            row | {"value": e.value, "low": e.low, "high": e.high, "n": e.n, "method": "t"}
        )
    return [*found, {**head, **_share(own - alone, panel - alone, level, note)}]


def _share(part: Floats, total: Floats, level: float, note: str) -> dict[str, Any]:
    """Synthesis as a share of the lift, where there is such a number."""
    ratio, lift = ratio_of_means(part, total, level), t_interval(total, level)
    row = {"quantity": "share", "level": level, "n": len(part), "kind": ratio.kind}
    row |= {"method": "Fieller", "value": float("nan"), "low": float("nan"), "high": float("nan")}
    if lift.low > 0 and ratio.kind == "bounded" and ratio.low < ratio.high:
        return row | {"value": ratio.value, "low": ratio.low, "high": ratio.high, "caveat": note}
    why = "no share: the panel's lift cannot be told from 0 on these tasks"
    return row | {"caveat": f"{note}; {why}" if note else why}
