"""What people write into cells: scores, scales, failures, switches."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import pandas as pd

from fusion_eval.errors import TableError

SCORES: dict[str, float] = {
    **dict.fromkeys(("true", "pass", "passed", "correct", "yes", "win", "resolved"), 1.0),
    **dict.fromkeys(("false", "fail", "failed", "incorrect", "no", "loss", "lose"), 0.0),
    **dict.fromkeys(("partial", "tie", "draw"), 0.5),
}
"""Words that are scores whatever the scale is, in any case."""
LETTERS: dict[str, float] = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Inspect's: correct, incorrect, partial, no answer."""
NO_FAILURE = frozenset({"", "false", "0", "0.0", "none", "null", "nan", "na", "n/a", "no", "ok"})
"""Spellings of `failure` that say that there was none."""
_FAILED = frozenset({"true", "1", "1.0", "yes"})


NOTHING = frozenset({"nan", "na", "n/a", "#n/a", "<na>", "null", "none", "nil"})
"""Spellings of a cell in which there is nothing, in small letters."""
VERDICTS: dict[str, float] = {
    **dict.fromkeys(
        ("1", "1.0", "met", "true", "yes", "pass", "passed", "correct", "satisfied"), 1.0
    ),
    **dict.fromkeys(("0", "0.0", "unmet", "false", "no", "fail", "failed", "incorrect"), 0.0),
    **dict.fromkeys(("not met", "not_met", "unsatisfied", "not satisfied"), 0.0),
    **dict.fromkeys(("partial", "partially met", "partially_met"), 0.5),
}
"""How far a criterion is met, by the word for it, in small letters."""


def scale_of(text: float | str) -> tuple[float, float]:
    """Lowest and full score: `100` is 0 to 100, `1..10` is 1 to 10. Raises TableError."""
    low, dots, high = str(text).partition("..")
    try:
        ends = (float(low), float(high)) if dots else (0.0, float(low))
    except ValueError:
        ends = (math.nan, math.nan)
    if not (ends[0] < ends[1] and all(math.isfinite(end) for end in ends)):
        raise TableError(f"--scale {text}: give a full score (1 or 100), or both ends: 1..10")
    return ends


def scores(text: pd.Series, scale: tuple[float, float]) -> pd.Series:
    """Cells as scores of 0 to 1 (not cut), NaN for empty ones and for what is none."""
    low, high = scale
    trimmed = text.str.strip()
    numbers = (pd.to_numeric(trimmed, errors="coerce") - low) / (high - low)
    share = trimmed.where(trimmed.str.endswith("%", na=False)).str.rstrip("% ")
    numbers = numbers.astype(float).fillna(pd.to_numeric(share, errors="coerce") / 100)
    words = trimmed.str.lower().map(SCORES).fillna(trimmed.map(LETTERS))
    return numbers.fillna(words.astype(float))


def failures(text: pd.Series) -> pd.Series:
    """A word for each answer that failed, None elsewhere; long messages become `error`."""
    trimmed = text.str.strip()
    low = trimmed.str.lower()
    word = trimmed.mask(low.isin(_FAILED), "failed").mask(trimmed.str.len() > _WORD, "error")
    return word.astype(object).where(~low.isin(NO_FAILURE), None)


_WORD = 40


def numbers(text: pd.Series) -> pd.Series:
    """Cells as numbers, NaN where empty or none; a dollar sign in front is none of the number."""
    bare = text.str.strip().str.removeprefix("$")
    found: pd.Series = pd.to_numeric(bare, errors="coerce").astype(np.float64)
    return found


def without_marks(text: pd.Series, marks: Collection[str] = ()) -> pd.Series:
    """Cells, empty where they say in a word that there is nothing, or have one of `marks`."""
    trimmed = text.str.strip()
    return text.mask(trimmed.isin(list(marks)) | trimmed.str.lower().isin(NOTHING), "")
