"""What is odd in what was imported: costs that are none, rows that stand twice, mixed origins.

Each finding is a `kind`, a sentence for people, and what it is about; `summary.json` has them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from fusion_eval.errors import TableError
from fusion_eval.importing.doors import Read

Finding = dict[str, Any]
Costs = Literal["checked", "free"]
_SHOWN = 3


def settled_costs(
    trials: pd.DataFrame, costs: Costs = "checked", at_most: float | None = None
) -> tuple[pd.DataFrame, list[Finding]]:
    """Costs of 0 become unknown, and unknown ones get bounds, unless they are said to be `free`.

    A cost of exactly 0 beside paid ones, or in every row, is one that was not recorded: an answer
    that has been given took tokens. An unknown cost lies between 0 and `at_most`, else the largest
    that was seen for its recipe. A recipe without any known cost has no upper bound, as what others
    cost says nothing about it.
    """
    if at_most is not None and not (0 <= at_most < np.inf):
        raise TableError(f"--unknown-cost {at_most:g}: give US dollars from 0")
    trials = trials.copy()
    cost = trials["cost_usd"].astype(float)
    findings: list[Finding] = []
    zero = cost == 0
    if costs != "free" and zero.any():
        findings.append(_zeros(trials["recipe"], zero, cost))
        cost = cost.mask(zero)
    trials["cost_usd"] = cost
    unknown = cost.isna()
    largest = cost.groupby(trials["recipe"]).transform("max")
    high = largest if at_most is None else pd.Series(at_most, cost.index)
    trials["cost_max_usd"] = high.where(unknown)
    trials["cost_min_usd"] = pd.Series(0.0, cost.index).where(unknown & high.notna())
    if unknown.any() and (cost.notna().any() or at_most is not None):
        findings.append(_bounded(trials, unknown, at_most))
    return trials, findings


def _zeros(recipe: pd.Series, zero: pd.Series, cost: pd.Series) -> Finding:
    share = zero.groupby(recipe, sort=False).mean()
    share = share[share > 0].sort_values(ascending=False, kind="stable")
    everywhere = bool((cost.fillna(0.0) == 0).all())
    counts = zero.groupby(recipe, sort=False).sum()
    said = [f"{name} {int(counts.loc[name]):,} ({share.loc[name]:.0%})" for name in share.index]
    where = "every cost is exactly 0" if everywhere else (
        f"{int(zero.sum()):,} costs are exactly 0 beside paid ones: {_some(said)}"
    )  # fmt: skip
    text = f"{where}; taken as unknown, not as free (if they are free: --costs free)"
    return {
        "kind": "zero costs",
        "text": text,
        "recipes": {k: int(counts.loc[k]) for k in share.index},
    }


def _bounded(trials: pd.DataFrame, unknown: pd.Series, at_most: float | None) -> Finding:
    count = trials[unknown].groupby("recipe", sort=False)["cost_max_usd"].agg(["size", "max"])
    count = count.sort_values("size", ascending=False, kind="stable")
    bounded, rest = count[count["max"].notna()], count[count["max"].isna()]
    said = [
        f"{name} {size:,} (up to ${most:.3g})"
        for name, size, most in zip(bounded.index, bounded["size"], bounded["max"], strict=True)
    ]
    how = "as told" if at_most is not None else "the largest that was seen for its recipe"
    texts = [f"{int(unknown.sum()):,} of {len(trials):,} costs are unknown"]
    if said:
        texts.append(f"each lies between $0 and {how}: {_some(said)}")
    if len(rest):
        names = _some([str(name) for name in rest.index])
        texts.append(
            f"no cost of {names} is known, so there is no bound and no choice by price "
            "(to give one: --unknown-cost USD)"
        )
    return {
        "kind": "unknown costs",
        "text": "; ".join(texts),
        "recipes": {str(k): int(v) for k, v in count["size"].items()},
        "max_usd": {str(k): float(v) for k, v in bounded["max"].items()},
    }


def origins(reads: Sequence[Read], table: pd.DataFrame) -> list[Finding]:
    """Graders, versions, token limits and days that differ between recipes."""
    graders = _mixed(reads, table, "grader", "grader")
    found = [
        ("graders", "graded by different graders", graders),
        ("versions", "made by different versions",
         _mixed(reads, table, "version", "tool_version", "suite_version")),
        ("token limits", "answered under different token limits",
         _mixed(reads, table, "max_tokens", "max_tokens")),
        ("days", "from different days, so prices may differ",
         {k: {v[:10] for v in vs} for k, vs in _mixed(reads, table, "date", "created").items()}),
    ]  # fmt: skip
    made: list[Finding] = []
    for kind, what, by_recipe in found:
        kinds = {" + ".join(sorted(v)) for v in by_recipe.values() if v}
        if len(kinds) > 1:
            said = [f"{r}: {', '.join(sorted(v))}" for r, v in by_recipe.items() if v]
            recipes = {r: sorted(v) for r, v in by_recipe.items() if v}
            text = f"recipes were {what} ({_some(said)})"
            made.append({"kind": kind, "text": text, "recipes": recipes})
    return made


def duplicates(reads: Sequence[Read]) -> list[Finding]:
    """Rows that were counted once although they stand twice."""
    count = {r.path.name: r.facts["duplicates"] for r in reads if r.facts.get("duplicates")}
    if not count:
        return []
    said = _some([f"{name} {n:,}" for name, n in count.items()])
    text = (
        f"{sum(count.values()):,} rows stand twice, cell for cell, and count once: {said} (if they "
        "are repeats: --columns repeat=#)"
    )
    return [{"kind": "duplicate rows", "text": text, "files": count}]


def _mixed(
    reads: Sequence[Read], table: pd.DataFrame, column: str, *facts: str
) -> dict[str, set[str]]:
    """Recipe -> what its rows, or the files that it stands in, say."""
    found: dict[str, set[str]] = {}
    if column in table:
        rows = table[["recipe", column]].drop_duplicates()
        for recipe, value in zip(rows["recipe"], rows[column], strict=True):
            found.setdefault(str(recipe), set()).update({str(value)} - {""})
    for read in reads:
        values = {str(read.facts[name]) for name in facts if read.facts.get(name)}
        for recipe in read.table["recipe"].unique() if values else ():
            found.setdefault(str(recipe), set()).update(values)
    return found


def figures(reads: Sequence[Read], trials: pd.DataFrame) -> list[Finding]:
    """Files whose own figure is not the mean of what was read."""
    found: list[Finding] = []
    for read in reads:
        own = read.facts.get("own_figure")
        names = read.table["recipe"].unique()
        if not isinstance(own, int | float) or len(names) != 1:
            continue
        scores = trials.loc[trials["recipe"] == names[0], ["task_hash", "score"]]
        ours = float(scores.groupby("task_hash")["score"].mean().mean())
        if len(reads) == 1 and abs(ours - own) > 5e-4:
            text = (
                f"{read.path.name} itself says {own:.4g}; the mean of what was read is {ours:.4g}"
            )
            found.append({"kind": "own figure", "text": text, "own": own, "read": ours})
    return found


def empties(trials: pd.DataFrame) -> list[Finding]:
    """Rows that have neither a score nor a word for why."""
    empty = trials["score"].isna() & trials["failure"].isna()
    if not empty.any():
        return []
    count = empty.groupby(trials["recipe"], sort=False).sum()
    count = count[count > 0].sort_values(ascending=False, kind="stable")
    said = _some([f"{name} {int(n):,}" for name, n in count.items()])
    text = f"{int(empty.sum()):,} outcomes are empty and left out, not counted 0: {said}"
    return [{"kind": "empty outcomes", "text": text,
             "recipes": {str(k): int(v) for k, v in count.items()}}]  # fmt: skip


def _some(parts: Sequence[str]) -> str:
    more = len(parts) - _SHOWN
    return ", ".join(parts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
