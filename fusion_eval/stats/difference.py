"""The design-based difference estimator: a cheap reading of everything, a better one of some.

What the grader said of all criteria, plus what a better reading (by people, or by the official
protocol) differs on the criteria that were drawn for it, each divided by the probability with which
it was drawn (Horvitz & Thompson 1952). That is unbiased whatever the grader's errors are, and needs
no model of them. Each task gives one independent number, so the interval is that of a mean over
tasks; it holds the noise of grading and of the draw.

With sampling probabilities that are known, this is prediction-powered inference (Angelopoulos et
al. 2023, arXiv:2301.09633) with unit weight; Särndal, Swensson & Wretman (1992), ch. 6 and 9.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fusion_eval.core import Estimate
from fusion_eval.errors import StatisticsError, TooFewTasksError
from fusion_eval.stats.estimates import t_quantile
from fusion_eval.stats.readings import TASK, TRIAL, UNIT, First, first_reading


@dataclass(frozen=True, eq=False)
class Anchored:
    """Per task (index) and recipe (columns).

    `first`: score, 0 to 1, by the first reading. `correction`: second reading minus first, as the
    draw estimates it; NaN where the task was not drawn, or not all that was drawn has been read.
    `cuts`: scores are 0 to 1 by rule, so an estimate beyond ends there.
    """

    first: pd.DataFrame
    correction: pd.DataFrame
    cuts: bool = False

    def score(self, recipe: str, level: float = 0.95) -> Estimate:
        """The mean score that the second reading of everything would give."""
        found = anchored(self.first[recipe], self.correction[recipe], level)
        return within(found) if self.cuts else found

    def difference(self, a: str, b: str, level: float = 0.95) -> Estimate:
        """The same for recipe `a` minus recipe `b`, over the tasks that both have."""
        both = self.first[[a, b]].notna().all(axis=1)
        first, correction = self.first[both], self.correction[both]
        return anchored(first[a] - first[b], correction[a] - correction[b], level)


def within(found: Estimate) -> Estimate:
    """The estimate cut to 0 to 1, last of all."""
    value, low, high = (min(1.0, max(0.0, x)) for x in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high)


def anchored(first: ArrayLike, correction: ArrayLike, level: float = 0.95) -> Estimate:
    """Mean of `first` over all tasks plus mean of `correction` over the tasks that have one.

    Parameters
    ----------
    first : shape (n_tasks,); tasks that are NaN here are left out
    correction : shape (n_tasks,), NaN for tasks outside of the second reading, which must be a
        random part of all tasks

    Returns
    -------
    Estimate in the unit of the two; `n` counts the tasks with a correction. Where all tasks have
    one this is the t interval of `first + correction`. Otherwise the tasks with and without are
    two independent groups, with Satterthwaite's degrees of freedom.

    Raises
    ------
    TooFewTasksError : fewer than two tasks with a correction
    """
    x, c = np.asarray(first, dtype=np.float64), np.asarray(correction, dtype=np.float64)
    x, c = x[~np.isnan(x)], c[~np.isnan(x)]
    known = ~np.isnan(c)
    n, many = len(x), int(known.sum())
    if many < 2:
        raise TooFewTasksError(f"{many} task(s) with a second reading; at least 2 are needed")
    share = many / n
    parts = [(share * x[known] + c[known], 1.0)]
    if many < n:
        parts.append((x[~known] if n - many > 1 else x, 1 - share))
    variances = [scale**2 * float(v.var(ddof=1)) / len(v) for v, scale in parts]
    value = float(x.mean() + c[known].mean())
    half = (
        t_quantile(level, _freedom(variances, [len(v) for v, _ in parts])) * sum(variances) ** 0.5
    )
    return Estimate(
        value=value, low=value - half, high=value + half, level=level, n=many,
        method="difference estimator, t",
    )  # fmt: skip


def _freedom(variances: list[float], sizes: list[int]) -> float:
    """Satterthwaite's degrees of freedom of a sum of independent means."""
    below = sum(v**2 / (size - 1) for v, size in zip(variances, sizes, strict=True))
    return sum(variances) ** 2 / below if below > 0 else min(sizes) - 1


