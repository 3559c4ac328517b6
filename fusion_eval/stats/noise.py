"""What a paired difference is made of: tasks that differ, answers that vary, graders that waver.

Var(mean difference) = interaction / n + draw / (n k) + grading / (n k m), with n tasks, k repeats
and m grader passes. The first part no repeat removes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

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
    wide = repeats_of(trials, missing)
    if trials.attrs.get("repeats_paired", True):
        means, within, inverse, several = _within((wide[a] - wide[b]).dropna())
        error = within * inverse
    else:
        one, two = (_within(wide[name].dropna()) for name in (a, b))
        means = (one[0] - two[0]).dropna()
        within, several = one[1] + two[1], one[3] or two[3]
        error, inverse = one[1] * one[2] + two[1] * two[2], (one[2] + two[2]) / 2
    n = len(means)
    between = float(means.var(ddof=1)) if n > 1 else float("nan")
    known = grading if several else None
    return Noise(
        interaction=between - error, draw=within - min(known or 0.0, within), grading=known, n=n,
        repeats=1 / inverse if n else float("nan"), source=f"{n} tasks of this run",
        kurtosis=_kurtosis(means.to_numpy(dtype=np.float64)),
    )  # fmt: skip


def _kurtosis(x: Floats) -> float:
    """Excess kurtosis; 0 where there are too few values or no spread."""
    return float(stats.kurtosis(x, bias=False)) if len(x) > 3 and np.ptp(x) > 1e-12 else 0.0


def _within(d: pd.Series) -> tuple[pd.Series, float, float, bool]:
    """Means by task; the mean square within tasks; the mean of 1 / repeats; whether any repeats."""
    groups = d.groupby(level=0)
    means, counts = groups.mean(), groups.size().to_numpy()
    n, total = len(means), int(counts.sum())
    inside = (d - groups.transform("mean")).to_numpy(dtype=np.float64)
    within = float((inside**2).sum() / (total - n)) if total > n else 0.0
    return means, within, float((1 / counts).mean()) if n else float("nan"), total > n


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
