"""What a fused recipe is worth: at equal dollars, under a time limit, and next to its members."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from fusion_eval.core.readable import percent
from fusion_eval.errors import StatisticsError
from fusion_eval.report.words import dollars, listed, points
from fusion_eval.stats.alike import alike
from fusion_eval.stats.deadline import choices, deadlines
from fusion_eval.stats.decompose import decompose
from fusion_eval.stats.drafts import drafts
from fusion_eval.stats.headroom import headroom
from fusion_eval.stats.matched import matched
from fusion_eval.stats.seats import drafts_of, members_of

Name = Callable[[str], str]
Rows = list[dict[str, Any]]
_RANGES, _NAMES = 6, 4


def worth(
    trials: pd.DataFrame, verdicts: pd.DataFrame, calls: pd.DataFrame, level: float, seed: int
) -> dict[str, Rows]:
    """The part of the summary on worth; a list is empty where its question cannot be asked."""
    known = not calls.empty
    parts: dict[str, Callable[[], pd.DataFrame]] = {
        "matched": lambda: matched(trials, level=level, seed=seed),
        "deadlines": lambda: choices(deadlines(trials, level=level, seed=seed, resamples=1_000)),
        "drafts": lambda: drafts(trials, verdicts, calls, level),
        "decomposition": lambda: decompose(trials, calls=calls, level=level),
        "alike": lambda: alike(verdicts, _members(trials, calls), level),
        "headroom": lambda: _headroom(trials, verdicts, calls, level, seed),
    }
    found: dict[str, Rows] = {}
    for name, part in parts.items():
        found[name] = []
        if name in ("matched", "deadlines") or known:
            try:
                found[name] = [dict(row) for row in part().to_dict("records")]  # type: ignore[arg-type]
            except StatisticsError:
                continue  # no baseline, no latency, or too few tasks: then there is nothing to say
    return found


def _members(trials: pd.DataFrame, calls: pd.DataFrame) -> list[str]:
    """All recipes that stand for a member of some fused recipe."""
    seated = members_of(drafts_of(calls, trials)).values()
    return list(dict.fromkeys(name for names in seated for name in names))


def _headroom(
    trials: pd.DataFrame, verdicts: pd.DataFrame, calls: pd.DataFrame, level: float, seed: int
) -> pd.DataFrame:
    tables = []
    for recipe, members in members_of(drafts_of(calls, trials)).items():
        if len(members) < 2:
            continue
        try:
            tables.append(headroom(trials, recipe, members, level, seed, verdicts=verdicts))
        except StatisticsError:
            continue
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def equal_dollars(summary: Mapping[str, Any], name: Name) -> str:
    """Who beats the best mixture of solo recipes that costs the same; of those alone of which some
    mixture does."""
    every = [row for row in summary["matched"] if row["difference"] is not None]
    rows = [row for row in every if row["place"] == "inside"]
    parts = []
    for word in ("better", "worse", "undecided"):
        texts = [f"{name(r['recipe'])} {_gain(r)}" for r in rows if r["conclusion"] == word]
        if texts:
            parts.append(f"{word}: {listed(texts, _NAMES)}")
    if not parts:
        return ""
    at_once = f", which hold for {len(summary['matched'])} recipes at once"
    return (
        "At equal dollars, against the best mix of solo recipes that costs the same (95 % limits"
        f"{at_once if len(summary['matched']) > 1 else ''}) – {'; '.join(parts)}."
    )


def _gain(row: Mapping[str, Any]) -> str:
    """`(+2.1, −0.3 to +4.4, at $0.02)`."""
    low, high = points(row["low"], signed=True), points(row["high"], signed=True)
    size = points(row["difference"], signed=True)
    return f"({size}, {low} to {high}, at {dollars(row['cost_usd'], 2)})"


def time_limits(summary: Mapping[str, Any], name: Name) -> str:
    """What to take when an answer must be there in time; a late one counts 0."""
    rows = summary["deadlines"]
    if len({row["recipe"] for row in rows}) < 2:
        return ""
    texts = []
    for row in rows[:_RANGES]:
        until = row["to_s"]
        span = f"up to {_seconds(until)}" if until else f"from {_seconds(row['from_s'])} on"
        sure = "" if row["probability"] is None else f"{percent(row['probability'], 0)}, "
        texts.append(f"{span} {name(row['recipe'])} ({sure}{_price(row)})")
    rest = len(rows) - _RANGES
    are = "range is" if rest == 1 else "ranges are"
    more = f"; {rest} more {are} in summary.json" if rest > 0 else ""
    return (
        "If a late answer counts 0 and money plays no part, the highest score has, with a limit of "
        f"{'; '.join(texts)}{more}. In brackets: how likely that is, and the price of an answer."
    )


def _price(row: Mapping[str, Any]) -> str:
    """`$0.02`, `$0.01 to $0.05` where some costs are unknown, or `cost unknown`."""
    if row["cost_usd"] is not None:
        return dollars(row["cost_usd"], 2)
    if row["cost_most_usd"] is None:
        return "cost unknown"
    return f"{dollars(row['cost_least_usd'], 2)} to {dollars(row['cost_most_usd'], 2)}"


def _seconds(value: float) -> str:
    return f"{value:,.3g} s"
