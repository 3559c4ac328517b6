"""How many independent votes a committee of graders is worth.

Graders that err on the same criteria outvote people together: the error of their mean falls with
the number of graders only as far as their errors are not common. Who errs is known from labels.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from fusion_eval.stats.headroom import effective, mean_correlation
from fusion_eval.stats.labels import second_reading
from fusion_eval.stats.readings import UNIT, readings


def committee(
    verdicts: pd.DataFrame, labels: pd.DataFrame, level: float = 0.95
) -> dict[str, Any] | None:
    """The independent votes that the graders of a run are worth together.

    Parameters
    ----------
    verdicts, labels : see `frames.verdicts`, `frames.labels`
    level : of the intervals, jackknife over tasks

    Returns
    -------
    `graders` (J of them), `correlation` of their errors (how far a grader's value is from that of
    people, 0 to 1; mean over pairs, every label weighing what it stands for) with `correlation_low`
    and `correlation_high`; `votes` = J / (1 + (J - 1) correlation) with `votes_low`, `votes_high`:
    so many graders with errors of their own would be as precise. Passes of a grader are averaged.
    `n` tasks, `labels` that all of them read. None for one grader, or where nobody erred or a
    single task was labelled.

    References
    ----------
    Kish (1965), Survey Sampling, 5.4 (effective number under a common correlation).
    """
    read = readings(verdicts).drop(columns="weight", level=0)
    values = read.T.groupby(level=0).mean().T
    drawn = second_reading(labels).set_index(UNIT)
    errors = values.sub(drawn["value"], axis=0).abs().dropna()
    count = errors.shape[1]
    if count < 2 or errors.empty:
        return None
    weights = 1 / drawn["probability"].reindex(errors.index).astype(float)
    found = mean_correlation(errors, level, weights)
    if found is None:
        return None
    ends = {"": found.value, "_low": found.low, "_high": found.high}
    votes = {"": found.value, "_low": found.high, "_high": found.low}
    return {
        "graders": count,
        **{f"correlation{end}": value for end, value in ends.items()},
        **{f"votes{end}": effective(value, count) for end, value in votes.items()},
        "n": found.n,
        "labels": len(errors),
        "level": level,
        "method": f"Kish; {found.method}",
    }
