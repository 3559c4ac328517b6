"""What a study found: its contrasts as one family, and whether its hypothesis is confirmed.

The hypothesis and its rule come from the bench file and stand in the manifest of the run. Claims
about several recipes at once are decided by simultaneous intervals, so that a study as a whole is
wrong in at most 5 % of the worlds where its null holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, per_task, recipes, task_key
from fusion_eval.stats.clusters import clustered, mean_over
from fusion_eval.stats.common import canonical_order
from fusion_eval.stats.design import Labels, groups_of
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.evidence import by_flips, by_t
from fusion_eval.stats.means import Mean
from fusion_eval.stats.points import Bools
from fusion_eval.stats.results import FLIPS, LEAST_IN_PART

CONFIRMED, REFUTED, OPEN = "confirmed", "refuted", "not decided"
DESCRIPTIVE = "descriptive"
FEW_TASKS = 20
"""Below it a study describes: one unlike task in twenty would still be news."""
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`verdict` is confirmed, refuted or not decided; `rows` one mapping per contrast.

    On fewer than `FEW_TASKS` tasks it is descriptive in the place of the first two; `reading` then
    is what it would be, with the number of tasks.

    A row has contrast, claim, difference, se, low, high (0 to 1), p_adjusted, conclusion, n, and
    supports: True where the claim holds, False where it is contradicted, None else.
    """

    verdict: str
    rows: tuple[Mapping[str, Any], ...]
    reading: str = ""


def decide(
    trials: pd.DataFrame,
    study: Mapping[str, Any],
    *,
    level: float = 0.95,
    seed: int = 0,
    flips: int = FLIPS,
    missing: Missing = "as_deployed",
) -> Outcome:
    """Apply the rule of a study to the trials of a run.

    Parameters
    ----------
    trials : one row per (task, recipe, repeat), see `frames.trials`
    study : the section `study` of the bench file or the manifest: contrasts, rule, margin (points)
    level : joint coverage of the intervals of all contrasts

    Returns
    -------
    Outcome. Each contrast is a mean over tasks; its conclusion is `equivalent` when the interval
    lies inside the margin, `better` or `worse` when it excludes 0 and the adjusted p (step-down
    max-T by sign flips) is below 1 - level, else `undecided`. A claim of `better` is contradicted
    by `worse` and `equivalent`; one of `equivalent` only by an interval wholly outside the margin.

    Raises
    ------
    StatisticsError : a recipe of a contrast is not in the run, or fewer than two tasks

    References
    ----------
    Westfall & Young (1993); Berger (1982) for claims about all of several differences.
    """
    frame, claims = values_of(trials, study, missing)
    groups = groups_of(trials, frame.index, "new tasks")
    found = conclude(
        frame.to_numpy(dtype=np.float64), study["margin"], level, seed, flips,
        inside=[frame.attrs["inside"].get(name) for name in frame.columns], groups=groups,
    )  # fmt: skip
    rows = tuple(
        {"contrast": name, "claim": claim, **row, "supports": supports(claim, row, study["margin"])}
        for name, claim, row in zip(frame.columns, claims, found, strict=True)
    )
    held = [row["supports"] for row in rows if row["claim"]]
    word = verdict(held, study["rule"])
    n = min((row["n"] for row in rows if row["claim"]), default=len(frame))
    if word != OPEN and n < FEW_TASKS:
        return Outcome(verdict=DESCRIPTIVE, rows=rows, reading=f"{word} on {n} tasks")
    return Outcome(verdict=word, rows=rows, reading=word)


def values_of(
    trials: pd.DataFrame, study: Mapping[str, Any], missing: Missing = "as_deployed"
) -> tuple[pd.DataFrame, list[str | None]]:
    """The contrasts of a study, one row per task and one column each, and their claims."""
    named = dict(_contrasts(trials, study["contrasts"], missing))
    frame = pd.DataFrame({name: part.values for name, part in named.items()}).sort_index()
    if len(frame) < 2:
        raise StatisticsError("fewer than two tasks have all recipes of the study")
    order = canonical_order(frame.to_numpy(dtype=np.float64))
    frame = frame.iloc[order]
    frame.attrs["inside"] = {
        name: part.inside.reindex(frame.index).to_numpy()
        for name, part in named.items()
        if part.inside is not None
    }
    return frame, [part.claim for part in named.values()]


