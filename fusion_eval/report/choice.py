"""What to take at which value of a point, in words: with probability, regret and limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fusion_eval.core.readable import percent
from fusion_eval.report.words import dollars, listed, plain
from fusion_eval.stats.results import FEW_TASKS

Name = Callable[[str], str]


def choice(summary: Mapping[str, Any], name: Name = plain) -> str:
    """What to take at which value of a point, in one sentence."""
    rows = summary["decisions"]
    answered = [recipe for recipe in summary["recipes"] if recipe not in summary["never_answered"]]
    if not answered:
        return "No recipe answered, so there is nothing to choose."
    if summary["common"]["lacking"]:
        return f"No recommendation: {summary['common']['lacking']}."
    if not rows:
        return "No cost is known, so this compares scores alone."
    if len(answered) == 1:
        only = len(summary["recipes"]) == 1
        who = "There is one recipe" if only else f"Only {name(answered[0])} answered"
        return f"{who}, so there is nothing to choose."
    verb = "take" if tasks_of_choice(summary) >= FEW_TASKS else "lean to"
    texts = [f"{_span(row, rows)}{verb} {name(row['recipe'])}{_bracket(row)}" for row in rows]
    start = "" if len(rows) == 1 else "If one point of score (of 100) is "
    said = "; if it is ".join(texts)
    return (
        f"{start}{said}. In brackets: the probability that it is the best choice there, and what "
        "1,000 answers lose on average if it is not"
        f"{'' if len(rows) == 1 else '; with each threshold its 95 % limits'}."
        f"{_bounded(summary, name)}"
    )


def tasks_of_choice(summary: Mapping[str, Any]) -> int:
    """Tasks on which recipes are compared."""
    return int(summary["common"]["tasks"])


def _span(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """`worth $0.0013 (0.0009 to 0.0041) to $0.0082 (0.004 or more), `."""
    if len(rows) == 1:
        return "Whatever a point of score is worth, "
    low = f"{dollars(row['from_usd'], 2)}{_ends(row, 'from')}"
    high = "" if row["to_usd"] is None else f"{dollars(row['to_usd'], 2)}{_ends(row, 'to')}"
    if not row["from_usd"]:
        return f"worth less than {high} per task, "
    return f"worth {low} to {high}, " if high else f"worth more than {low}, "


def _ends(row: Mapping[str, Any], which: str) -> str:
    low, high = row[f"{which}_low_usd"], row[f"{which}_high_usd"]
    if low is None and high is None:
        return " (no limits)"
    first = "$0" if low is None else dollars(low, 2)
    return f" ({first} or more)" if high is None else f" ({first} to {dollars(high, 2)})"


def _bracket(row: Mapping[str, Any]) -> str:
    open_to = f"; unless {row['open_to']}, of unknown cost, is cheap" if row["open_to"] else ""
    return f" ({sureness(row)}, {dollars(row['regret_usd'], 2)}{open_to})"


def _bounded(summary: Mapping[str, Any], name: Name) -> str:
    names = [name(recipe) for recipe in summary["decisions_bounded"]]
    if not names:
        return ""
    return (
        f" Costs that are not known count as the largest seen where {listed(names)} would be the "
        "choice, and as nothing where it would be a rival."
    )


def sureness(row: Mapping[str, Any]) -> str:
    """`98%`; empty where there are too few tasks for a probability."""
    return "" if row["probability"] is None else percent(row["probability"], 0)
