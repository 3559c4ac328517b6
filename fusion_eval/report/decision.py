"""The decision in plain words, from `summary.json`: what to take, what is decided, what is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fusion_eval.report.words import dollars, listed, number, plain, points, points_range
from fusion_eval.report.worth import equal_dollars, time_limits
from fusion_eval.stats import equivalence
from fusion_eval.stats.caveats import percent

Name = Callable[[str], str]
FEW_TASKS = 15
_FEW = 3


def decision(summary: Mapping[str, Any], name: Name = plain) -> str:
    """What to take at which value of a point, what is decided, and what would decide the rest."""
    warned = [text for text in (_few_tasks(summary), _missing_tasks(summary, name)) if text]
    rest = [text for text in findings(summary, name) if text not in warned]
    return " ".join(part for part in (*warned, choice(summary, name), *rest) if part)


def findings(summary: Mapping[str, Any], name: Name = plain) -> list[str]:
    """The same without the choice, each finding on its own; none is empty."""
    parts = [
        _few_tasks(summary),
        _missing_tasks(summary, name),
        _left_out(summary, name),
        _never(summary, name),
        _conclusions(summary, name),
        _leaders(summary, name),
        equal_dollars(summary, name),
        time_limits(summary, name),
        _more_tasks(summary, name),
        _failures(summary, name),
        _simulated(summary),
    ]
    return [part for part in parts if part]


def _few_tasks(summary: Mapping[str, Any]) -> str:
    counts = [row["score"]["n"] for row in summary["recipes"].values() if row["score"]]
    if not counts or min(counts) >= FEW_TASKS:
        return ""
    some = number(min(counts), "task")
    return f"This rests on {some}: read it as a description, not as evidence."


def _missing_tasks(summary: Mapping[str, Any], name: Name) -> str:
    """Whose mean is over fewer tasks than those of the others; the leader, then who lacks most."""
    lacking = {r: row["missing_tasks"] for r, row in summary["recipes"].items()}
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
        f"Not every mean is over all {number(summary['tasks'], 'task')}; missing: "
        f"{listed(each, _FEW)}. Comparisons use the tasks that both have."
    )


def _simulated(summary: Mapping[str, Any]) -> str:
    if not summary["simulated"]:
        return ""
    return "All of this is SIMULATED: it says nothing about real models."


def choice(summary: Mapping[str, Any], name: Name = plain) -> str:
    """What to take at which value of a point, in one sentence."""
    rows = summary["decisions"]
    answered = [recipe for recipe in summary["recipes"] if recipe not in summary["never_answered"]]
    if not answered:
        return "No recipe answered, so there is nothing to choose."
    if not rows:
        return "No cost is known, so this compares scores alone."
    if len(answered) == 1:
        only = len(summary["recipes"]) == 1
        who = "There is one recipe" if only else f"Only {name(answered[0])} answered"
        return f"{who}, so there is nothing to choose."
    if len(rows) == 1:
        only = rows[0]
        sure = f"(probability {sureness(only)} by resampling tasks)"
        return (
            f"Whatever a point of score is worth, take {name(only['recipe'])} "
            f"{sure if sureness(only) else '(too few tasks to say how sure)'}."
        )
    texts = []
    for row in rows:
        low, high = row["from_usd"], row["to_usd"]
        if not low:
            span = f"worth less than {dollars(high)} per task"
        elif high is None:
            span = f"worth more than {dollars(low)}"
        else:
            span = f"worth {dollars(low)} to {dollars(high)}"
        sure = f" ({sureness(row)})" if sureness(row) else ""
        texts.append(f"{span}, take {name(row['recipe'])}{sure}")
    how = "In brackets: how often it is the best choice there when tasks are resampled."
    return (
        f"If one point of score (of 100) is {'; if it is '.join(texts)}. "
        f"{how if sureness(rows[0]) else 'There are too few tasks to say how sure that is.'}"
    )


def sureness(row: Mapping[str, Any]) -> str:
    """`98%`; empty where there are too few tasks for a probability."""
    return "" if row["probability"] is None else percent(row["probability"], 0)


def _left_out(summary: Mapping[str, Any], name: Name) -> str:
    names = [name(recipe) for recipe in summary["decisions_leave_out"]]
    if not names or not summary["decisions"]:
        return ""
    return f"Left out of this choice, as the cost is not wholly known: {listed(names)}."


def _never(summary: Mapping[str, Any], name: Name) -> str:
    """Who never answered: a failure costs little, which must not look like a bargain."""
    found = []
    for recipe in summary["never_answered"]:
        row = summary["recipes"][recipe]
        words = listed([f"{word} {count}×" for word, count in row["failures"].items()], _FEW)
        found.append(
            f"{name(recipe)} (failed {row['failed']} of {number(row['trials'], 'time')}: {words})"
        )
    if not found:
        return ""
    return f"Never answered, and so in no choice and not on the frontier: {listed(found, _FEW)}."


def _conclusions(summary: Mapping[str, Any], name: Name) -> str:
    rows = summary["comparisons"]
    if not rows:
        return ""
    reference = name(summary["reference"])
    found = []
    for word in ("better", "worse", "equivalent", "undecided"):
        group = [row for row in rows if row["conclusion"] == word]
        if group:
            label = _with_difference if word == "better" else _without
            found.append(f"{word}: {listed([label(row, name) for row in group])}")
    return f"Against {reference} ({summary['reference_chosen']}) – {'; '.join(found)}."


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


def to_decide(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """The undecided pair that is closest to a decision, and what it needs; None without one.

    `comparison` is its place in `comparisons`, `tasks` how many like these would decide it if the
    difference stays what it is, `more_usd` what the missing ones cost for both recipes, repeats and
    grading included, at this run's prices (None where a price is not known).
    """
    rows = summary["comparisons"]
    place = max(range(len(rows)), key=lambda k: _ratio(rows[k]), default=None)
    if place is None or not _ratio(rows[place]):
        return None
    row, needed = rows[place], tasks_to_decide(rows[place])
    each = [_answer_usd(summary, row[side]) for side in ("a", "b")]
    known = [usd for usd in each if usd is not None]
    more = (needed - row["n"]) * summary["repeats"] * sum(known) if len(known) == 2 else None
    return {"comparison": place, "tasks": needed, "more_usd": more}


def _answer_usd(summary: Mapping[str, Any], recipe: str) -> float | None:
    """What one graded answer costs alone; None where a part of it is not known."""
    cost = summary["recipes"][recipe]["cost_usd"]
    grading = summary["money"]["by_recipe"].get(recipe, {}).get("grading")
    if cost is None or cost["lower_bound"] or summary["grading_usd"] is None:
        return None
    return float(cost["value"]) + float(grading or 0.0)


def _more_tasks(summary: Mapping[str, Any], name: Name) -> str:
    """The undecided pair that is closest to a decision, and what it needs."""
    found = summary["to_decide"]
    if found is None:
        return ""
    closest, needed = summary["comparisons"][found["comparison"]], found["tasks"]
    pair = (
        f"{name(closest['a'])} against {name(closest['b'])}: "
        f"{points_range({**closest, 'value': closest['difference']}, signed=True)} points"
    )
    many = f"about {needed:,} tasks" if needed <= 100_000 else "more than 100,000 tasks"
    price = ""
    if found["more_usd"] and needed <= 100_000:
        price = f", at about {dollars(found['more_usd'])} more for these two with their grading"
    return (
        f"The undecided pair that is closest to a decision is {pair}; {many} like these would "
        f"decide it if the difference stays what it is (now {closest['n']}){price}."
    )


def _ratio(row: Mapping[str, Any]) -> float:
    """|difference| over half the interval of an undecided pair; 0 for others."""
    if row["conclusion"] != "undecided" or row["low"] is None or row["high"] == row["low"]:
        return 0.0
    return float(2 * abs(row["difference"]) / (row["high"] - row["low"]))


def tasks_to_decide(row: Mapping[str, Any]) -> int:
    """Tasks at which the half-width shrinks to the difference: n (half-width / difference)^2."""
    if _ratio(row) == 0:
        return 10**9
    return equivalence.tasks_to_decide(row["difference"], (row["high"] - row["low"]) / 2, row["n"])


def _failures(summary: Mapping[str, Any], name: Name) -> str:
    failing = [
        f"{name(recipe)} failed {row['failed']} of {number(row['trials'], 'time')}"
        for recipe, row in summary["recipes"].items()
        if row["failed"] * 20 >= row["trials"]
        and row["failed"]
        and recipe not in summary["never_answered"]
    ]
    return f"{listed(failing, _FEW)}; each failure counts 0." if failing else ""
