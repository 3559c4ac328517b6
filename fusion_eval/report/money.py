"""What a run charged and what it paid, by role and by model; a sum with an unknown part is unknown.

What was asked for and what was served and billed are two columns: a difference is reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval import frames
from fusion_eval.store import Run

_COLUMNS = ("cost_usd", "spent_usd", "grading_usd", "grading_spent_usd", "possibly_paid_usd")


def money(trials: pd.DataFrame, of_run: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Sums over all trials in US$, under the names of the columns.

    A sum with an unknown part is None; `at_least_usd` has the known part of each, `unknown_usd`
    the number of trials whose part is unknown. `of_run` is what the manifest holds of the ledger:
    attempts that may have been paid count there also where their trial was not finished.
    """
    values = {name: trials[name].astype(float) for name in _COLUMNS}
    sums = {name: None if x.isna().any() else float(x.sum()) for name, x in values.items()}
    least = {name: float(x.sum()) for name, x in values.items()}
    if of_run and "possibly_paid_usd" in of_run:
        sums["possibly_paid_usd"] = of_run["possibly_paid_usd"]
        least["possibly_paid_usd"] = of_run["possibly_paid_usd"] or least["possibly_paid_usd"]
    unknown = {name: int(x.isna().sum()) for name, x in values.items()}
    return {**sums, "at_least_usd": least, "unknown_usd": unknown}


def calls_made(calls: pd.DataFrame) -> dict[str, int]:
    """Calls that were charged to some trial, and those of them that this run made."""
    return {"charged": len(calls), "made": int((~calls["cached"].astype(bool)).sum())}


def money_by(calls: pd.DataFrame, column: str) -> dict[str, dict[str, Any]]:
    """Calls, tokens and dollars for each `role` or `model`, the dearest first.

    `cost_usd` is charged to recipes, or to grading; `spent_usd` is what this run paid.
    `at_least_usd` has the known part of both. A role inside a recipe in a seat counts as the seat;
    a role of answers that has the name of one of grading stands as `NAME (answer)`.
    """
    groups = _roles(calls) if column == "role" else calls[column].astype("string").fillna("unknown")
    found = {str(name): _sums(rows) for name, rows in calls.groupby(groups, sort=False)}
    return dict(sorted(found.items(), key=lambda item: -item[1]["at_least_usd"]["cost_usd"]))


def _roles(calls: pd.DataFrame) -> pd.Series:
    """The role of each call at its seat; no name stands for both answering and grading."""
    names = calls["role"].astype("string").fillna("unknown").str.split("/").str[0]
    answers = calls["purpose"] != "grading"
    return names.mask(answers & names.isin(names[~answers]), names + " (answer)")


def money_by_recipe(calls: pd.DataFrame, trials: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """For each recipe the mean US$ of an answer by role, and of grading it.

    A mean with an unknown part is None. A role inside a recipe in a seat counts as the seat; all
    trials of the recipe are counted, those without an answer too, as in the cost of the recipe.
    """
    count = trials["recipe"].astype(str).value_counts(sort=False)
    found: dict[str, dict[str, Any]] = {
        str(name): {"roles": {}, "grading": None} for name in count.index
    }
    known = calls[calls["recipe"].astype(str).isin(found)]
    answers = known["purpose"] != "grading"

    def mean(recipe: object, rows: pd.DataFrame) -> float | None:
        usd = rows["cost_usd"].astype(float)
        return None if usd.isna().any() else float(usd.sum()) / int(count[str(recipe)])

    names = known["recipe"].astype(str)
    for name, rows in known[~answers].groupby(names[~answers]):
        found[str(name)]["grading"] = mean(name, rows)
    for (owner, role), rows in known[answers].groupby([names[answers], _roles(known[answers])]):
        found[str(owner)]["roles"][str(role)] = mean(owner, rows)
    return found


def costs(run: Run | str | Path) -> pd.DataFrame:
    """What an answer costs by role: one row per recipe, one column per role, mean US$.

    The dearest role comes first; grading is no part of an answer's cost and has no column. 0 where
    a recipe has no such call, NaN where the price of one is unknown.
    """
    trials = frames.trials(run)
    by_recipe = money_by_recipe(frames.calls(run), trials)
    table = by_role({name: row["roles"] for name, row in by_recipe.items()})
    table.attrs = {**trials.attrs}
    return table


def by_role(found: Mapping[str, Mapping[str, float | None]]) -> pd.DataFrame:
    """Recipe -> role -> US$ as a table: 0 where there is no such role, NaN for None."""
    roles = dict.fromkeys(role for row in found.values() for role in row)
    rows = [{role: row.get(role, 0.0) for role in roles} for row in found.values()]
    table = pd.DataFrame(rows, index=list(found), columns=list(roles), dtype=float)
    order = table.sum().sort_values(ascending=False, kind="stable").index
    return table[order].rename_axis("recipe")


def _sums(rows: pd.DataFrame) -> dict[str, Any]:
    dollars = {name: rows[name].astype(float) for name in ("cost_usd", "spent_usd")}
    tokens_in = rows.filter(regex="^tokens_(input|cache_)")
    tokens_out = rows[["tokens_output", "tokens_reasoning"]]
    return {
        **calls_made(rows),
        **{name: None if x.isna().any() else float(x.sum()) for name, x in dollars.items()},
        "at_least_usd": {name: float(x.sum()) for name, x in dollars.items()},
        "tokens_in": int(tokens_in.astype(float).sum().sum()),
        "tokens_out": int(tokens_out.astype(float).sum().sum()),
    }


def served_otherwise(calls: pd.DataFrame) -> list[dict[str, Any]]:
    """Where another model answered than was asked for: calls, dollars, and their share of all.

    `kind` is `version` where one name goes on from the other (`gpt-5` and `gpt-5-2026-08-07`),
    else `other model`. The share is of the known dollars that were charged.
    """
    asked, served = (calls[name].astype("string") for name in ("model_requested", "model_served"))
    differs = served.notna() & (asked != served)
    charged = calls["cost_usd"].astype(float)
    everything = float(charged.sum())
    found = []
    for (wanted, got), rows in calls[differs].groupby(["model_requested", "model_served"]):
        usd = float(charged[rows.index].sum())
        found.append({
            "requested": str(wanted),
            "served": str(got),
            "kind": "version" if _one_goes_on(str(wanted), str(got)) else "other model",
            "calls": len(rows),
            "cost_usd": usd,
            "share": usd / everything if everything else None,
        })  # fmt: skip
    return sorted(found, key=lambda row: -row["cost_usd"])


def _one_goes_on(wanted: str, got: str) -> bool:
    """True for a dated version, or the same name without the maker in front."""
    wanted, got = wanted.split("/")[-1], got.split("/")[-1]
    return wanted.startswith(got) or got.startswith(wanted)
