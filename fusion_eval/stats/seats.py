"""Whose drafts a fused answer was written from: calls with equal keys are the same call.

A panel and the solo recipe of its member ask the very same first question, so they share the call,
and the solo answer *is* the draft. Where it was graded as an answer, the draft is graded.
"""

from __future__ import annotations

import pandas as pd

from fusion_eval.frames import task_key

COLUMNS = ("recipe", "task_hash", "repeat", "seat", "member", "member_repeat")
ANSWER = ["task_hash", "repeat"]


def drafts_of(calls: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """One row per first draft of every recipe that has several calls.

    calls, trials : see `frames.calls`, `frames.trials`

    Returns
    -------
    DataFrame, columns `COLUMNS`: `seat` numbers the drafts of an answer, `member` is the recipe of
    one call that asked the same (empty where there is none: the draft was not graded), and
    `member_repeat` the repeat in which it did.
    """
    hashes = dict(zip(trials["task"].astype(str), task_key(trials), strict=True))
    asked = calls[calls["purpose"] == "answer"].copy()
    asked["task_hash"] = asked["task"].astype(str).map(hashes)
    asked["recipe"] = asked["recipe"].astype(str)
    each = asked.groupby(["recipe", *ANSWER])["key"].transform("size")
    alone = asked[each == 1]
    most = each.groupby(asked["recipe"]).transform("max")
    alone = alone[most[alone.index] == 1].drop_duplicates("key")
    answers = alone[["key", "recipe", "repeat"]]
    answers.columns = ["key", "member", "member_repeat"]
    first = asked[(most > 1) & (asked["start_s"].astype(float) <= 0)]
    first = first[first["role"].astype(str).str.contains("member")]
    found = first.merge(answers, on="key", how="left")
    found["seat"] = found.groupby(["recipe", *ANSWER]).cumcount()
    return found[list(COLUMNS)]


def members_of(drafts: pd.DataFrame) -> dict[str, list[str]]:
    """Recipe -> recipes that stand for its members, in the order of its seats; known ones only."""
    known = drafts.dropna(subset=["member"])
    found = known.groupby("recipe", sort=False)["member"].agg(lambda m: list(dict.fromkeys(m)))
    return {str(recipe): list(names) for recipe, names in found.items()}


def incomplete(drafts: pd.DataFrame, recipe: str) -> int:
    """How many drafts of a recipe no graded answer stands for."""
    mine = drafts[drafts["recipe"] == recipe]
    return int(mine["member"].isna().sum())
