"""The decision in plain words, from `summary.json`: what to take, what is decided, what is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fusion_eval.core.readable import percent
from fusion_eval.report.choice import Name, choice
from fusion_eval.report.failing import failures, never
from fusion_eval.report.kinds import alike_sentence, kinds_sentence
from fusion_eval.report.more_tasks import closest, more_tasks, worth_of_tasks
from fusion_eval.report.words import dollars, listed, number, plain, points
from fusion_eval.report.worth import equal_dollars, time_limits
from fusion_eval.stats.protocols import limits_apart
from fusion_eval.stats.results import FEW_TASKS

_FEW = 3
_HEAVY = 0.4
"""Share of a cost from which on the one task that carries it is named."""


def decision(summary: Mapping[str, Any], name: Name = plain) -> str:
    """What to take at which value of a point, what is decided, and what would decide the rest."""
    warned = [text for text in (_few_tasks(summary), _missing_tasks(summary, name)) if text]
    rest = [text for text in findings(summary, name) if text not in warned]
    return " ".join(part for part in (*warned, choice(summary, name), *rest) if part)


def brief(summary: Mapping[str, Any], name: Name = plain) -> list[str]:
    """What stands below the table of a terminal: five short sentences at most."""
    undecided = [row for row in summary["comparisons"] if row["conclusion"] == "undecided"]
    parts = [
        _few_tasks(summary),
        _selection(summary, name) or never(summary, name),
        _left_out(summary, name),
        _conclusions(summary, name, 3),
        closest(summary, name) if undecided else "",
    ]
    return [part for part in parts if part]


def findings(summary: Mapping[str, Any], name: Name = plain) -> list[str]:
    """The same without the choice, each finding on its own; none is empty."""
    parts = [
        _few_tasks(summary),
        _missing_tasks(summary, name),
        _about(summary),
        _selection(summary, name),
        _left_out(summary, name),
        _beyond(summary, name),
        never(summary, name),
        _conclusions(summary, name),
        _leaders(summary, name),
        alike_sentence(summary, name),
        equal_dollars(summary, name),
        time_limits(summary, name),
        more_tasks(summary, name),
        worth_of_tasks(summary),
        failures(summary, name),
        kinds_sentence(summary, name),
        _heavy(summary, name),
        _simulated(summary),
    ]
    return [part for part in parts if part]


def _about(summary: Mapping[str, Any]) -> str:
    """What the intervals and probabilities are about, in words."""
    if not summary["comparisons"] and not summary["decisions"]:
        return ""
    return (
        "All of this is about new tasks like these: for tasks that were picked by hand, about "
        "others picked in the same way; about exactly these tasks, `fusion-eval compare --estimand "
        '"these tasks"`.'
    )


def _selection(summary: Mapping[str, Any], name: Name) -> str:
    """Who is in no comparison of all, and on how many tasks the others are compared."""
    texts = [f"{name(r)} ({why})" for r, why in summary["common"]["not_compared"].items()]
    count = summary["common"]["tasks"]
    parts = []
    if texts:
        parts.append(
            f"In no choice, rank or frontier: {listed(texts, _FEW)}; "
            "`fe.decisions(trials, lacking=1)` takes all recipes on the tasks that are left."
        )
    scored = [r for r in summary["recipes"].values() if r["score"]]
    most = max((summary["tasks"] - len(r["missing_tasks"]) for r in scored), default=0)
    if 0 < count < most:
        parts.append(f"The choice is over the {number(count, 'task')} that the others all have.")
    return " ".join(parts)


def _heavy(summary: Mapping[str, Any], name: Name) -> str:
    """Recipes of which a single task carries much of the cost."""
    heavy = [
        f"{name(cost['largest_task'])} carries {percent(cost['largest_share'], 0)} of that of "
        f"{name(recipe)}"
        for recipe, row in summary["recipes"].items()
        if (cost := row["cost_usd"]) and cost["n"] > 2 and (cost["largest_share"] or 0) >= _HEAVY
    ]
    if not heavy:
        return ""
    return f"Costs hang on single tasks, and their intervals are too narrow: {listed(heavy, _FEW)}."


def _few_tasks(summary: Mapping[str, Any]) -> str:
    counts = [row["score"]["n"] for row in summary["recipes"].values() if row["score"]]
    if not counts or min(counts) >= FEW_TASKS:
        return ""
    some = number(min(counts), "task")
    return f"This rests on {some}: read it as a description, not as evidence."


def _missing_tasks(summary: Mapping[str, Any], name: Name) -> str:
    """Whose mean is over fewer tasks than those of the others; the leader, then who lacks most."""
    lacking = {r: row["missing_tasks"] for r, row in summary["recipes"].items()}
    apart = summary["common"]["not_compared"]
    lacking = {r: tasks for r, tasks in lacking.items() if r not in apart}
    some = sorted(
        (r for r in lacking if lacking[r]), key=lambda r: (r != summary["best"], -len(lacking[r]))
    )
    of = f"of {number(summary['tasks'], 'task')}"
    if not some:
        return ""
    if len({tuple(tasks) for tasks in lacking.values()}) == 1:
        return f"{len(lacking[some[0]])} {of} have no score under any recipe."
    each = [f"{name(r)} ({len(lacking[r])})" for r in some]
    return (
        f"Not every recipe has all {number(summary['tasks'], 'task')}; missing: "
        f"{listed(each, _FEW)}. Means and comparisons are over the tasks that all have."
    )


def _simulated(summary: Mapping[str, Any]) -> str:
    if not summary["simulated"]:
        return ""
    return "All of this is SIMULATED: it says nothing about real models."


def _left_out(summary: Mapping[str, Any], name: Name) -> str:
    names = [name(recipe) for recipe in summary["decisions_leave_out"]]
    if not names or not summary["decisions"]:
        return ""
    return f"Left out of this choice, as no cost is known: {listed(names)}."


def _conclusions(summary: Mapping[str, Any], name: Name, most: int = 6) -> str:
    """Who is better and worse than the reference; those with other token limits apart."""
    rows, limits = summary["comparisons"], summary["token_limits"]
    if not rows:
        return ""
    apart = [row for row in rows if limits_apart(limits, limits, [(row["a"], row["b"])])]
    same = [row for row in rows if row not in apart]
    parts = []
    if same:
        chosen = summary["reference_chosen"]
        parts.append(
            f"Against {name(summary['reference'])} ({chosen}) – {_words(same, name, most)}."
        )
    if apart:
        limit = limits[summary["reference"]]
        parts.append(
            f"Under other token limits than {name(summary['reference'])} ({limit}), so that a "
            f"difference may be that of the limits – {_words(apart, name, most)}."
        )
    return " ".join(parts)


def _words(rows: Sequence[Mapping[str, Any]], name: Name, most: int) -> str:
    found = []
    for word in ("better", "worse", "equivalent", "undecided"):
        group = [row for row in rows if row["conclusion"] == word]
        if group:
            label = _with_difference if word == "better" else _without
            found.append(f"{word}: {listed([label(row, name) for row in group], most)}")
    return "; ".join(found)


def _beyond(summary: Mapping[str, Any], name: Name) -> str:
    """Who scores so little more than the last choice that no usual value of a point pays for it."""
    beyond = summary["decisions_beyond"]
    names = [name(recipe) for recipe in beyond["recipes"]]
    if not names or not summary["decisions"]:
        return ""
    return (
        f"Not in this choice: {listed(names, _FEW)}, for whom a point would have to be worth more "
        f"than {dollars(beyond['from_usd'], 2)}, 100 answers of the dearest recipe."
    )


def _with_difference(row: Mapping[str, Any], name: Name) -> str:
    return f"{name(row['a'])} ({points(row['difference'], signed=True)})"


def _leaders(summary: Mapping[str, Any], name: Name) -> str:
    """Who cannot be told from the best, looking at all pairs."""
    rivals = summary["not_below_best"]
    if rivals is None or summary["family"] == "all pairs":
        return ""
    best = name(summary["best"])
    if not rivals:
        return f"{best} has the highest score, and looking at all pairs it is ahead of every other."
    return (
        f"{best} has the highest score; looking at all pairs, these tasks cannot tell it from "
        f"{listed([name(rival) for rival in rivals])}."
    )


def _without(row: Mapping[str, Any], name: Name) -> str:
    return name(row["a"])
