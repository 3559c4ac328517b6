"""The recipes beyond the first screen: kinds of tasks apart, time, and steps down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fusion_eval.report.blocks import Block, Cell, Figure, Look, Section, Table, Text, table
from fusion_eval.report.kinds import tasks_of_kind
from fusion_eval.report.words import escaped, listed, points_range
from fusion_eval.stats.frontier import NEVER, NOT_COMPARED

_ABOUT_KINDS = (
    "Points with 95 % intervals. Two kinds of tasks with two kinds of scores; the mean over both, "
    "in the table above, depends on how many there are of each."
)


def by_score(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Recipes, best score first; those that are not compared, or have no score, last."""
    apart = summary["common"]["not_compared"]
    return sorted(
        summary["recipes"].items(),
        key=lambda item: (
            item[0] in apart,
            -item[1]["score"]["value"] if item[1]["score"] else 1,
        ),
    )


def recipes(summary: Mapping[str, Any], look: Look) -> Section:
    """What the table of the first screen leaves out, and how both are read."""
    kinds, drawn = _kinds(summary, look), _recipes(summary, look)
    unknown = drawn.left_out
    blocks: tuple[Block, ...] = (kinds, Text(_ABOUT_KINDS)) if kinds else ()
    blocks += (drawn,)
    blocks += (Text(f"Not known for any recipe: {listed(unknown)}."),) if unknown else ()
    return Section("recipes", "More on each recipe", (*blocks, Text(_reading(summary))))


def seconds(summary: Mapping[str, Any], look: Look) -> Section | None:
    """Score against time, best score first; None where no time is known."""
    rows = summary["frontier_seconds"]
    if not rows:
        return None
    order = sorted(
        range(len(rows)),
        key=lambda k: math.inf if rows[k]["score"] is None else -rows[k]["score"],
    )
    heads = ("recipe", "score, points", "seconds, mean", "frontier in seconds", "tasks")
    drawn = table(
        heads,
        [_seconds(rows[k], look.below("frontier_seconds", k)) for k in order],
        simulated=summary["simulated"],
        label="Score and time",
    )
    simulated = " (simulated)" if summary["simulated"] else ""
    figure = Figure(
        "seconds",
        "Score against the time to an answer: the longest path through its calls, mean over tasks, "
        "with 95 % intervals on both axes",
    )
    about = (
        "Time is what an answer takes when its calls run side by side where they can"
        f"{simulated}; waiting for rate limits is left out."
    )
    return Section("time", "Score and time", (figure, drawn, Text(about)))


def _seconds(row: Mapping[str, Any], at: Look) -> list[Cell]:
    ends = ("seconds_low", "seconds_high")
    mean = at.interval("seconds", value="seconds", ends=ends, none="unknown")
    if row["seconds"] is not None and row["seconds_unknown"]:
        mean = ("≥ ", at.number("seconds", "seconds"))
    by = f" by {row['dominated_by']}" if row["dominated_by"] else ""
    place: Cell = f"{row['status']}{by}"
    if row["p_on_frontier"] is not None:
        place = (f"{row['status']}{by}", " (", at.number("percent", "p_on_frontier"), ")")
    score = at.interval("points", value="score", ends=("score_low", "score_high"))
    return [row["recipe"], score, mean, place, at.number("count", "n", none="0")]


def _kinds(summary: Mapping[str, Any], look: Look) -> Table | None:
    """Scores of checked and of rubric tasks side by side, where there are both."""
    kinds = summary["kinds"]["scores"]
    if not kinds:
        return None
    heads = ["recipe", *(f"{kind} ({tasks_of_kind(kinds[kind])})" for kind in kinds)]
    rows: list[list[Cell]] = [
        [name, *(look.interval("points", "kinds", "scores", kind, name) for kind in kinds)]
        for name, _ in by_score(summary)
    ]
    return table(heads, rows, simulated=summary["simulated"], label="Scores by kind of task")


def _recipes(summary: Mapping[str, Any], look: Look) -> Table:
    heads = ["recipe", "strategy", "tasks", "latency, p95", "first token", "cut off", "degraded",
             "verdicts read"]  # fmt: skip
    rows = [_recipe(name, row, look.below("recipes", name)) for name, row in by_score(summary)]
    label = "More on each recipe"
    return table(heads, rows, simulated=summary["simulated"], label=label, sparse=True)


def _recipe(name: str, row: Mapping[str, Any], look: Look) -> list[Cell]:
    count = look.number("count", "trials")
    return [
        name,
        row["strategy"] or "–",
        look.number("count", "score", "n", none="0"),
        look.number("seconds", "latency_s", "p95"),
        look.interval("seconds", "first_token_s", none="unknown"),
        (look.number("count", "truncated"), " of ", count),
        (look.number("count", "degraded"), " of ", count),
        look.number("percent1", "coverage", none="–"),
    ]


def frontier(row: Mapping[str, Any], look: Look) -> Cell:
    """`on (98 %)`, `undecided (12 %)`, `dominated by x (0 %)`."""
    if row["frontier"] in (NEVER, NOT_COMPARED):
        return str(row["frontier"])
    if row["on_frontier"] is None and not row["dominated_by"]:
        return "unknown"
    by = f" by {listed(row['dominated_by'], 2)}" if row["dominated_by"] else ""
    word = "dominated" if by else str(row["frontier"])
    if row["p_on_frontier"] is None:
        return (word, by)
    return (word, by, " (", look.number("percent", "p_on_frontier"), ")")


def _reading(summary: Mapping[str, Any]) -> str:
    complete = [
        f"{escaped(name)} {points_range(row['score_complete_cases'])}"
        for name, row in by_score(summary)
        if row["failed"] and row["score_complete_cases"]
    ]
    lines = [
        f"Without failed answers (complete cases): {listed(complete, 12)}." if complete else "",
        "Scores are 0 to 100 points, as deployed: a failed answer counts 0. "
        "In brackets: 95 % intervals over tasks. Cost is what an answer costs a user who runs that "
        "recipe alone; latency is the longest path through its calls. Cut off: ended at the token "
        "limit. Degraded: answered after a step down, such as an empty seat. Verdicts read: share "
        "of criteria with a verdict. Frontier: `on` or `dominated` when that is beyond chance, "
        "else `undecided`; the percentage is the probability that it truly is on it.",
    ]
    return " ".join(line for line in lines if line)
