"""Tables with one score a row: taken as they are, averaged over gradings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusion_eval.importing.criteria import Criteria
from fusion_eval.importing.problems import Problems
from fusion_eval.importing.trials import (
    GRADING,
    TRIAL,
    Rows,
    check_doubled,
    complete_keys,
    trial_rows,
    whole_trial,
)
from fusion_eval.importing.values import scores

_ROUNDING = 1e-9


def trials_from_scores(
    table: pd.DataFrame, rubric: Criteria, scale: tuple[float, float], problems: Problems
) -> Rows:
    """Rows for trials; no verdicts. A failed trial has no score, whatever the table says."""
    whole = complete_keys(table, problems)
    keys = [*TRIAL, *GRADING, *(["criterion"] if "criterion" in whole else [])]
    check_doubled(whole, keys, problems)
    values = _scores(whole, scale, problems)
    if whole.duplicated(TRIAL).any() and not whole.duplicated(TRIAL).all():
        problems.raise_if_any()  # rows of two trials that look like one contradict each other
    facts = whole_trial(whole, problems)
    problems.raise_if_any()
    if len(facts) < len(values):
        means = values.groupby([whole[name] for name in TRIAL], sort=False).mean()
        values = means.reindex(facts.index)
    rows = trial_rows(facts, rubric)
    score = pd.Series(values.to_numpy(), index=rows.index).mask(rows["failure"].notna())
    for name in ("score", "score_raw", "score_min", "score_max"):
        rows[name] = score
    rows["coverage"] = score.notna().astype(float).replace(0.0, np.nan)
    return Rows(rows)


def _scores(table: pd.DataFrame, scale: tuple[float, float], problems: Problems) -> pd.Series:
    text = table["score"]
    found = scores(text, scale)
    bad = ((text.str.strip() != "") & ~np.isfinite(found)).to_numpy()
    whats = [f"score {cell!r}" for cell in text[bad]]
    way_out = "give a number (with a point), 85%, true/false, pass/fail or C/I/P/N, or nothing"
    problems.add_rows(table.index[bad], whats, way_out)
    _outside(text, found, scale, problems)
    return found.clip(lower=0.0, upper=1.0)


def _outside(
    text: pd.Series, found: pd.Series, scale: tuple[float, float], problems: Problems
) -> None:
    """One message for all scores above the scale, and one for those below it."""
    ends = (
        (found > 1 + _ROUNDING, "above", scale[1],
         "scores in points need --scale 100" if scale == (0.0, 1.0) else "check --scale"),
        (found < -_ROUNDING, "below", scale[0],
         "if it marks a missing score give --missing TEXT, if it is the scale --scale LOW..HIGH"),
    )  # fmt: skip
    for outside, word, end, way_out in ends:
        places = text.index[outside.to_numpy()]
        if len(places):
            first = text[outside.to_numpy()].iloc[0]
            more = f", as in {len(places) - 1} more" if len(places) > 1 else ""
            problems.add(places[0], f"score {first} is {word} {end:g}{more}", way_out)
