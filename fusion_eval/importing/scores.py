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
    trial_row,
    whole_trial,
)


def trials_from_scores(
    table: pd.DataFrame, rubric: Criteria, file: str, scale: float, problems: Problems
) -> Rows:
    """Rows for trials; no verdicts. A failed trial has no score, whatever the table says."""
    whole = complete_keys(table, file, problems)
    check_doubled(whole, [*TRIAL, *GRADING], file, problems)
    scores = _scores(whole, file, scale, problems)
    trials = whole_trial(whole, file, problems)
    problems.raise_if_any()
    means = scores.groupby([whole[name] for name in TRIAL], sort=False).mean()
    rows = Rows()
    for key, trial in zip(trials.index, trials.itertuples(index=False), strict=True):
        row = trial_row(key, trial, rubric)
        score = float(means.loc[key])
        if row["failure"] is None and not np.isnan(score):
            row |= {"score": score, "score_raw": score, "score_min": score, "score_max": score}
            row |= {"coverage": 1.0}
        rows.trials.append(row)
    return rows


def _scores(table: pd.DataFrame, file: str, scale: float, problems: Problems) -> pd.Series:
    if not (0 < scale < np.inf):
        problems.add("--scale", f"{scale:g}", "give what a full score is: 1 or 100")
        return pd.Series(np.nan, index=table.index)
    text = table["score"].str.lower().replace({"true": "1", "false": "0"})
    found = pd.to_numeric(text, errors="coerce")
    bad = (text != "") & ~((found >= 0) & (found < np.inf))
    whats = [f"score {cell!r}" for cell in table.loc[bad, "score"]]
    problems.add_rows(file, table.index[bad], whats, "give a number from 0, or leave it empty")
    high = found.index[found > scale * (1 + 1e-9)]
    if len(high):
        way_out = "scores in points need --scale 100" if scale == 1 else "check --scale"
        problems.add(
            f"{file}:{high[0]}",
            f"score {found[high[0]]:g} is above {scale:g}"
            + (f", as in {len(high) - 1} more" if len(high) > 1 else ""),
            way_out,
        )
    return (found / scale).clip(upper=1.0)
