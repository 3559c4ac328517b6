"""Scores out of verdicts, for tables of a million rows: the sums of a rubric by counting codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import is_simulated, task_key

GRADING = ("recipe", "task", "repeat", "grader", "grader_pass")
_NEEDED = ("task", "recipe", "criterion", "weight", "value")


def graded(verdicts: pd.DataFrame) -> pd.DataFrame:
    """One row per graded answer: columns `GRADING`, and its `score` (0 to 1).

    Parameters
    ----------
    verdicts : DataFrame, one row per criterion, see `frames.verdicts`; needs `task`, `recipe`,
        `criterion`, `weight` and `value` (0 to 1, NaN where it was not read); `task_hash`,
        `repeat`, `grader` and `grader_pass` are optional

    Returns
    -------
    Score = sum of weight * value over the sum of positive weights, of what was read, cut to 0 to
    1 (DRACO's normalised score). NaN where no criterion of positive weight was read. `task` is the
    key by which tasks pair. Sums are as exact as 64-bit floats, whatever the weights' scale.

    Raises
    ------
    StatisticsError : a column is missing
    """
    return _summed(verdicts, GRADING)


def scores_of(verdicts: pd.DataFrame) -> pd.DataFrame:
    """One row per trial: `recipe`, `task`, `repeat` and `score`, the mean over graders and passes.

    Takes what `graded` takes; the result can go into every statistic that takes trials. Answers of
    which nothing was read have no row; `attrs["ungraded"]` counts them. Answers that failed have
    no verdicts: for scores as deployed take `frames.trials`.
    """
    each = graded(verdicts)
    known = each[each["score"].notna()]
    trials = known.groupby(["recipe", "task", "repeat"], sort=False)["score"].mean().reset_index()
    trials.attrs = {
        **verdicts.attrs, "simulated": is_simulated(verdicts), "ungraded": len(each) - len(known)
    }  # fmt: skip
    return trials


def _summed(verdicts: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    if absent := [name for name in _NEEDED if name not in verdicts]:
        raise StatisticsError(
            f"the table of verdicts has no column {', '.join(repr(name) for name in absent)}"
        )
    labels = {name: _column(verdicts, name) for name in keys}
    codes = np.zeros(len(verdicts), dtype=np.int64)
    names: list[tuple[str, pd.Index]] = []
    for name, column in labels.items():
        code, unique = pd.factorize(column)
        codes = codes * max(1, len(unique)) + code
        names.append((name, pd.Index(unique)))
    group, found = pd.factorize(codes)
    weight = verdicts["weight"].to_numpy(dtype=np.float64)
    value = verdicts["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    read = ~np.isnan(value)
    top = np.bincount(group, np.where(read, weight * np.nan_to_num(value), 0.0), len(found))
    base = np.bincount(group, np.where(read, np.maximum(weight, 0.0), 0.0), len(found))
    table = {}
    for name, unique in reversed(names):
        table[name] = unique[found % len(unique)]
        found = found // len(unique)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = np.clip(np.where(base > 0, top / base, np.nan), 0.0, 1.0)
    return pd.DataFrame({**{name: table[name] for name in keys}, "score": score})


def _column(verdicts: pd.DataFrame, name: str) -> pd.Series:
    if name == "task":
        return task_key(verdicts) if "task_hash" in verdicts else verdicts["task"].astype(str)
    if name not in verdicts:
        return pd.Series(0 if name in {"repeat", "grader_pass"} else "", index=verdicts.index)
    return verdicts[name]
