"""With whom the report compares, and which recipes cannot be told from the best."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fusion_eval import stats
from fusion_eval.stats.frontier import NEVER, NOT_COMPARED


def against(trials: pd.DataFrame, table: pd.DataFrame, level: float, seed: int) -> dict[str, Any]:
    """The part of the summary that compares.

    trials : see `frames.trials`; table : of `stats.pareto`. Returns `reference`,
    `reference_chosen` (why), `family`, `comparisons` (rows of `stats.compare`, a against the
    reference), and `best` (the highest score) with `not_below_best`: who cannot be told from it
    when all pairs are looked at. A reference that is the winner was chosen on the same data, so
    its rows are then those of all pairs.
    """
    reference, why = choose_reference(table)
    scored = _scored(table)
    comparable = table.loc[table["score"].notna(), "recipe"]
    rows = trials[trials["recipe"].astype(str).isin(comparable)]
    rows.attrs = trials.attrs
    best = str(scored["recipe"].iloc[int(scored["score"].argmax())]) if len(scored) else None
    found: dict[str, Any] = {
        "reference": reference, "reference_chosen": why, "family": "against the reference",
        "comparisons": [], "best": best, "not_below_best": None,
    }  # fmt: skip
    if reference is None or best is None:
        return found
    every = stats.compare(rows, level=level, seed=seed, second=best)
    pairs = _ranked(every[every["b"] == best])
    found["not_below_best"] = [
        row["a"]
        for row in pairs
        if row["conclusion"] == "undecided" and row["a"] in set(scored["recipe"])
    ]
    if reference == best:
        return found | {"comparisons": pairs, "family": "all pairs"}
    compared = stats.compare(rows, reference, level=level, seed=seed)
    return found | {"comparisons": compared.to_dict("records")}


def choose_reference(table: pd.DataFrame) -> tuple[str | None, str]:
    """What the others are compared with when nobody says: a name, and why."""
    scored = _scored(table)
    if len(scored) < 2:
        return None, "fewer than two recipes have answers with a score"
    known = scored[scored["cost_usd"].notna() & (scored["cost_unknown"] == 0)]
    for rows, why in (
        (known[known["strategy"] == "solo"], "the cheapest solo recipe"),
        (known, "the cheapest recipe; none is solo"),
    ):
        if len(rows):
            return str(rows["recipe"].iloc[int(rows["cost_usd"].argmin())]), why
    return str(scored["recipe"].iloc[int(scored["score"].argmax())]), (
        "the best-scoring recipe, as no cost is known"
    )


def _scored(table: pd.DataFrame) -> pd.DataFrame:
    """Recipes with a score that is not just the 0 of never having answered."""
    return table[table["score"].notna() & ~table["status"].isin([NEVER, NOT_COMPARED])]


def _ranked(pairs: pd.DataFrame) -> list[dict[Any, Any]]:
    found: list[dict[Any, Any]] = pairs.to_dict("records")
    return sorted(found, key=lambda row: -row["difference"])