def conclude(
    values: Floats,
    margin: float,
    level: float = 0.95,
    seed: int = 0,
    flips: int = FLIPS,
    *,
    inside: Sequence[Bools | None] = (),
    groups: Labels | None = None,
) -> list[dict[str, Any]]:
    """Mean, simultaneous interval, adjusted p and conclusion of each contrast (a column).

    values : shape (n_tasks, n_contrasts), NaN for a missing task; inside : for a contrast between
    two groups of tasks (then a column holds influence values, see `_between`), which tasks are in
    the first; groups : the cluster of each task, where tasks share some. Without either, sign
    flips and max-T; else t, by Welch or by CR2, with Holm's p and Bonferroni's limits. A contrast
    of too few tasks (`results.LEAST_IN_PART`) is described: no limits and no p.
    """
    split = [*inside, *[None] * (values.shape[1] - len(inside))]
    if groups is None and not any(mask is not None for mask in split):
        found = by_flips(values[~np.isnan(values).all(axis=1)], level, seed, flips)
    else:
        means = [_mean(v, mask, groups) for v, mask in zip(values.T, split, strict=True)]
        found = by_t(means, level)
    rows = []
    for k, mean in enumerate(found.means):
        low, high = np.clip([found.low[k], found.high[k]], -2.0, 2.0).tolist()
        p, flat = float(found.adjusted[k]), mean.se == 0
        own = split[k]
        rows.append({
            "difference": mean.value, "se": mean.se, "low": low, "high": high,
            "p_adjusted": p, "conclusion": _word(low, high, p, margin / 100, 1 - level, flat),
            "n": mean.n if own is None else int((own & ~np.isnan(values[:, k])).sum()),
        })  # fmt: skip
    return rows


def _mean(values: Floats, inside: Bools | None, groups: Labels | None) -> Mean:
    """Mean of one contrast with the error of its design; no error where it may not be tested."""
    there = ~np.isnan(values)
    if inside is None:
        return mean_over(values, groups)
    x, first = values[there], inside[there].astype(bool)
    units = np.arange(len(x)) if groups is None else groups[there]
    counts = [len(set(units[part].tolist())) for part in (first, ~first)]
    gap = float(x.mean())
    if min(counts) < LEAST_IN_PART:
        return Mean(value=gap, se=math.nan, freedom=0, n=len(x), units=min(counts), how="described")
    if groups is not None:
        found = clustered(x, groups[there])
        return replace(found, freedom=min(found.freedom, min(counts) - 1.0), units=min(counts))
    parts = [_variance(x[part], gap, len(x)) for part in (first, ~first)]
    total = sum(part for part, _ in parts)
    # Satterthwaite's are many where the smaller part varies little by chance, and then it is too
    # sure (.08 to .10 with domains of five tasks): never more than those of equal variances
    equal = [(1 / size, size - 1.0) for size in (int(first.sum()), int((~first).sum()))]
    freedom = min(_satterthwaite(parts), _satterthwaite(equal))
    return Mean(
        value=gap, se=math.sqrt(total), freedom=freedom, n=len(x), units=min(counts),
        how=f"Welch's t, {freedom:.1f} df",
    )  # fmt: skip


