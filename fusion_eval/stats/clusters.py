"""The mean over tasks that come in clusters: several tasks from one source, or whole domains
that are themselves a sample. Tasks of one cluster are not news to each other."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusion_eval.core import Estimate
from fusion_eval.errors import TooFewTasksError
from fusion_eval.stats.estimates import Floats, checked, mean_score
from fusion_eval.stats.means import Mean, plain, score_limits
from fusion_eval.stats.strata import grouped

Correction = Literal["CR0", "CR1", "CR2"]


def clustered(values: ArrayLike, clusters: ArrayLike, correction: Correction = "CR2") -> Mean:
    """Mean with the cluster-robust standard error and Bell and McCaffrey's degrees of freedom.

    With e the residuals, N tasks and n_g of them in cluster g (closed form for a plain mean):
    CR0 = N^-2 sum_g (sum e)^2; CR1 = CR0 G / (G - 1); CR2 divides each term by 1 - n_g / N.
    Degrees of freedom (for CR2; G - 1 for the others): tr(M)^2 / tr(M^2) with
    M_gh = a_g a_h (n_g [g = h] - n_g n_h / N), a_g = (1 - n_g / N)^(-1/2).

    Parameters
    ----------
    values : shape (n_tasks,), no NaN
    clusters : shape (n_tasks,), a label for each
    correction : CR2 is the default; CR0 with z, often used, covers .90 instead of .95 with ten
        clusters

    Raises
    ------
    TooFewTasksError : fewer than two clusters

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28:169; Pustejovsky & Tipton (2018), JBES 36:672.
    """
    x = checked(values, least=1)
    group, size = grouped(x, clusters)
    n, count = len(x), len(size)
    if count < 2:
        raise TooFewTasksError("all tasks are in one cluster; an interval needs two or more")
    sums = np.bincount(group, x - x.mean())
    rest = 1 - size / n
    scale = {"CR0": np.ones(count), "CR1": np.full(count, count / (count - 1)), "CR2": 1 / rest}
    variance = float((sums**2 * scale[correction]).sum()) / n**2
    freedom = freedom_of(size) if correction == "CR2" else count - 1.0
    how = f"t, {correction} over {count} clusters, {freedom:.1f} df"
    return Mean(
        value=float(x.mean()), se=math.sqrt(variance), freedom=freedom, n=n, units=count, how=how
    )


def sampled(values: Floats, clusters: NDArray[np.object_] | None) -> Mean:
    """Mean over tasks, by cluster where there are any; without standard error for one cluster."""
    if clusters is None:
        return plain(values)
    if len(set(clusters)) > 1:
        return clustered(values, clusters)
    return Mean(
        value=float(values.mean()), se=math.nan, freedom=0, n=len(values), units=1,
        how="all tasks in one cluster",
    )  # fmt: skip


def score_of(values: Floats, clusters: NDArray[np.object_] | None, level: float = 0.95) -> Estimate:
    """Mean score with the interval of its design: `mean_score`, or by cluster where there are any.

    values : shape (n_tasks,), 0 to 1, no NaN
    """
    if clusters is None:
        return mean_score(values, level)
    return score_limits(sampled(values, clusters), level)


def totals(values: Floats, clusters: NDArray[np.object_] | None) -> Floats:
    """One row per cluster, its sum times clusters / tasks, so that their mean is that of the tasks.

    values : shape (n_tasks, n_columns). For procedures that take rows as independent: differences
    that are nothing but noise stay so for clusters of any size. Without clusters, `values`.
    """
    if clusters is None:
        return values
    group, size = grouped(values[:, 0], clusters)
    sums = np.zeros((len(size), values.shape[1]))
    np.add.at(sums, group, values)
    return sums * len(size) / len(values)


def freedom_of(size: np.ndarray) -> float:
    """Bell and McCaffrey's degrees of freedom of a mean over clusters of these sizes (CR2)."""
    n = float(size.sum())
    # of the matrix a a' * (diag(size) - size size' / n), a_i^2 = 1 / (1 - size_i / n), the diagonal
    # is `size` itself: its trace is n, and what stands beside the diagonal sums up without it
    beside = size**2 / (1 - size / n) / n
    return n**2 / float((size**2).sum() + beside.sum() ** 2 - (beside**2).sum())


def mean_over(values: Floats, clusters: NDArray[np.object_] | None) -> Mean:
    """`sampled` of the values that are there; NaN where a task is missing, shape (n_tasks,)."""
    there = ~np.isnan(values)
    if not there.any():
        return Mean(value=math.nan, se=math.nan, freedom=0, n=0, units=0, how="no task")
    return sampled(values[there], None if clusters is None else clusters[there])


def collapsed(values: Floats, clusters: NDArray[np.object_] | None) -> tuple[Floats, float]:
    """One row per cluster in the place of tasks, and the degrees of freedom of their mean.

    values : shape (n_tasks, n_columns), no NaN. The rows have the mean of the tasks and (nearly)
        its CR2 standard error, so that what takes rows as independent may take these.
    """
    n = len(values)
    if clusters is None:
        return values, n - 1.0
    group, size = grouped(values[:, 0], clusters)
    count = len(size)
    if count < 2:
        raise TooFewTasksError("all tasks are in one cluster; an interval needs two or more")
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, group, values - values.mean(axis=0))
    scaled = sums * np.sqrt(count * (count - 1) / (1 - size / n))[:, None] / n
    # centred again: the correction weighs clusters unequally, and the mean must stay what it is
    return values.mean(axis=0) + scaled - scaled.mean(axis=0), freedom_of(size)
