"""What is known of whole answers, from a file of its own: how they ended, what they cost."""

from __future__ import annotations

import pandas as pd

from fusion_eval.importing.problems import Problems
from fusion_eval.importing.trials import LISTED, TRIAL


def with_answers(
    table: pd.DataFrame, answers: pd.DataFrame, file: str, other: str, problems: Problems
) -> pd.DataFrame:
    """The table of gradings, each row with the facts of its answer.

    An answer that only `answers` has gets a row without grading, marked in the column LISTED: it
    was given (or failed), and nothing says how good it was. Raises TableError for answers that
    cannot be told apart, and for a fact that both files claim to know.
    """
    if absent := [name for name in ("recipe", "task") if name not in answers]:
        problems.add(other, f"no column {', '.join(absent)}", "name the recipe and the task")
    if both := [str(name) for name in answers if name in table and name not in TRIAL]:
        way_out = f"take it out of {other} or of {file}"
        problems.add(other, f"{', '.join(both)} stands in {file} too", way_out)
    problems.raise_if_any()
    keys = [name for name in TRIAL if name in answers]
    left, right = (_keyed(frame, keys) for frame in (table, answers))
    double = right.index[right.duplicated(keys)]
    whats = ["the same recipe, task and repeat for the second time"] * len(double)
    problems.add_rows(double, whats, "remove one, or tell them apart by repeat")
    problems.raise_if_any()
    joined = left.reset_index(names="line").merge(right, on=keys, how="left").set_index("line")
    seen = pd.MultiIndex.from_frame(left[keys])
    alone = right[~pd.MultiIndex.from_frame(right[keys]).isin(seen)]
    both_kinds = pd.concat([joined.assign(**{LISTED: False}), alone.assign(**{LISTED: True})])
    filled = both_kinds.drop(columns=LISTED).fillna("")
    return filled.assign(**{LISTED: both_kinds[LISTED].astype(bool)})


def _keyed(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """With a repeat for every row where repeats tell answers apart; the first is 0."""
    if "repeat" not in keys:
        return frame
    repeat = frame["repeat"] if "repeat" in frame else pd.Series("0", index=frame.index)
    return frame.assign(repeat=repeat.where(repeat != "", "0"))
