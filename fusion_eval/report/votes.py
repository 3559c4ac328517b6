"""Votes in which nothing was counted: answers of the earliest seat at the price of all."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fusion_eval.report.words import number, plain

_NOTHING = "nothing to count"
_VOTES = ("vote", "self_consistency", "debate")


def uncounted(trials: pd.DataFrame, recipes: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Findings on recipes that vote and had nothing to count.

    Where that holds for most answers of a recipe, it stands in tables as what it was and not as a
    vote: its `strategy` becomes `vote (nothing counted)`.
    """
    found = []
    voting = trials[trials["strategy"].astype(str).isin(_VOTES) & trials["failure"].isna()]
    for name, rows in voting.groupby("recipe", sort=False):
        lost = int(rows["degraded"].astype("string").fillna("").str.contains(_NOTHING).sum())
        if not lost:
            continue
        text = (
            f"{plain(name)}: nothing was counted in {lost:,} of {number(len(rows), 'answer')}, "
            "so these are the earliest seat's answer and no vote"
        )
        found.append({"kind": "no vote", "text": text, "recipes": [str(name)]})
        if 2 * lost > len(rows) and str(name) in recipes:
            recipes[str(name)]["strategy"] += " (nothing counted)"
    return found
