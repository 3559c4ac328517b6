"""The design-based difference estimator: a cheap reading of everything, a better one of some.

What the grader said of all criteria, plus what a better reading (by people, or by the official
protocol) differs on the criteria that were drawn for it, each divided by the probability with which
it was drawn (Horvitz & Thompson 1952). That is unbiased whatever the grader's errors are, and needs
no model of them. Each task gives one independent number, so the interval is that of a mean over
tasks; it holds the noise of grading and of the draw.

With sampling probabilities that are known, this is prediction-powered inference (Angelopoulos et
al. 2023, arXiv:2301.09633) with a tuned weight; Särndal, Swensson & Wretman (1992), ch. 6 and 9.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from fusion_eval.core import Estimate
from fusion_eval.errors import StatisticsError, TooFewTasksError
from fusion_eval.stats.estimates import Floats, t_quantile
from fusion_eval.stats.readings import TASK, TRIAL, UNIT, First, first_reading

_FOLDS, _LEAST_TUNED = 5, 8


@dataclass(frozen=True, eq=False)
class Anchored:
    """Per task (index) and recipe (columns).

    `first`: score, 0 to 1, by the first reading. `correction`: second reading minus first, as the
    draw estimates it; NaN where the task was not drawn, or not all that was drawn has been read.
    `gap`: see `anchored`. `cuts`: scores are 0 to 1 by rule, so an estimate beyond ends there.
    """

    first: pd.DataFrame
    correction: pd.DataFrame
    cuts: bool = False
    gap: pd.DataFrame | None = None

    def score(self, recipe: str, level: float = 0.95) -> Estimate:
        """The mean score that the second reading of everything would give."""
        gap = None if self.gap is None else self.gap[recipe]
        found = anchored(self.first[recipe], self.correction[recipe], level, gap=gap)
        return within(found) if self.cuts else found

    def difference(self, a: str, b: str, level: float = 0.95) -> Estimate:
        """The same for recipe `a` minus recipe `b`, over the tasks that both have."""
        both = self.first[[a, b]].notna().all(axis=1)
        first, correction = self.first[both], self.correction[both]
        gap = None if self.gap is None else (self.gap[a] - self.gap[b])[both]
        return anchored(first[a] - first[b], correction[a] - correction[b], level, gap=gap)


def within(found: Estimate) -> Estimate:
    """The estimate cut to 0 to 1, last of all."""
    value, low, high = (min(1.0, max(0.0, x)) for x in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high)


def anchored(
    first: ArrayLike, correction: ArrayLike, level: float = 0.95, *, gap: ArrayLike | None = None
) -> Estimate:
    """The mean that the second reading of everything would give.

    Parameters
    ----------
    first : shape (n_tasks,); tasks that are NaN here are left out
    correction : shape (n_tasks,), NaN for tasks outside of the second reading, which must be a
        random part of all tasks
    gap : shape (n_tasks,), what the first reading of the criteria that were drawn says of the
        task, less what it says of all of them: 0 on average over draws

    Returns
    -------
    Estimate in the unit of the two; `n` counts the tasks with a correction. The first reading is
    used with the weight that narrows the interval most, estimated on other tasks than it is used
    on (five folds) and drawn towards 0 as far as it is noise: 1 where it is as good as the second,
    0 where it says nothing, and then the second reading stands alone. Where all tasks have a
    correction this is a t interval; otherwise the tasks with and without are two independent
    groups, with Satterthwaite's degrees of freedom.

    Raises
    ------
    TooFewTasksError : fewer than two tasks with a correction

    References
    ----------
    Power tuning: Angelopoulos, Duchi & Zrnic (2023), PPI++, arXiv:2311.01453; cross-fitting: Zrnic
    & Candes (2024), PNAS 121:e2322083121.
    """
    x, c = np.asarray(first, dtype=np.float64), np.asarray(correction, dtype=np.float64)
    drawn = np.zeros(len(x)) if gap is None else np.asarray(gap, dtype=np.float64)
    there = ~np.isnan(x)
    x, c, drawn = x[there], c[there], np.nan_to_num(drawn[there])
    known = ~np.isnan(c)
    n, many = len(x), int(known.sum())
    if many < 2:
        raise TooFewTasksError(f"{many} task(s) with a second reading; at least 2 are needed")
    if many < n:
        # the mean of y plus weight times (mean of x over all tasks less that over the known ones)
        share, others = 1 - many / n, x[~known] if n - many > 1 else x
        parts = _tuned((x + c)[known], share * x[known], share * others)
    else:
        parts = _tuned(x + c + drawn, drawn, np.zeros(0))
    value, variances, sizes = parts
    half = t_quantile(level, _freedom(variances, sizes)) * sum(variances) ** 0.5
    return Estimate(
        value=value, low=value - half, high=value + half, level=level, n=many,
        method="difference estimator, tuned weight, t",
    )  # fmt: skip


def _tuned(y: Floats, x: Floats, others: Floats) -> tuple[float, list[float], list[int]]:
    """Mean of y - w x plus w times the mean of `others`: value, variances of its parts, sizes.

    Without others the mean of x is 0 by design. The best of the tuned weight and of none.
    """
    alone = (float(y.mean()), [float(y.var(ddof=1)) / len(y)], [len(y)])
    weights = _weights(y, x, len(others))
    rest = y - weights * x
    weight, value = float(weights.mean()), float(rest.mean())
    variances, sizes = [float(rest.var(ddof=1)) / len(y)], [len(y)]
    if len(others):
        value += weight * float(others.mean())
        variances.append(weight**2 * float(others.var(ddof=1)) / len(others))
        sizes.append(len(others))
    return (value, variances, sizes) if sum(variances) < sum(alone[1]) else alone


def _weights(y: Floats, x: Floats, others: int) -> Floats:
    """The weight for each task, by regression of y on x over the other folds; 0 below 8 tasks.

    The slope is drawn towards 0 by 1 - 1/t^2 (positive part), so that noise in it costs nothing;
    for x of tasks that are independent of `others`, times their part of all tasks.
    """
    fold, weights = np.arange(len(y)) % _FOLDS, np.zeros(len(y))
    if len(y) < _LEAST_TUNED:
        return weights
    for k in range(_FOLDS):
        a, b = y[fold != k], x[fold != k]
        squares = float(((b - b.mean()) ** 2).sum())
        if squares <= 1e-18:
            continue
        slope = float(((b - b.mean()) * a).sum()) / squares
        rest = a - a.mean() - slope * (b - b.mean())
        error = float((rest**2).sum()) / (len(a) - 2) / squares
        weights[fold == k] = slope * max(0.0, 1 - error / slope**2) if slope else 0.0
    return weights * (others / (others + len(y)) if others else 1.0)


def _freedom(variances: list[float], sizes: list[int]) -> float:
    """Satterthwaite's degrees of freedom of a sum of independent means."""
    below = sum(v**2 / (size - 1) for v, size in zip(variances, sizes, strict=True) if size > 1)
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
    said = (drawn["share"] * drawn["filled"] / drawn["probability"]).where(~sure, 0.0)
    parts = pd.DataFrame(
        {"heavy": points.where(sure, 0.0), "rest": points.where(~sure, 0.0), "said": said}
    )
    open_yet = drawn["value"].isna().groupby(trial).any()
    sums = parts.groupby(trial).sum().mask(open_yet)
    asked = set(drawn[TASK]) if tasks is None else set(tasks)
    each = first.trials.join(sums).astype(float)
    nothing_drawn = each.index.get_level_values(TASK).isin(asked) & ~each.index.isin(sums.index)
    each.loc[nothing_drawn, ["heavy", "rest", "said"]] = 0.0
    known = (first.units["share"] * first.units["filled"]).groupby(level=TRIAL).sum()
    certain = (drawn["share"] * drawn["filled"]).where(sure, 0.0).groupby(trial).sum()
    each["gap"] = each["said"] - known.reindex(each.index) + certain.reindex(each.index).fillna(0.0)
    each["gap"] = each["gap"].where(_moves(each), 0.0)
    each["correction"] = _corrected(each) - each["score"]
    kept = each[each.index.get_level_values("recipe").isin(set(drawn["recipe"]))]
    return Anchored(
        first=_task_means(kept["score"]),
        correction=_task_means(kept["correction"]),
        cuts=bool(kept["cuts"].all()),
        gap=_task_means(kept["gap"]),
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
    moved = known.clip(0, 1).where(cuts, known) + each["rest"].where(_moves(each), 0.0)
    return moved.mask(each["failed"] == 1, 0.0).where(each["rest"].notna())


def _moves(each: pd.DataFrame) -> pd.Series:
    """Whether what was drawn by chance moves the score of a trial."""
    known = each["raw"] + each["heavy"]
    inside = (each["cuts"] != 1) | ((known > 0) & (known < 1))
    return inside & (each["failed"] != 1)


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
