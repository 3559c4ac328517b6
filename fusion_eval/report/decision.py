"""The decision in plain words, from `summary.json`: what to take, what is decided, what is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion_eval.report.choice import FEW_TASKS, Name, choice, short_choice
from fusion_eval.report.kinds import alike_sentence, kinds_sentence
from fusion_eval.report.words import dollars, listed, number, plain, points, points_range
from fusion_eval.report.worth import equal_dollars, time_limits
from fusion_eval.stats.caveats import percent

_FEW = 3
_HEAVY = 0.4
"""Share of a cost from which on the one task that carries it is named."""


def decision(summary: Mapping[str, Any], name: Name = plain) -> str:
    """What to take at which value of a point, what is decided, and what would decide the rest."""
    warned = [text for text in (_few_tasks(summary), _missing_tasks(summary, name)) if text]
    rest = [text for text in findings(summary, name) if text not in warned]
    return " ".join(part for part in (*warned, choice(summary, name), *rest) if part)


def brief(summary: Mapping[str, Any], name: Name = plain) -> list[str]:
    """The decision in six sentences at most, for a terminal; the report has the rest."""
    undecided = [row for row in summary["comparisons"] if row["conclusion"] == "undecided"]
    parts = [
        " ".join(filter(None, [_simulated(summary), _few_tasks(summary)])),
        _selection(summary, name) or _never(summary, name),
        short_choice(summary, name),
        _left_out(summary, name),
        _conclusions(summary, name, 3),
        _failures(summary, name) or (_more_tasks(summary, name) if undecided else ""),
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
        _never(summary, name),
        _conclusions(summary, name),
        _leaders(summary, name),
        alike_sentence(summary, name),
        equal_dollars(summary, name),
        time_limits(summary, name),
        _more_tasks(summary, name),
        worth_of_tasks(summary),
        _failures(summary, name),
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


def _conclusions(summary: Mapping[str, Any], name: Name, most: int = 6) -> str:
    rows = summary["comparisons"]
    if not rows:
        return ""
    reference = name(summary["reference"])
    found = []
    for word in ("better", "worse", "equivalent", "undecided"):
        group = [row for row in rows if row["conclusion"] == word]
        if group:
            label = _with_difference if word == "better" else _without
            found.append(f"{word}: {listed([label(row, name) for row in group], most)}")
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
    if closest.get("tasks_to_decide_high") and needed <= 100_000:
        low, high = closest["tasks_to_decide_low"], closest["tasks_to_decide_high"]
        many += f" ({int(low):,} to {int(high):,})"
    price = ""
    if found["more_usd"] and needed <= 100_000:
        price = f", at about {dollars(found['more_usd'])} more for these two with their grading"
    return (
        f"The undecided pair that is closest to a decision is {pair}; {many} like these would "
        "decide it with 80 % power if they truly differ by a point or more "
        f"(now {closest['n']}){price}."
    )


def _ratio(row: Mapping[str, Any]) -> float:
    """|difference| over half the interval of an undecided pair; 0 for others."""
    if row["conclusion"] != "undecided" or row["low"] is None or row["high"] == row["low"]:
        return 0.0
    return float(2 * abs(row["difference"]) / (row["high"] - row["low"]))


def tasks_to_decide(row: Mapping[str, Any]) -> int:
    """Tasks that decide with 80 % power, see `stats.deciding`; 10^9 where nothing tells."""
    needed = row.get("tasks_to_decide")
    return 10**9 if needed is None or needed != needed else int(needed)


def worth_of_tasks(summary: Mapping[str, Any]) -> str:
    """What as many tasks again would save, what they cost, and from how many answers that pays."""
    found = summary["worth_of_tasks"]
    if found is None:
        return ""
    tasks, row = found["tasks"], found
    start = f"As many tasks again ({tasks:,}"
    start += f", about {dollars(row['usd'], 2)} with grading)" if row["usd"] else ")"
    if not row["evsi_usd"]:
        return f"{start} would not change the choice: it is not worth deciding any further."
    worth = dollars(row["evsi_usd"], 2)
    saved = f"{start} would save {worth} per 1,000 answers where they help most"
    if row["answers"] is None:
        return f"{saved}."
    return f"{saved}: they pay from about {row['answers']:,} answers on, not below."


def worth_deciding(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """The largest worth of as many tasks again over the ranges of the choice, and their price.

    `tasks`, `evsi_usd` (per 1,000 answers), `usd` (of all recipes with grading; None where a part
    is not known) and `answers`, from which on they pay. None where there is no choice.
    """
    rows = summary["decisions"]
    if len(rows) < 1 or len(summary["recipes"]) < 2:
        return None
    saved, tasks = max(row["evsi_usd"] for row in rows), summary["common"]["tasks"]
    each = [_answer_usd(summary, recipe) for recipe in summary["recipes"]]
    usd = tasks * summary["repeats"] * sum(u for u in each if u is not None)
    usd_known = usd if all(u is not None for u in each) else None
    pays = usd_known is not None and saved > 1e-12
    answers = _two_digits(1_000 * usd_known / saved) if pays and usd_known is not None else None
    return {
        "tasks": tasks, "evsi_usd": saved if saved > 1e-12 else 0.0, "usd": usd_known,
        "answers": answers,
    }  # fmt: skip


def _two_digits(value: float) -> int:
    return int(float(f"{value:.1e}"))


def _failures(summary: Mapping[str, Any], name: Name) -> str:
    failing = [
        f"{name(recipe)} failed {row['failed']} of {number(row['trials'], 'time')}"
        for recipe, row in summary["recipes"].items()
        if row["failed"] * 20 >= row["trials"]
        and row["failed"]
        and recipe not in summary["never_answered"]
    ]
    return f"{listed(failing, _FEW)}; each failure counts 0." if failing else ""