def two_readings(
    trials: pd.DataFrame,
    verdicts: pd.DataFrame,
    second: pd.DataFrame,
    *,
    tasks: Collection[str] | None = None,
) -> Anchored:
    """First and second reading of the answers to the same tasks, per task and recipe.

    Parameters
    ----------
    trials, verdicts : see `frames`; graders and passes of `verdicts` are averaged
    second : one row per verdict that was drawn: `task_hash`, `recipe`, `repeat`, `criterion`,
        `probability` (of having been drawn) and `value` (0 to 1; NaN: drawn, but not read yet)
    tasks : hashes of the tasks in the draw, also those where nothing was drawn; those of `second`
        unless given

    Returns
    -------
    Anchored, for the recipes in `second`. A failed answer counts 0 in both readings. Scores are cut
    to 0 to 1 once the heavy criteria are known. Cutting is not linear: where answers without heavy
    criteria score near 0 or 1, the correction has a bias, towards the end of the scale.

    Raises
    ------
    StatisticsError : a drawn verdict that the run does not have, or a probability that is none
    """
    first = first_reading(trials, verdicts)
    drawn = _drawn(second, first)
    trial = [drawn[name] for name in TRIAL]
    points = drawn["share"] * (drawn["value"] - drawn["filled"]) / drawn["probability"]
    sure = drawn["probability"] == 1
    parts = pd.DataFrame({"heavy": points.where(sure, 0.0), "rest": points.where(~sure, 0.0)})
    open_yet = drawn["value"].isna().groupby(trial).any()
    sums = parts.groupby(trial).sum().mask(open_yet)
    asked = set(drawn[TASK]) if tasks is None else set(tasks)
    each = first.trials.join(sums).astype(float)
    nothing_drawn = each.index.get_level_values(TASK).isin(asked) & ~each.index.isin(sums.index)
    each.loc[nothing_drawn, ["heavy", "rest"]] = 0.0
    each["correction"] = _corrected(each) - each["score"]
    kept = each[each.index.get_level_values("recipe").isin(set(drawn["recipe"]))]
    return Anchored(
        first=_task_means(kept["score"]),
        correction=_task_means(kept["correction"]),
        cuts=bool(kept["cuts"].all()),
    )


def _task_means(values: pd.Series) -> pd.DataFrame:
    """Mean over repeats, per task and recipe; NaN where a repeat has none."""
    groups = values.groupby([TASK, "recipe"])
    return groups.mean().where(groups.count() == groups.size()).unstack()


def _corrected(each: pd.DataFrame) -> pd.Series:
    """Score of each trial by the second reading, as far as it was drawn.

    What was drawn with certainty is known, so the score is cut after it. The rest is an estimate,
    and moves a score that lies between 0 and 1; one that heavy criteria put outside stays cut.
    """
    known, cuts = each["raw"] + each["heavy"], each["cuts"] == 1
    inside = ~cuts | ((known > 0) & (known < 1))
    moved = known.clip(0, 1).where(cuts, known) + each["rest"].where(inside, 0.0)
    return moved.mask(each["failed"] == 1, 0.0).where(each["rest"].notna())


def _drawn(second: pd.DataFrame, first: First) -> pd.DataFrame:
    """The second reading with what the first says of the same verdicts."""
    chances = second["probability"].astype(float)
    if not chances.between(0, 1, inclusive="right").all():
        raise StatisticsError("a probability of having been drawn is not above 0 and at most 1")
    rows = pd.DataFrame(
        {
            TASK: second[TASK].astype(str),
            "recipe": second["recipe"].astype(str),
            "repeat": second["repeat"].astype(int),
            "criterion": second["criterion"].astype(str),
            "probability": chances,
            "value": second["value"].astype(float),
        }
    )
    told = first.units.drop(columns="value").reset_index()
    joined = rows.merge(told, how="left", on=UNIT)
    if joined["weight"].isna().any():
        lost = joined[joined["weight"].isna()].iloc[0]
        raise StatisticsError(
            f"{int(joined['weight'].isna().sum())} verdicts of the second reading are not in this "
            f"run, first: criterion {lost['criterion']!r} of recipe {lost['recipe']!r}"
        )
    return joined
