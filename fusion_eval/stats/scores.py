"""The mean score of every recipe, with the interval that fits what it is asked about."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fusion_eval.core import Estimate
from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing
from fusion_eval.stats.caveats import Side, failures, few, missing_tasks, sides, unread_of
from fusion_eval.stats.clusters import sampled
from fusion_eval.stats.design import by_task, groups_of, labels_of, repeats_of
from fusion_eval.stats.estimand import Estimand, known, named
from fusion_eval.stats.estimates import mean_score
from fusion_eval.stats.family import check_level
from fusion_eval.stats.fixed import fixed_mean
from fusion_eval.stats.means import Mean, plain, score_limits
from fusion_eval.stats.results import FEW_TASKS, result
from fusion_eval.stats.strata import stratified
from fusion_eval.stats.tables import notes, tidied

COLUMNS = ("recipe", "score", "se", "low", "high", "n", "estimand", "method", "caveat")


def scores(
    trials: pd.DataFrame,
    estimand: Estimand = "new tasks",
    level: float = 0.95,
    *,
    missing: Missing = "as_deployed",
    strata: str | None = None,
) -> pd.DataFrame:
    """Mean score of every recipe with its interval, one row per recipe.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat), see `frames.trials`; or any table with
        `task`, `recipe` and `score` (0 to 1), see `stats.tables.tidied`
    estimand : `new tasks` of the same domains (where tasks share a `cluster`, clusters are the
        sample); `these tasks` (needs repeats); `new domains` (the `domain` is the sample)
    level : float in (0, 1), coverage of each interval by itself
    missing : what a failed answer counts as, see `frames.per_task`
    strata : a column, such as `domain`, whose values have fixed shares; for `new tasks` only

    Returns
    -------
    DataFrame, columns `COLUMNS`; scores 0 to 1, `n` counts tasks. Intervals are t on the logit of
    the mean (Wilson for 0/1 or equal scores), with the standard error over tasks, within strata,
    over clusters (CR2) or over repeats. Limits are NaN where the data show no spread that answers
    the question; the caveat then says why.

    Raises
    ------
    StatisticsError, MissingScoresError : with the way out
    """
    about = known(estimand)
    check_level(level)
    trials = tidied(trials)
    if strata is not None and (about != "new tasks" or strata not in trials):
        raise StatisticsError(
            f"strata={strata!r}: give a column of the table, with the estimand 'new tasks'"
        )
    every = sides(trials, missing)
    repeats = repeats_of(trials, missing) if about == "these tasks" else None
    names = next(iter(every.values())).names if every else {}
    rows = []
    for name, side in every.items():
        if repeats is not None:
            mean = _fixed(repeats, name)
        else:
            mean = _sampled(trials, side, about, strata)
        found = _interval(side, mean, level)
        rows.append(
            {
                "recipe": name, "score": found.value, "se": mean.se, "low": found.low,
                "high": found.high, "n": found.n, "estimand": named("mean score", about, missing),
                "method": f"{found.method}; {level:.0%} interval",
                "caveat": "; ".join([*_notes(side, names, missing, mean), *notes(trials)]),
            }
        )  # fmt: skip
    return result(rows, COLUMNS, trials, level=level)


def _fixed(repeats: pd.DataFrame, name: str) -> Mean:
    each = list(by_task(repeats[name]).values())
    return fixed_mean(each) if each else _nothing("no score")


def _sampled(trials: pd.DataFrame, side: Side, about: Estimand, strata: str | None) -> Mean:
    there = ~np.isnan(side.scores)
    x, index = side.scores[there], side.index[there]
    if not len(x):
        return _nothing("no score")
    groups = groups_of(trials, index, about)
    if groups is not None:
        return sampled(x, groups)
    if strata is not None:
        labels = pd.Series(labels_of(trials, strata, index)).fillna("(none)").to_numpy(object)
        return stratified(x, labels)
    return plain(x)


def _nothing(why: str) -> Mean:
    return Mean(value=np.nan, se=np.nan, freedom=0, n=0, units=0, how=why)


def _interval(side: Side, mean: Mean, level: float) -> Estimate:
    """The interval of `mean_score` where tasks are the sample, else the same on the mean's SE."""
    if mean.how == "t" and mean.n:
        return mean_score(side.scores[~np.isnan(side.scores)], level)
    return score_limits(mean, level)


def _notes(side: Side, names: Mapping[str, str], missing: Missing, mean: Mean) -> list[str]:
    notes = ["SIMULATED"] if side.simulated else []
    notes += [few(mean.n)] if mean.n < FEW_TASKS else []
    if mean.n > 1 and np.isnan(mean.se):
        notes.append(f"no interval: {mean.how}")
    unread = unread_of(side)
    notes += [missing_tasks(side, names), failures(side, missing)]
    notes += [f"not read: {unread}" if unread else ""]
    return [note for note in notes if note]
