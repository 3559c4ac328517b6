"""Whether to go on: how many tasks would decide, what they cost, and what they are worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from fusion_eval.report.choice import Name
from fusion_eval.report.words import dollars, points_range
from fusion_eval.stats.decision import worth_of_telling

_SHOWN = 100_000
"""Tasks beyond which their number is no plan and only its size is said."""
_NOTHING = 1e-12


def to_decide(
    summary: Mapping[str, Any], trials: pd.DataFrame, seed: int = 0
) -> dict[str, Any] | None:
    """The undecided pair that is closest to a decision, and what it needs; None without one.

    `comparison` is its place in `comparisons`, `tasks` (with `low` and `high`) how many like these
    would decide it (`stats.deciding`), `more_usd` what the missing ones cost for both recipes,
    repeats and grading included, at this run's prices (None where a price is not known).
    `evsi_usd`: what they would save per 1,000 answers (None where there is no choice), `answers`:
    from how many on that pays (None where it never does, or a price is not known).
    """
    rows = summary["comparisons"]
    place = max(range(len(rows)), key=lambda k: _closeness(rows[k]), default=None)
    if place is None or not _closeness(rows[place]):
        return None
    row = rows[place]
    low, tasks, high = (int(row[f"tasks_to_decide{end}"]) for end in ("_low", "", "_high"))
    more = tasks - row["n"]
    usd = _price(summary, (row["a"], row["b"]), more)
    saved = worth_of_telling(trials, row["a"], row["b"], more, seed)
    return {
        "comparison": place,
        "tasks": tasks,
        "low": low,
        "high": high,
        "more_usd": usd,
        "evsi_usd": saved,
        "answers": _pays_from(usd, saved),
    }


def worth_deciding(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """The largest worth of as many tasks again over the ranges of the choice, and their price.

    `tasks`, `evsi_usd` (per 1,000 answers), `usd` (of all recipes with grading; None where a part
    is not known) and `answers`, from which on they pay. None where there is no choice.
    """
    rows = summary["decisions"]
    if len(rows) < 1 or len(summary["recipes"]) < 2:
        return None
    saved, tasks = max(row["evsi_usd"] for row in rows), summary["common"]["tasks"]
    saved = saved if saved > _NOTHING else 0.0
    usd = _price(summary, tuple(summary["recipes"]), tasks)
    return {"tasks": tasks, "evsi_usd": saved, "usd": usd, "answers": _pays_from(usd, saved)}


def more_tasks(summary: Mapping[str, Any], name: Name) -> str:
    """The undecided pair that is closest to a decision, and what it needs."""
    found = summary["to_decide"]
    if found is None:
        return ""
    closest, needed = summary["comparisons"][found["comparison"]], found["tasks"]
    pair = (
        f"{name(closest['a'])} against {name(closest['b'])}: "
        f"{points_range({**closest, 'value': closest['difference']}, signed=True)} points"
    )
    many = f"more than {_SHOWN:,} tasks"
    if needed <= _SHOWN:
        many = f"about {needed:,} tasks ({found['low']:,} to {found['high']:,})"
    return (
        f"The undecided pair that is closest to a decision is {pair}; {many} like these would "
        "decide it with 80 % power if they truly differ by a point or more "
        f"(now {closest['n']}){_whether(found)}."
    )


def closest(summary: Mapping[str, Any], name: Name) -> str:
    """The same in a line: the pair, and how many tasks would decide it."""
    found = summary["to_decide"]
    if found is None:
        return ""
    row, needed = summary["comparisons"][found["comparison"]], found["tasks"]
    about = f"about {needed:,}" if needed <= _SHOWN else f"more than {_SHOWN:,}"
    size = points_range({**row, "value": row["difference"]}, signed=True)
    return (
        f"Closest to a decision: {name(row['a'])} against {name(row['b'])}, {size}; {about} tasks "
        "would decide it."
    )


def _whether(found: Mapping[str, Any]) -> str:
    """What these tasks cost, and whether that pays."""
    if found["evsi_usd"] is not None and found["evsi_usd"] <= _NOTHING:
        return ": not worth deciding, as the choice stays the same whichever of the two is better"
    if found["more_usd"] is None or found["tasks"] > _SHOWN:
        return ""
    price = f", at about {dollars(found['more_usd'], 2)} more for these two with their grading"
    if found["answers"] is None:
        return price
    return f"{price}: worth deciding from about {found['answers']:,} answers on, not below"


def worth_of_tasks(summary: Mapping[str, Any]) -> str:
    """What as many tasks again would save, what they cost, and from how many answers that pays."""
    row = summary["worth_of_tasks"]
    if row is None:
        return ""
    start = f"As many tasks again ({row['tasks']:,}"
    start += f", about {dollars(row['usd'], 2)} with grading)" if row["usd"] else ")"
    if not row["evsi_usd"]:
        return f"{start} would not change the choice: it is not worth deciding any further."
    worth = dollars(row["evsi_usd"], 2)
    saved = f"{start} would save {worth} per 1,000 answers where they help most"
    if row["answers"] is None:
        return f"{saved}."
    return f"{saved}: they pay from about {row['answers']:,} answers on, not below."


def _price(summary: Mapping[str, Any], names: tuple[str, ...], tasks: int) -> float | None:
    """What so many graded tasks cost for these recipes; None where a part is not known."""
    each = [_answer_usd(summary, recipe) for recipe in names]
    known = [usd for usd in each if usd is not None]
    return tasks * summary["repeats"] * sum(known) if len(known) == len(each) else None


def _answer_usd(summary: Mapping[str, Any], recipe: str) -> float | None:
    """What one graded answer costs alone; None where a part of it is not known."""
    cost = summary["recipes"][recipe]["cost_usd"]
    grading = summary["money"]["by_recipe"].get(recipe, {}).get("grading")
    if cost is None or cost["lower_bound"] or summary["grading_usd"] is None:
        return None
    return float(cost["value"]) + float(grading or 0.0)


def _pays_from(usd: float | None, saved: float | None) -> int | None:
    """Answers from which on so many dollars pay that save so much per 1,000; two digits."""
    if usd is None or saved is None or saved <= _NOTHING:
        return None
    return int(float(f"{1_000 * usd / saved:.1e}"))


def _closeness(row: Mapping[str, Any]) -> float:
    """|difference| over half the interval of an undecided pair; 0 where nothing tells its tasks."""
    needed = row["tasks_to_decide"]
    if row["conclusion"] != "undecided" or row["low"] is None or row["high"] == row["low"]:
        return 0.0
    if needed is None or math.isnan(needed):
        return 0.0
    return float(2 * abs(row["difference"]) / (row["high"] - row["low"]))
