"""Scores out of tables of verdicts, a million rows at once: `scoring` for data frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion_eval.core.rubric import POLICIES, Policy
from fusion_eval.core.sums import Floats, Sums, cut_scores, raw_scores

GRADING = ("recipe", "task", "repeat", "grader", "grader_pass")
SCORES = ("score", "score_raw", "score_min", "score_max", "coverage", "positive")


def score_table(
    verdicts: pd.DataFrame, policies: str | pd.Series, by: Sequence[str] = GRADING
) -> pd.DataFrame:
    """One row per grading, in order of appearance: the columns `by` and `SCORES`.

    Parameters
    ----------
    verdicts : DataFrame, one row per criterion, with the columns `by`, `weight` and `value` (0 to
        1, NaN where it was not read), and `section` and `reference_value` where a policy needs
        them; a row without weight is left out
    policies : the name of the score policy (`core.POLICIES`), of all rows or of each
    by : what makes one grading; with `section` each section is scored alone

    Returns
    -------
    `score` and the others are those of `core.scoring.score`: `score` and `score_raw` NaN where it
    says None, `coverage` the share of criteria that were read; `positive` the sum of the positive
    weights, read or not.
    """
    weighed = verdicts["weight"].notna().to_numpy()
    rows = verdicts[weighed]
    if isinstance(policies, str):
        code, names = np.zeros(len(rows), dtype=np.intp), pd.Index([policies])
    else:
        code, names = pd.factorize(policies[weighed].astype(str))
    group, table = _groups(rows, by)
    first = np.unique(group, return_index=True)[1]
    cells = _cells(rows)
    found = np.full((len(table), len(SCORES)), np.nan)
    for k, name in enumerate(names):
        inside = code == k
        mine = code[first] == k
        place = np.cumsum(mine) - 1  # the number of each grading among those of this policy
        found[mine] = _scores(POLICIES[str(name)], cells.of(inside), place[group[inside]])
    return table.assign(**dict(zip(SCORES, found.T, strict=True)))


def mean_scores(gradings: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The mean over gradings, as `core.scoring.mean_score`; index `by`, columns `SCORES`."""
    means = gradings.groupby(list(by), sort=False)[list(SCORES)].mean()
    means["score"] = means["score"].clip(means["score_min"], means["score_max"])
    return means


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cells:
    """What verdicts say, each of shape (n_verdicts,); NaN: not read. `section`: its number."""

    weight: Floats
    value: Floats
    reference: Floats
    section: NDArray[np.intp]

    def of(self, rows: NDArray[np.bool_]) -> _Cells:
        """Some of them."""
        return _Cells(
            weight=self.weight[rows], value=self.value[rows],
            reference=self.reference[rows], section=self.section[rows],
        )  # fmt: skip

    def filled(self, best: bool) -> _Cells:
        """With what was not read at its best, or worst, for the answer."""
        good = ((self.weight > 0) == best).astype(np.float64)
        return _Cells(
            weight=self.weight,
            value=np.where(np.isnan(self.value), good, self.value),
            reference=np.where(np.isnan(self.reference), 1.0 - good, self.reference),
            section=self.section,
        )


def _cells(rows: pd.DataFrame) -> _Cells:
    empty = np.full(len(rows), np.nan)
    section = rows["section"].astype("string").fillna("") if "section" in rows else None
    return _Cells(
        weight=rows["weight"].to_numpy(dtype=np.float64),
        value=rows["value"].to_numpy(dtype=np.float64, na_value=np.nan),
        reference=rows["reference_value"].to_numpy(dtype=np.float64, na_value=np.nan)
        if "reference_value" in rows else empty,
        section=np.zeros(len(rows), np.intp) if section is None else pd.factorize(section)[0],
    )  # fmt: skip


def _groups(rows: pd.DataFrame, by: Sequence[str]) -> tuple[NDArray[np.intp], pd.DataFrame]:
    """(number of its grading for each row, the columns `by` of each grading); codes, not tuples,
    because grouping a million rows by text is slow."""
    codes = np.zeros(len(rows), dtype=np.int64)
    for name in by:
        code, unique = pd.factorize(rows[name], use_na_sentinel=False)
        codes = pd.factorize(codes * max(1, len(unique)) + code)[0]
    first = np.unique(codes, return_index=True)[1]
    return codes, rows[list(by)].iloc[first].reset_index(drop=True)


def _scores(policy: Policy, cells: _Cells, group: NDArray[np.intp]) -> Floats:
    """The columns `SCORES` of each grading, shape (n_gradings, 6)."""
    read = ~np.isnan(cells.value)
    if policy.numerator == "share":
        read &= ~np.isnan(cells.reference)
    count = np.bincount(group)
    n = len(count)
    coverage = np.bincount(group, read, n) / count
    errors = np.bincount(group, cells.weight < 0, n) == count
    some = np.bincount(group, read & (cells.weight > 0), n) > 0
    raw, value = _formula(policy, cells.of(read), group[read], n)
    countable = (coverage > 0) & (some | errors)
    raw, value = np.where(countable, raw, np.nan), np.where(countable, value, np.nan)
    low, high = (_formula(policy, cells.filled(end), group, n)[1] for end in (False, True))
    whole = (coverage == 1) & ~np.isnan(value)
    low, high = np.where(whole, value, low), np.where(whole, value, high)
    open_ = np.isnan(low) | np.isnan(high)
    raw, value = np.where(open_, np.nan, raw), np.where(open_, np.nan, value)
    low, high = np.where(open_, 0.0, low), np.where(open_, 1.0, high)
    positive = _summed(group, np.maximum(cells.weight, 0.0), n)
    return np.column_stack([np.clip(value, low, high), raw, low, high, coverage, positive])


def _formula(
    policy: Policy, cells: _Cells, group: NDArray[np.intp], n: int
) -> tuple[Floats, Floats]:
    """(raw, cut) score of each of n gradings, by the verdicts that are given."""
    points = cells.weight * cells.value
    sums = Sums(
        total=_summed(group, points, n),
        reference=_summed(group, cells.weight * np.nan_to_num(cells.reference), n),
        positive=_summed(group, np.maximum(cells.weight, 0.0), n),
        negative=_summed(group, np.minimum(cells.weight, 0.0), n),
    )
    raw = raw_scores(policy, sums)
    if policy.clip != "section":
        return raw, cut_scores(policy, raw)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_section = _sections(cells, points, group, n) / sums.positive
    return raw, cut_scores(policy, np.where(sums.positive > 0, by_section, raw))


def _sections(cells: _Cells, points: Floats, group: NDArray[np.intp], n: int) -> Floats:
    """The sum over sections: 0 to a section's positive weight, or what its errors cost if none."""
    part, pairs = pd.factorize(group * (int(cells.section.max(initial=0)) + 1) + cells.section)
    total = _summed(part, points, len(pairs))
    earns = np.bincount(part, cells.weight > 0, len(pairs)) > 0
    home = pairs // (int(cells.section.max(initial=0)) + 1)
    return _summed(home, np.where(earns, np.maximum(total, 0.0), total), n)


def _summed(group: NDArray[np.intp], values: NDArray[Any], n: int) -> Floats:
    return np.bincount(group, values, n).astype(np.float64, copy=False)
