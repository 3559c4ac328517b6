"""What every table of results has: its columns, what its trials say of themselves, known names."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from fusion_eval.core import Estimate
from fusion_eval.errors import StatisticsError, did_you_mean
from fusion_eval.frames import is_simulated

LEAST_IN_PART = 5
"""Tasks (or clusters) of a part, and beside it, below which it is described and not tested: two
tasks have one degree of freedom, and a spread that is small by chance calls anything different."""
LEAST_TASKS = 8
"""Common tasks (or clusters of tasks) below which nothing is recommended and nobody has a place.

Five say nothing of a choice: a lead on each of them has a two-sided p of 2/2^5 = .06. Resamples of
fewer than eight repeat one task so often that what is studentised by them is erratic.
"""
FEW_TASKS = 15
"""Below it results are a description: intervals hold on average, and rare tasks are not seen."""
FLIPS = 9_999
"""Random sign patterns, where there are too many to count all."""


def result(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], trials: pd.DataFrame, **attrs: Any
) -> pd.DataFrame:
    """Rows as a table with the `attrs` of the trials that they are about, and some of its own."""
    table = pd.DataFrame(list(rows), columns=list(columns))
    told: dict[Hashable | None, Any] = dict(trials.attrs)
    table.attrs = told | {"simulated": is_simulated(trials)} | dict(attrs.items())
    return table


def mark_simulated(table: pd.DataFrame) -> pd.DataFrame:
    """The same with SIMULATED in front of each caveat, where the numbers are that."""
    if table.attrs["simulated"]:
        table["caveat"] = [f"SIMULATED; {t}" if t else "SIMULATED" for t in table["caveat"]]
    return table


def known_or_none(column: pd.Series) -> pd.Series:
    """A column of True, False and None, whatever pandas made of them."""
    values = column.astype(object)
    return values.where(values.notna(), None)


def refuse_unknown(names: Iterable[str | None], there: Collection[str]) -> None:
    """Raise StatisticsError for recipes that are not there, with what is; None is no name."""
    unknown = [name for name in dict.fromkeys(names) if name is not None and name not in there]
    if unknown:
        named = ", ".join(repr(name) for name in unknown)
        raise StatisticsError(f"no recipe {named}; {did_you_mean(unknown[0], there, 'there are')}")


def row_of(found: Estimate) -> dict[str, Any]:
    """`value`, `low`, `high`, `level`, `n` and `method` of an estimate."""
    return asdict(found)
