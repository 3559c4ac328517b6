"""What human labels say: how often the grader errs, and what the scores would be without it.

Labels were drawn with known probabilities, so each stands for 1 / probability verdicts. Scores and
differences are corrected by `stats.difference`; below `ENOUGH` labels a correction would be noise,
and there is only the table of how people and grader agree.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval import frames
from fusion_eval.core import Estimate
from fusion_eval.errors import TooFewTasksError
from fusion_eval.stats.agreement import signs
from fusion_eval.stats.difference import anchored, two_readings, within
from fusion_eval.stats.estimates import mean_score
from fusion_eval.stats.jackknife import proportion
from fusion_eval.stats.readings import TASK, UNIT, First, first_reading

ENOUGH = 100
"""Labels of one recipe below which its score is not corrected."""


def error_rates(
    trials: pd.DataFrame, verdicts: pd.DataFrame, labels: pd.DataFrame, level: float = 0.95
) -> pd.DataFrame:
    """Sensitivity, specificity and agreement of the grader against people, by sign of the weight.

    Parameters
    ----------
    trials, verdicts, labels : see `frames`; graders and passes, and people, are averaged

    Returns
    -------
    DataFrame, one row per sign and measure: `sensitivity` P(grader says met | people do),
    `specificity` P(unmet | unmet), `agreement`, and `constant`, what a grader would reach that
    always says what is more frequent. `value, low, high` (jackknife over tasks; estimates for all
    criteria, not only those drawn), `n` tasks, `labels`. `value` is NaN where nothing can be said.
    """
    read = _joined(first_reading(trials, verdicts), second_reading(labels))
    rows = []
    for sign, part in signs(read):
        truth, said = part["human"] >= 0.5, part["value"]
        right = said.where(truth, 1 - said)
        everyone = pd.Series(True, index=part.index)
        usual = truth.to_numpy() == (np.average(truth, weights=part["stands_for"]) >= 0.5)
        for measure, share, of in (
            ("sensitivity", right, truth),
            ("specificity", right, ~truth),
            ("agreement", right, everyone),
            ("constant", pd.Series(usual, index=part.index), everyone),
        ):
            found = _rate(part, share, of, level)
            ends = dict(zip(("value", "low", "high"), _ends_of(found), strict=True))
            counts = {"n": found.n if found else 0, "labels": int(of.sum())}
            rows.append({"sign": sign, "measure": measure, **ends, **counts})
    table = pd.DataFrame(rows, columns=["sign", "measure", "value", "low", "high", "n", "labels"])
    table.attrs = {**trials.attrs, "simulated": frames.is_simulated(trials)}
    return table


def _rate(part: pd.DataFrame, share: pd.Series, of: pd.Series, level: float) -> Estimate | None:
    weight = part["stands_for"].where(of, 0.0)
    tasks = part[TASK]
    good = (weight * share).groupby(tasks).sum().to_numpy(float)
    whole = weight.groupby(tasks).sum().to_numpy(float)
    return proportion(good, whole, level)


def _joined(first: First, second: pd.DataFrame) -> pd.DataFrame:
    """Labels that people gave on verdicts that the grader gave, with both."""
    told = first.units[["weight", "value"]].reset_index()
    read = second.rename(columns={"value": "human"}).merge(told, how="left", on=UNIT)
    read["stands_for"] = 1 / read["probability"]
    return read[read["human"].notna() & read["value"].notna()]


def second_reading(labels: pd.DataFrame) -> pd.DataFrame:
    """One row per verdict that was drawn: UNIT, `probability`, and `value`, mean over people."""
    plain = labels.assign(
        **{TASK: frames.task_key(labels)},
        recipe=labels["recipe"].astype(str),
        repeat=labels["repeat"].astype(int),
        criterion=labels["criterion"].astype(str),
        value=labels["value"].astype(float),
    )
    each = plain.groupby(UNIT, sort=False)
    return each.agg(probability=("probability", "first"), value=("value", "mean")).reset_index()


def corrected_scores(
    trials: pd.DataFrame,
    verdicts: pd.DataFrame,
    labels: pd.DataFrame,
    level: float = 0.95,
    *,
    tasks: Collection[str] | None = None,
) -> pd.DataFrame:
    """The scores that people would have given, beside those of the grader.

    Parameters
    ----------
    trials, verdicts, labels : see `frames`
    tasks : hashes of the tasks of the draw; those of `labels` unless given

    Returns
    -------
    DataFrame, one row per recipe with labels: `score` with `score_low`, `score_high` (the grader's,
    as deployed), `corrected` with `corrected_low`, `corrected_high`, `n` (tasks wholly labelled),
    `labels`, `method`, and `note`, which says why `corrected` is NaN (below `ENOUGH` labels or two
    tasks).
    """
    second = second_reading(labels)
    both, counts = two_readings(trials, verdicts, second, tasks=tasks), _counts(second)
    reported = frames.per_task(trials) if "score" in trials else pd.DataFrame()
    rows = []
    for recipe in both.first.columns:
        said = _by_grader(reported.get(recipe, both.first[recipe]), level)
        row = {"recipe": recipe, "labels": counts.get(recipe, 0), **_cells(said, "score")}
        gap = None if both.gap is None else both.gap[recipe]
        found = _tried(both.first[recipe], both.correction[recipe], level, gap)
        found = within(found) if found and both.cuts else found
        rows.append(row | _corrected(found, counts.get(recipe, 0)))
    return _table(rows, labels, ["recipe", "labels", *_ends("score"), *_RESULT])


def corrected_differences(
    trials: pd.DataFrame,
    verdicts: pd.DataFrame,
    labels: pd.DataFrame,
    level: float = 0.95,
    *,
    tasks: Collection[str] | None = None,
) -> pd.DataFrame:
    """The paired differences that people would have found, for all pairs of labelled recipes.

    As `corrected_scores`, with `a`, `b`, `difference` (a - b, by the grader, with `difference_low`
    and `difference_high`), and `favour`, `favour_low`, `favour_high`: how much the grader prefers a
    to b beyond what people do. Intervals hold for all pairs at once (Bonferroni).
    """
    second = second_reading(labels)
    both, counts = two_readings(trials, verdicts, second, tasks=tasks), _counts(second)
    pairs = list(combinations(both.first.columns, 2))
    rows = []
    for a, b in pairs:
        joint = 1 - (1 - level) / len(pairs)
        first, correction = both.first[a] - both.first[b], both.correction[a] - both.correction[b]
        fewer = min(counts.get(a, 0), counts.get(b, 0))
        row: dict[str, Any] = {"a": a, "b": b, "labels": fewer}
        row |= _cells(_tried(first, 0 * first, joint), "difference")
        gap = None if both.gap is None else both.gap[a] - both.gap[b]
        row |= _corrected(_tried(first, correction, joint, gap), fewer)
        known = row["corrected"] == row["corrected"]
        row |= _cells(_tried(0 * first, -correction, joint) if known else None, "favour")
        rows.append(row)
    columns = ["a", "b", "labels", *_ends("difference"), *_RESULT, *_ends("favour")]
    return _table(rows, labels, columns)


def _ends(name: str) -> list[str]:
    return [name, f"{name}_low", f"{name}_high"]


_RESULT = [*_ends("corrected"), "n", "method", "note"]


def _by_grader(scores: pd.Series, level: float) -> Estimate | None:
    known = scores.dropna()
    if len(known) and known.between(0, 1).all():
        return mean_score(known, level)
    return _tried(known, 0 * known, level)  # a policy that does not cut to 0 to 1


def _tried(
    first: pd.Series, correction: pd.Series, level: float, gap: pd.Series | None = None
) -> Estimate | None:
    drawn = None if gap is None else gap.to_numpy(float)
    try:
        return anchored(first.to_numpy(float), correction.to_numpy(float), level, gap=drawn)
    except TooFewTasksError:
        return None


def _corrected(found: Estimate | None, labels: int) -> dict[str, Any]:
    few = labels < ENOUGH
    if few or found is None:
        note = "fewer than two tasks are wholly labelled"
        if few:
            note = f"{labels} labels; a correction needs {ENOUGH} of each recipe"
        return {**_cells(None, "corrected"), "n": 0, "method": "", "note": note}
    more = {"n": found.n, "method": found.method, "note": ""}
    return {**_cells(found, "corrected"), **more}


def _cells(found: Estimate | None, name: str) -> dict[str, Any]:
    return dict(zip(_ends(name), _ends_of(found), strict=True))


def _ends_of(found: Estimate | None) -> tuple[float, float, float]:
    return (found.value, found.low, found.high) if found else (np.nan, np.nan, np.nan)


def _counts(second: pd.DataFrame) -> dict[str, int]:
    """Recipe -> verdicts that somebody labelled."""
    told = second.dropna(subset=["value"])["recipe"].value_counts()
    return {str(name): int(count) for name, count in told.items()}


def _table(rows: list[dict[str, Any]], labels: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=columns)
    table.attrs = {**labels.attrs}
    return table
