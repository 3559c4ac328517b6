"""The first screen of a report: what was run, one sentence on what to deploy, and the table.

Page, Markdown, terminal and notebook print this first, from the same values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_eval.core.readable import dollars, plain
from fusion_eval.report.blocks import Cell, Look, Table, parts, table
from fusion_eval.report.choice import Name, sureness, tasks_of_choice
from fusion_eval.report.failing import failures
from fusion_eval.report.final_answers import loud
from fusion_eval.report.kinds import kinds_lines
from fusion_eval.report.measured import sentences
from fusion_eval.report.sections.design import verdict
from fusion_eval.report.sections.recipes import by_score, frontier
from fusion_eval.report.words import listed, number
from fusion_eval.stats.results import FEW_TASKS

TAKEN = "★"
_SHOWN, _OTHERS, _LOST = 4, 3, 0.05
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """What is read first: `alarms`, then the `study`, what was `made`, and the `sentence`.

    kinds : scores of checked and of rubric tasks apart, where the table averages over both
    """

    made: str
    alarms: tuple[str, ...]
    study: str
    sentence: str
    kinds: tuple[str, ...]
    recipes: Table
    legend: str


def first(summary: Row, name: Name = plain) -> First:
    """The first screen, from `summary.json`; `name` makes names harmless."""
    return First(
        made=made(summary, name),
        alarms=tuple(alarms(summary, name)),
        study=_study(summary, name),
        sentence=("SIMULATED. " if summary["simulated"] else "") + sentence(summary, name),
        kinds=tuple(kinds_lines(summary, [recipe for recipe, _ in by_score(summary)])),
        recipes=recipes(summary),
        legend=_legend(summary),
    )


def made(summary: Row, name: Name = plain) -> str:
    """`research, bench demo, 2026-12-01: 9 recipes on 90 tasks, 2 answers each; SIMULATED.`"""
    inputs = summary["inputs"]
    what = [inputs["tasks"], inputs["bench"] and f"bench {inputs['bench']}", inputs["date"]]
    start = ", ".join(name(text) for text in what if text)
    size = (
        f"{number(len(summary['recipes']), 'recipe')} on {number(summary['tasks'], 'task')}, "
        f"{number(summary['repeats'], 'answer')} each"
    )
    end = "; SIMULATED" if summary["simulated"] else ""
    return f"{start}: {size}{end}." if start else f"{size}{end}."


def alarms(summary: Row, name: Name = plain) -> list[str]:
    """What failed on more than 5 % of tasks, and that the run has not ended."""
    found = sentences(summary["unusable"], name)
    if not found:
        rows = summary["recipes"].values()
        lost = any(row["failed"] > _LOST * row["trials"] for row in rows)
        found = [text for text in (failures(summary, name),) if lost and text]
    if summary["status"] not in ("finished", "unknown"):
        found.append(f"This run is not finished: its status is {name(summary['status'])}.")
    return [*found, *loud(summary.get("final_answers"))]


def _study(summary: Row, name: Name) -> str:
    study = summary["study"]
    if not study:
        return ""
    because = f" {name(study['because'])}." if study["because"] else ""
    return f"{name(study['question'])} {verdict(study, bold='')}{because}"


def sentence(summary: Row, name: Name = plain) -> str:
    """What to deploy; or that nothing can be recommended, and why."""
    answered = [r for r in summary["recipes"] if r not in summary["never_answered"]]
    if not answered:
        return "No recommendation: no recipe answered."
    if summary["common"]["lacking"]:
        return f"No recommendation: {summary['common']['lacking']}."
    if len(answered) == 1:
        only = len(summary["recipes"]) == 1
        who = "there is one recipe" if only else f"only {name(answered[0])} answered"
        return f"No recommendation: {who}, so there is nothing to choose."
    rows = summary["decisions"]
    if not rows:
        return f"No recommendation, as no cost is known: {_by_score_alone(summary, name)}."
    verb = "Deploy" if tasks_of_choice(summary) >= FEW_TASKS else "Lean to"
    first_choice = f"{verb} {name(rows[0]['recipe'])}{_sure(rows[0])}"
    if len(rows) == 1:
        return f"{first_choice}, whatever a point of score (of 100) is worth."
    others = "; ".join(f"{name(r['recipe'])}{_sure(r)} {_where(r)}" for r in rows[1:_SHOWN])
    more = f"; {len(rows) - _SHOWN} more below" if len(rows) > _SHOWN else ""
    return (
        f"{first_choice} if a point of score (of 100) is worth less than "
        f"{dollars(rows[0]['to_usd'], 2)} per answer; {others}{more}."
    )


def _by_score_alone(summary: Row, name: Name) -> str:
    best, rivals = summary["best"], summary["not_below_best"]
    if best is None:
        return "no answer has a score"
    if not rivals:
        return f"by score alone {name(best)} leads"
    return (
        f"by score alone {name(best)} leads, and these tasks cannot tell it from "
        f"{listed([name(rival) for rival in rivals], _OTHERS)}"
    )


def _sure(row: Row) -> str:
    return f" ({sureness(row)})" if sureness(row) else ""


def _where(row: Row) -> str:
    """`from $0.0013 to $0.0082`, `from $0.0082 on`."""
    end = "on" if row["to_usd"] is None else f"to {dollars(row['to_usd'], 2)}"
    return f"from {dollars(row['from_usd'], 2)} {end}"


def recipes(summary: Row) -> Table:
    """Score, cost, latency and failures of every recipe, with their intervals; best score first."""
    look, chosen = Look(summary), {row["recipe"] for row in summary["decisions"]}
    rows = [
        _recipe(name, row, look.below("recipes", name), TAKEN if name in chosen else "")
        for name, row in by_score(summary)
    ]
    heads = ["recipe", "score, points", "tasks", "cost per task", "latency", "failed", "frontier"]
    kept = [k for k, head in enumerate(heads) if head != "tasks" or _differs(rows, k)]
    return table(
        [heads[k] for k in kept], [[row[k] for k in kept] for row in rows],
        simulated=summary["simulated"], label="Recipes", sparse=True,
    )  # fmt: skip


def _differs(rows: Sequence[Sequence[Cell]], place: int) -> bool:
    return len({str(row[place]) for row in rows}) > 1


def _recipe(name: str, row: Row, look: Look, mark: str) -> list[Cell]:
    lost: Cell = (look.number("count", "failed"), " of ", look.number("count", "trials"))
    if row["failure_rate"]:
        low, high = (look.number("percent", "failure_rate", e, end=True) for e in ("low", "high"))
        lost = (*parts(lost), " (", low, " to ", high, ")")
    return [
        (name, f" {mark}") if mark else name,
        look.interval("points", "score"),
        str(look.number("count", "score", "n", none="0")),
        look.cost("cost_usd"),
        look.interval("seconds", "latency_s", none="unknown"),
        lost,
        frontier(row, look),
    ]


def _legend(summary: Row) -> str:
    tasks = sorted({row["score"]["n"] for row in summary["recipes"].values() if row["score"]})
    span = number(tasks[0], "task") if len(tasks) == 1 else ""
    if len(tasks) > 1:
        span = f"{tasks[0]:,} to {tasks[-1]:,} tasks"
    timed = any(row["latency_s"] for row in summary["recipes"].values())
    said = [
        f"{TAKEN} recommended at some value of a point." if summary["decisions"] else "",
        f"Means over {span} with 95 % intervals; a failed answer counts 0." if span else "",
        "Latency: the median, along the longest path through the calls." if timed else "",
    ]
    return " ".join(part for part in said if part)