def _satterthwaite(parts: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum of variances, each with its own."""
    below = sum(part**2 / freedom for part, freedom in parts)
    return sum(part for part, _ in parts) ** 2 / below if below > 0 else math.inf


def _variance(influence: Floats, gap: float, n: int) -> tuple[float, float]:
    """(variance of the mean of one group, its degrees of freedom), from its influence values."""
    size = len(influence)
    squares = float(((influence - gap) ** 2).sum()) * (size / n) ** 2
    return squares / (size - 1) / size, size - 1.0


def _word(low: float, high: float, p: float, margin: float, alpha: float, flat: bool) -> str:
    if -margin < low and high < margin and not flat:
        return "equivalent"
    if low > 0 and p < alpha:
        return "better"
    return "worse" if high < 0 and p < alpha else "undecided"


def supports(claim: str | None, row: Mapping[str, Any], margin: float) -> bool | None:
    """Whether a contrast supports its claim (True), contradicts it (False) or neither (None)."""
    if claim is None or row["conclusion"] == "undecided":
        return None
    if row["conclusion"] == claim:
        return True
    if claim == "equivalent":
        outside = row["low"] > margin / 100 or row["high"] < -margin / 100
        return False if outside else None
    return False


def verdict(found: Sequence[bool | None], rule: str) -> str:
    """`all`: every claim must hold and one contradiction refutes; `any`: the other way round."""
    hold, fail = (all, any) if rule == "all" else (any, all)
    if hold(each is True for each in found):
        return CONFIRMED
    return REFUTED if fail(each is False for each in found) else OPEN


@dataclass(frozen=True, slots=True, eq=False)
class _Contrast:
    """A claim, a value per task, and for a contrast between two groups who is in the first."""

    claim: str | None
    values: pd.Series
    inside: pd.Series | None = None


def _contrasts(
    trials: pd.DataFrame, contrasts: Mapping[str, Mapping[str, Any]], missing: Missing
) -> Iterator[tuple[str, _Contrast]]:
    """Every contrast under its name; `by: domain` gives one per domain."""
    there, wide = set(recipes(trials)), per_task(trials, "score", missing)
    for name, contrast in contrasts.items():
        needed = [*contrast["plus"], *contrast["minus"], contrast.get("measured_on")]
        if lacking := sorted({r for r in needed if r is not None and r not in there}):
            raise StatisticsError(
                f"contrast {name!r} needs {', '.join(lacking)}, which did not run; run the study "
                "without --recipes"
            )
        claim, by = contrast.get("claim"), contrast.get("by")
        if by is None:
            yield name, _Contrast(claim, difference(wide, contrast))
        elif by == "difficulty":
            yield name, _Contrast(claim, *by_difficulty(trials, contrast, missing))
        else:
            for domain, values, inside in by_domain(trials, difference(wide, contrast)):
                yield f"{name}: {domain}", _Contrast(claim, values, inside)


def difference(wide: pd.DataFrame, contrast: Mapping[str, Any]) -> pd.Series:
    """Mean over the plus recipes less mean over the minus recipes, per task that has them all."""
    plus, minus = (
        wide[list(contrast[side])].mean(axis=1, skipna=False) for side in ("plus", "minus")
    )
    found: pd.Series = (plus - minus).dropna()
    return found


def by_difficulty(
    trials: pd.DataFrame, contrast: Mapping[str, Any], missing: Missing
) -> tuple[pd.Series, pd.Series]:
    """The difference on the harder half of the tasks less that on the easier half, per task.

    Which half a task is in follows from the first repeat of `measured_on`, the difference from all
    other repeats: measured on the same draws, a bad draw would look like a hard task that fusion
    rescues (regression to the mean). Also returned: which tasks are the harder half. Raises
    StatisticsError with one repeat only.
    """
    first = trials["repeat"] == trials["repeat"].min()
    if first.all():
        raise StatisticsError(
            "difficulty must be measured on draws of its own; run with --repeats 2 or more"
        )
    ease = per_task(trials[first], "score", missing)[contrast["measured_on"]]
    values = difference(per_task(trials[~first], "score", missing), contrast)
    ease = ease.reindex(values.index).dropna()
    ranks = ease.rank(method="first")
    harder = ranks <= len(ranks) / 2
    return _between(values.reindex(ease.index), harder), harder


def by_domain(
    trials: pd.DataFrame, values: pd.Series
) -> Iterator[tuple[str, pd.Series, pd.Series]]:
    """For each domain of two tasks or more, the difference there less that on all other tasks,
    and which tasks are of that domain."""
    known = trials.assign(key=task_key(trials)).drop_duplicates("key").set_index("key")["domain"]
    domains = known.reindex(values.index).fillna("").astype(str)
    for domain in sorted(set(domains) - {""}):
        inside = domains == domain
        if 2 <= inside.sum() <= len(inside) - 2:
            yield domain, _between(values, inside), inside


def _between(values: pd.Series, inside: pd.Series) -> pd.Series:
    """A value per task whose mean is mean(inside) - mean(outside), with the error of that.

    Influence values: each task stands for its distance from its own group's mean, weighted by the
    size of the group, so that their variance over n is Welch's.
    """
    n, size = len(values), int(inside.sum())
    means = values.groupby(inside).transform("mean")
    gap = values[inside].mean() - values[~inside].mean()
    weight = inside.map({True: n / max(size, 1), False: -n / max(n - size, 1)})
    found: pd.Series = gap + weight * (values - means)
    return found


def promised_power(
    pilot: Floats,
    claims: Sequence[str | None],
    rule: str,
    margin: float,
    n: int,
    effect: Sequence[float],
    *,
    seed: int = 0,
) -> float:
    """Probability that a study of n tasks is confirmed if its contrasts are truly `effect`.

    Parameters
    ----------
    pilot : shape (tasks, contrasts), values per task of earlier runs; only their covariance counts
    claims, rule, margin : of the study; a claim for each contrast or None, margin in points
    n : tasks of the study to come
    effect : true mean of each contrast (0 to 1)

    Returns
    -------
    Share of 4,000 samples of n tasks from a normal distribution with the pilot's covariance in
    which the rule says confirmed. The critical value is that of max |t| in such samples.
    """
    rng, draws = np.random.default_rng(seed), 4_000
    cov = np.atleast_2d(np.cov(pilot, rowvar=False))
    noise = rng.multivariate_normal(np.zeros(len(cov)), cov, size=(draws, n), method="svd")
    mean = noise.mean(axis=1)
    se = np.maximum(noise.std(axis=1, ddof=1) / np.sqrt(n), _EQUAL)
    critical = float(np.quantile(np.abs(mean / se).max(axis=1), 0.95))
    low, high = (mean + np.asarray(effect) + sign * critical * se for sign in (-1, 1))
    inside = (low > -margin / 100) & (high < margin / 100)
    word = {"better": (low > 0) & ~inside, "worse": (high < 0) & ~inside, "equivalent": inside}
    held = [word[claim][:, k] for k, claim in enumerate(claims) if claim is not None]
    return float((np.all if rule == "all" else np.any)(np.array(held), axis=0).mean())
