"""Fewer tasks for less money: a random subset, corrected by what other recipes did on the rest.

Hard tasks in the subset pull every recipe down alike, so the mean of a subset is corrected by how
much harder it was for recipes that have all tasks. For *differences* of recipes no subset beats a
random one: pairing has used that knowledge already.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from fusion_eval.core import Estimate
from fusion_eval.errors import StatisticsError, TooFewTasksError
from fusion_eval.frames import Missing, is_simulated, per_task
from fusion_eval.stats.design import labels_of
from fusion_eval.stats.estimates import Floats, checked
from fusion_eval.stats.points import Bools
from fusion_eval.stats.tables import tidied

_TRIES = 200


def subset(
    trials: pd.DataFrame,
    size: int,
    seed: int = 0,
    *,
    missing: Missing = "as_deployed",
) -> pd.DataFrame:
    """A stratified random subset of tasks, and what it would have kept of the ranking.

    Parameters
    ----------
    trials : the full run: history for the correction
    size : tasks to keep; domains keep their shares
    seed : of the draw

    Returns
    -------
    DataFrame, one row per task: `task`, `task_hash`, `domain`, `chosen`, `history` (mean over
    recipes). `attrs`: `share` of tasks, `rmse` and `rmse_plain` (0 to 1: error of a recipe's
    corrected and plain mean of such subsets against its mean over all, each recipe corrected by
    the others), `rank_correlation` and `rank_correlation_plain` (Spearman, mean over 200 subsets).
    What a subset says is labelled so: it is an estimate of the full set, with `calibrated`'s
    interval. Raises StatisticsError for a size that is not 3 to all, and for fewer than three
    recipes.
    """
    known = tidied(trials)
    wide = per_task(known, "score", missing).dropna()
    if not 3 <= size <= len(wide) or wide.shape[1] < 3:
        raise StatisticsError(
            f"a subset of {size} of the {len(wide)} tasks that all {wide.shape[1]} recipes have: "
            "give 3 or more and no more than all, and a run of three recipes or more"
        )
    rng = np.random.default_rng(seed)
    domains = labels_of(known, "domain", wide.index)
    strata = pd.factorize(pd.Series(domains).fillna(""))[0]
    chosen = stratified(strata, size, rng)
    names = per_task(known, "score", missing).attrs["tasks"]
    table = pd.DataFrame({
        "task": [names[key] for key in wide.index], "task_hash": wide.index, "domain": domains,
        "chosen": chosen, "history": wide.mean(axis=1).to_numpy(),
    })  # fmt: skip
    table.attrs = {**trials.attrs, "simulated": is_simulated(known), "share": size / len(wide)}
    for name, value in _promise(wide.to_numpy(dtype=np.float64), strata, size, rng).items():
        table.attrs[name] = value
    return table


def stratified(strata: ArrayLike, size: int, rng: np.random.Generator) -> Bools:
    """Which of the tasks to take, shape (n_tasks,) of bool: strata in proportion, else at random.

    Largest remainders, their order drawn, so that every task has about the same chance.
    """
    labels = np.asarray(strata)
    groups = [np.flatnonzero(labels == g) for g in np.unique(labels)]
    quota = np.array([size * len(g) / len(labels) for g in groups])
    take = np.floor(quota).astype(int)
    rest = size - int(take.sum())
    if rest:
        odds = (quota - take) / (quota - take).sum()
        take[rng.choice(len(groups), rest, replace=False, p=odds)] += 1
    chosen = np.zeros(len(labels), dtype=bool)
    for group, count in zip(groups, take, strict=True):
        chosen[rng.choice(group, min(int(count), len(group)), replace=False)] = True
    return chosen


def calibrated(
    scores: ArrayLike, history: ArrayLike, full_history: ArrayLike, level: float = 0.95
) -> Estimate:
    """Mean over the full set of tasks, from a random subset of them.

    Parameters
    ----------
    scores : shape (n_subset,), the recipe on the subset, no NaN
    history : shape (n_subset,), mean of other recipes on these tasks
    full_history : shape (n_all,), the same on all tasks

    Returns
    -------
    Estimate, estimand *these tasks*: mean + slope (mean of all history - mean of its subset), with
    the residuals' standard error times sqrt(1 - share) and n - 2 degrees of freedom.

    Raises
    ------
    MissingScoresError, TooFewTasksError (fewer than three), StatisticsError (lengths differ)

    References
    ----------
    Regression estimator: Cochran (1977), Sampling Techniques, ch. 7.
    """
    x, h = checked(scores, least=1), checked(history, least=1)
    everything = checked(full_history, least=1)
    if x.shape != h.shape or len(x) > len(everything):
        raise StatisticsError("scores and history must be of the same tasks, a part of all tasks")
    if len(x) < 3:
        raise TooFewTasksError(f"{len(x)} task(s); a slope and an error need three at least")
    value, residual = _regressed(x, h, float(everything.mean()))
    n, share = len(x), len(x) / len(everything)
    se = float(np.sqrt((residual**2).sum() / (n - 2) / n * (1 - share)))
    half = float(stats.t.ppf((1 + level) / 2, n - 2)) * se
    return Estimate(
        value=value, low=max(0.0, value - half), high=min(1.0, value + half), level=level, n=n,
        method=f"subset of {n} of {len(everything)} tasks, regressed on other recipes",
    )  # fmt: skip


def _regressed(x: Floats, h: Floats, target: float) -> tuple[float, Floats]:
    """Regression estimate at `target`, and the residuals."""
    centred = h - h.mean()
    spread = float((centred**2).sum())
    slope = float((centred * x).sum()) / spread if spread > 1e-15 else 0.0
    return float(x.mean() + slope * (target - h.mean())), x - x.mean() - slope * centred


def _promise(
    scores: Floats, strata: ArrayLike, size: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Error and rank correlation of such subsets, each recipe corrected by the others."""
    truth, recipes = scores.mean(axis=0), scores.shape[1]
    history = (scores.sum(axis=1, keepdims=True) - scores) / (recipes - 1)
    errors: dict[str, list[float]] = {"": [], "_plain": []}
    ranks: dict[str, list[float]] = {"": [], "_plain": []}
    for _ in range(_TRIES):
        part = stratified(strata, size, rng)
        plain = scores[part].mean(axis=0)
        better = np.array([
            _regressed(scores[part, k], history[part, k], float(history[:, k].mean()))[0]
            for k in range(recipes)
        ])  # fmt: skip
        for name, found in (("", better), ("_plain", plain)):
            errors[name].append(float(((found - truth) ** 2).mean()))
            ranks[name].append(float(stats.spearmanr(found, truth).statistic))
    return {
        **{f"rmse{name}": float(np.sqrt(np.mean(values))) for name, values in errors.items()},
        **{f"rank_correlation{name}": float(np.nanmean(v)) for name, v in ranks.items()},
    }
