"""What a paired difference is made of: tasks that differ, answers that vary, graders that waver.

Var(mean difference) = interaction / n + draw / (n k) + grading / (n k m), with n tasks, k repeats
and m grader passes. The first part no repeat removes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion_eval.frames import Missing
from fusion_eval.stats.design import repeats_of
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.power import cautious_sd

PUBLISHED_SD = (0.067, 0.105, 0.148)
"""Lowest, median and highest SD of paired differences among 153 pairs of public DRACO runs (0 to
1; one run each, one grading pass; 99 common tasks)."""
_PUBLISHED_SHARES = (45 / 111, 42 / 111, 24 / 111)
"""How the median variance splits into interaction, draws and grading, from runs that repeat a
recipe but for its temperature or one more draft."""

PUBLISHED_CHECKED_SD = (0.296, 0.387, 0.541)
"""The same for right or wrong answers: 561 pairs of 34 models on 500 SWE-bench tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Variances of a paired difference per task (scores 0 to 1).

    `grading` is None where it cannot be told from `draw`, which then holds both. `n` tasks stand
    behind the figures (0: published ones); `repeats` is what the pilot had; `kurtosis` (excess) is
    that of the differences over tasks.
    """

    interaction: float
    draw: float
    grading: float | None
    n: int
    repeats: float
    source: str
    kurtosis: float = 0.0

    def times(self, factor: float) -> Noise:
        """All variances times a factor."""
        return replace(
            self,
            interaction=self.interaction * factor,
            draw=self.draw * factor,
            grading=None if self.grading is None else self.grading * factor,
        )

    def cautious(self) -> Noise:
        """With the upper 80 % limit of the SD, see `power.cautious_sd`."""
        return self.times(cautious_sd(1.0, self.n, kurtosis=self.kurtosis) ** 2)

    def sd(self, repeats: float = 1, passes: float = 1) -> float:
        """SD over tasks of the difference of two task means."""
        within = self.draw + (self.grading or 0.0) / passes
        return float(np.sqrt(max(self.interaction, 0.0) + max(within, 0.0) / repeats))


def published(which: int = 1, checked: float = 0.0) -> Noise:
    """Noise of public runs: 0 the most alike pair, 1 the median, 2 the least alike.

    checked : share of tasks whose answers are right or wrong (0 to 1); what repeats remove of their
        noise is not known, so all of it counts as interaction
    """
    variance = (1 - checked) * PUBLISHED_SD[which] ** 2
    parts = [share * variance for share in _PUBLISHED_SHARES]
    sources = ["public DRACO runs of fusion systems, one run and one grading pass each"]
    if checked:
        sources.append("public SWE-bench outcomes of 34 models for checked tasks, one run each")
    return Noise(
        interaction=parts[0] + checked * PUBLISHED_CHECKED_SD[which] ** 2,
        draw=parts[1],
        grading=parts[2],
        n=0,
        repeats=1,
        source="; ".join(sources[int(checked == 1) :]),
    )


def noise_of(
    trials: pd.DataFrame,
    a: str,
    b: str,
    *,
    grading: float | None = None,
    missing: Missing = "as_deployed",
) -> Noise:
    """Noise of the difference a - b from a run; repeats are paired by their number.

    Where a table numbers no repeats, none belong together: what varies within a task is then the
    sum of what varies on either side.

    Parameters
    ----------
    trials : DataFrame of trials; repeats of one number share their draws, so they are paired
    grading : variance that grading adds to one difference, from several passes; else unknown

    Returns
    -------
    Noise. With one repeat everything is interaction, because nothing can be told apart. One-way
    analysis of variance: draw = mean square within tasks, interaction = variance of the task means
    less draw / k; it may come out negative, and counts as 0 in forecasts. NaN for one task.
    """
    return Answers.of(trials, missing).noise(a, b, grading)


@dataclass(frozen=True, eq=False)
class Answers:
    """Scores of all recipes by task and repeat, for the noise of any two of them.

    `scores` : recipe -> shape (n_rows,), NaN where there is none; `task` : which task each row is
    of; `paired` : whether repeats of one number belong together
    """

    scores: Mapping[str, Floats]
    task: NDArray[np.intp]
    paired: bool

    @classmethod
    def of(cls, trials: pd.DataFrame, missing: Missing) -> Answers:
        """Those of a table of trials."""
        wide = repeats_of(trials, missing)
        values = np.asfortranarray(wide.to_numpy(dtype=np.float64))
        return cls(
            {str(name): values[:, k] for k, name in enumerate(wide.columns)},
            pd.factorize(wide.index.get_level_values(0))[0],
            trials.attrs.get("repeats_paired", True),
        )

    def noise(self, a: str, b: str, grading: float | None = None) -> Noise:
        """As `noise_of`."""
        one, two = self.scores[a], self.scores[b]
        if self.paired:
            means, within, inverse, several = _within(one - two, self.task)
            error = within * inverse
        else:
            first, second = _within(one, self.task), _within(two, self.task)
            means = first[0] - second[0]
            within, several = first[1] + second[1], first[3] or second[3]
            error = first[1] * first[2] + second[1] * second[2]
            inverse = (first[2] + second[2]) / 2
        means = means[~np.isnan(means)]
        n = len(means)
        between = float(means.var(ddof=1)) if n > 1 else float("nan")
        known = grading if several else None
        return Noise(
            interaction=between - error, draw=within - min(known or 0.0, within), grading=known,
            n=n, repeats=1 / inverse if n else float("nan"), source=f"{n} tasks of this run",
            kurtosis=_kurtosis(means),
        )  # fmt: skip


def _kurtosis(x: Floats) -> float:
    """Excess kurtosis without bias; 0 where there are too few values or no spread."""
    n = len(x)
    if n <= 3 or not np.ptp(x) > 1e-12:
        return 0.0
    squares = (x - x.mean()) ** 2
    ratio = float((squares**2).mean() / squares.mean() ** 2)
    return ((n**2 - 1) * ratio - 3 * (n - 1) ** 2) / (n - 2) / (n - 3)


def _within(d: Floats, task: NDArray[np.intp]) -> tuple[Floats, float, float, bool]:
    """Means by task (NaN: none); the mean square within tasks; the mean of 1 / repeats; whether
    there are any repeats."""
    there = ~np.isnan(d)
    d, task, of = d[there], task[there], int(task.max(initial=-1)) + 1
    counts = np.bincount(task, minlength=of)
    with np.errstate(invalid="ignore"):
        means = np.bincount(task, weights=d, minlength=of) / counts
    n, total = int((counts > 0).sum()), len(d)
    within = float(((d - means[task]) ** 2).sum() / (total - n)) if total > n else 0.0
    inverse = float((1 / counts[counts > 0]).mean()) if n else float("nan")
    return means, within, inverse, total > n


def grading_noise(pass_scores: Floats) -> float | None:
    """Variance that one grading pass adds to a score, from scores (n_answers, n_passes); NaN: none.

    The variance between passes within an answer, averaged over answers with two or more passes.
    None where no answer has two. A difference of two answers gets twice that.
    """
    count = (~np.isnan(pass_scores)).sum(axis=1)
    rows = pass_scores[count >= 2]
    if not len(rows):
        return None
    spread = np.nansum((rows - np.nanmean(rows, axis=1, keepdims=True)) ** 2)
    return float(spread / (count[count >= 2] - 1).sum())
