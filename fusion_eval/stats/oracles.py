"""Controls that need no call: the best member, and what perfect selection or union would score.

They are rows like those of `frames.trials`, with `computed` as their strategy. The two oracles are
upper bounds and not recipes: nobody can run them, so they have no cost, and stand on no frontier.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fusion_eval.core import digest
from fusion_eval.core.score_table import mean_scores
from fusion_eval.errors import StatisticsError, did_you_mean
from fusion_eval.frames import per_task, recipes, task_key
from fusion_eval.stats.verdicts import graded, policies_of

COMPUTED = "computed"
"""The strategy of rows that no call has made."""
FOLDS = 5
_ONE_ANSWER = ["task_hash", "repeat"]
_ONE_PASS = [*_ONE_ANSWER, "grader", "grader_pass"]


def best_member(
    trials: pd.DataFrame,
    members: Sequence[str],
    name: str = "best-member",
    *,
    folds: int = FOLDS,
    seed: int = 0,
) -> pd.DataFrame:
    """The member with the highest mean on the *other* tasks, judged on these (cross-fitting).

    Parameters
    ----------
    trials : one row per (task, recipe, repeat), see `frames.trials`
    members : recipes to choose from, the first of equal ones
    folds : parts of the tasks, dealt by their hash and `seed`; at most one part per task

    Returns
    -------
    The rows of whoever was chosen for each task, under `name`. Their mean is an unbiased estimate
    of what choosing on so many tasks is worth. The rows of one part depend on those of the others,
    so a paired test against them alarms in 9 to 18 % of worlds where members are equal, instead of
    5 %: `stats.controls.against` takes the interval over all members instead.

    Raises
    ------
    StatisticsError : an unknown member, none, or fewer than two tasks that all of them have
    """
    wide = _common(trials, members)
    tasks = sorted(wide.index, key=lambda task: digest([task, seed]))
    part = {task: i % min(folds, len(tasks)) for i, task in enumerate(tasks)}
    parts = wide.index.map(part).to_numpy()
    chosen: dict[str, str] = {}
    for k in np.unique(parts):
        means = wide[parts != k].mean()
        chosen |= dict.fromkeys(wide.index[parts == k], str(means.idxmax()))
    rows = trials[trials["recipe"].astype(str).isin(members)]
    mine = rows["recipe"].astype(str) == task_key(rows).map(chosen)
    return rows[mine].assign(recipe=name, strategy=COMPUTED)


def oracle(trials: pd.DataFrame, members: Sequence[str], name: str = "oracle") -> pd.DataFrame:
    """The best of the members' answers to each task and repeat, as if somebody knew which it is.

    The upper bound of every recipe that picks one of these answers. It is picked by the score
    itself, so noise of the grader is in it. A task and repeat that some member lacks has no row.
    """
    rows = _rows(trials, members)
    whole = rows.groupby(_ONE_ANSWER, dropna=False)["recipe"].transform("nunique") == len(members)
    scored = rows["score"].notna() | rows["failure"].notna()
    scored = scored.groupby([rows[c] for c in _ONE_ANSWER]).transform("all")
    rows = rows[whole & scored]
    best = rows["score"].astype(float).fillna(-1.0)  # a failure is chosen where all have failed
    order = rows.assign(_best=best).sort_values("_best", ascending=False, kind="stable")
    picked = order.groupby(_ONE_ANSWER, sort=False).head(1).drop(columns="_best").sort_index()
    return _bound(picked, name)


def union_oracle(
    trials: pd.DataFrame,
    verdicts: pd.DataFrame,
    members: Sequence[str],
    name: str = "union-oracle",
) -> pd.DataFrame:
    """What an answer would score that has every member's right points, and an error only if all.

    A positive criterion counts as met if any member met it, a negative one only if all who
    answered did; verdicts between 0 and 1 take the highest and the lowest. Each pass of each
    grader is scored on its own, by the policy of the task. The upper bound of a writer that adds
    nothing. Tasks without verdicts have no row; where all members failed, so has the union.
    """
    base = oracle(trials, members, name)
    theirs = verdicts[verdicts["recipe"].astype(str).isin(members)]
    scores = _united(theirs.assign(recipe=name), trials)
    united = scores.reindex(pd.MultiIndex.from_frame(base[_ONE_ANSWER])).set_index(base.index)
    base[list(united.columns)] = united
    return base[base["score"].notna() | base["failure"].notna()]


def _united(verdicts: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Score, its bounds and coverage by task and repeat, of the best verdict on each criterion."""
    sections, reference = verdicts.get("section", ""), verdicts.get("reference_value", np.nan)
    rows = verdicts.assign(
        task_hash=task_key(verdicts), value=verdicts["value"].astype(float),
        weight=verdicts["weight"].astype(float), section=sections, reference_value=reference,
        grader=verdicts["grader"].fillna(""), grader_pass=verdicts["grader_pass"].fillna(0),
        policy=policies_of(verdicts, trials),
    ).dropna(subset=["weight"])  # fmt: skip
    each = rows.groupby([*_ONE_PASS, "criterion"])
    best = each[["recipe", "task", "weight", "section", "policy"]].first()
    best["value"] = each["value"].max().where(best["weight"] > 0, each["value"].min())
    best["reference_value"] = each["reference_value"].min()
    made = mean_scores(graded(best.reset_index()), ["task", "repeat"])
    return made[["score_raw", "score", "score_min", "score_max", "coverage"]]


def _bound(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows of an upper bound: what it would cost, take or say is nobody's."""
    empty = ["cost_usd", "spent_usd", "possibly_paid_usd", "grading_usd", "grading_spent_usd"]
    empty += ["latency_s", "latency_sum_s", "calls", "tokens_in", "tokens_out"]
    return rows.assign(
        recipe=name, strategy=COMPUTED, degraded=None, answer_hash=None,
        **{column: np.nan for column in empty if column in rows},
    )  # fmt: skip


def _rows(trials: pd.DataFrame, members: Sequence[str]) -> pd.DataFrame:
    """The members' rows, with a key for every task; raises StatisticsError for unknown ones."""
    known = recipes(trials)
    if not members:
        raise StatisticsError("no members to choose from; name the recipes that stand for them")
    for member in members:
        if member not in known:
            way = did_you_mean(member, known, "there are")
            raise StatisticsError(f"no recipe {member!r} to stand for a member; {way}")
    rows = trials[trials["recipe"].astype(str).isin(members)]
    return rows.assign(task_hash=task_key(rows))


def _common(trials: pd.DataFrame, members: Sequence[str]) -> pd.DataFrame:
    """Score by task and member, over the tasks that all members have."""
    _rows(trials, members)
    wide = per_task(trials)[list(members)].dropna()
    if len(wide) < 2:
        raise StatisticsError("fewer than two tasks have a score under every member")
    return wide
