"""Who is better or worse than the reference, and scores by domain and by section of the rubric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fusion_eval.report.blocks import Cell, Figure, Look, Section, Text, table
from fusion_eval.report.sections.recipes import by_score
from fusion_eval.report.words import in_code, listed

_PARTS, _PART_TASKS, _RECIPES_ACROSS = 12, 5, 8


def comparisons(summary: Mapping[str, Any], look: Look) -> Section | None:
    """Every recipe against the reference, paired by task."""
    if not summary["comparisons"]:
        return None
    heads = ("recipe", "against", "difference, points", "adjusted p", "conclusion", "tasks",
             "caveat")  # fmt: skip
    rows: list[list[Cell]] = [
        [
            row["a"],
            row["b"],
            look.interval("difference", "comparisons", k, value="difference"),
            look.number("p", "comparisons", k, "p_adjusted", none="–"),
            row["conclusion"],
            look.number("count", "comparisons", k, "n"),
            caveat(row) or "–",
        ]
        for k, row in enumerate(summary["comparisons"])
    ]
    drawn = table(heads, rows, simulated=summary["simulated"], label="Comparisons")
    figure = Figure(
        "forest",
        "Paired by task, with intervals that hold for all rows at once. Filled markers are "
        "decided, hollow ones are not",
    )
    return Section("differences", "Comparisons", (figure, drawn, Text(_family(summary))))


def ranks(summary: Mapping[str, Any], look: Look) -> Section | None:
    """Which ranks the tasks leave open to each recipe; None where there is nothing to rank."""
    if not summary["ranks"]:
        return None
    rows: list[list[Cell]] = []
    for k, row in enumerate(summary["ranks"]):
        low, high = (look.number("count", "ranks", k, f"rank_{end}") for end in ("low", "high"))
        rows.append(
            [
                row["recipe"],
                look.number("points", "ranks", k, "score"),
                (low, " to ", high) if row["rank_low"] != row["rank_high"] else low,
                "yes" if row["maybe_best"] else "no",
                look.number("percent", "ranks", k, "p_best", none="–"),
                look.number("count", "ranks", k, "n"),
            ]
        )
    heads = ("recipe", "score, points", "ranks left open", "may be the best", "probability",
             "tasks")  # fmt: skip
    drawn = table(heads, rows, simulated=summary["simulated"], label="Ranks")
    figure = Figure(
        "ranks",
        "The ranks that simultaneous 95 % intervals of all pairs leave open to each recipe; filled "
        "where the first is",
    )
    about = (
        "Rank 1 is best; all sets hold at once. Probability: of the highest true mean, a "
        "description and no test."
    )
    return Section("ranks", "Ranks", (figure, drawn, Text(about)))


def caveat(row: Mapping[str, Any]) -> str:
    """The caveat of a row without SIMULATED, which stands in the heading."""
    return str(row["caveat"]).removeprefix("SIMULATED").removeprefix("; ")


def _family(summary: Mapping[str, Any]) -> str:
    family = f"all {len(summary['comparisons'])} rows"
    if summary["family"] == "all pairs":
        family = "all pairs of recipes, since this one was chosen on the same data,"
    return (
        f"Reference: {in_code(summary['reference'])}, {summary['reference_chosen']}. Intervals and "
        f"adjusted p hold for {family} at once; another reference or all pairs: "
        f"`fusion-eval compare`. A difference is `better` or `worse` only when both say "
        f"so."
    )


def breakdowns(summary: Mapping[str, Any], look: Look) -> Iterator[Section]:
    """Scores by domain of the task, and by section of the rubric."""
    for title, name in (("domain", "domains"), ("section", "sections")):
        if summary[name]:
            yield _breakdown(summary, look, title, name)


def _breakdown(summary: Mapping[str, Any], look: Look, title: str, name: str) -> Section:
    names = [recipe for recipe, _ in by_score(summary)][:_RECIPES_ACROSS]
    rows: list[list[Cell]] = []
    for part, cells in summary[name].items():
        counts = sorted({cells[recipe]["n"] for recipe in names if cells.get(recipe)})
        if not counts or counts[-1] < _PART_TASKS or len(rows) == _PARTS:
            continue
        tasks = "–".join(str(n) for n in dict.fromkeys([counts[0], counts[-1]]))
        rows.append([part, tasks, *[_short(look.below(name, part, r)) for r in names]])
    heading = f"Score by {title}"
    if not rows:
        few = f"Each {title} has fewer than {_PART_TASKS} tasks; the scores are in `summary.json`."
        return Section(name, heading, (Text(few),))
    hidden, left = len(summary[name]) - len(rows), len(summary["recipes"]) - len(names)
    notes = [f"recipes ({left})"] * (left > 0) + [f"{title}s ({hidden})"] * (hidden > 0)
    more = f" Not shown, but in `summary.json`: {listed(notes)}." if notes else ""
    drawn = table([title, "tasks", *names], rows, simulated=summary["simulated"], label=heading)
    about = f"Points with 95 % intervals, not adjusted for looking at many.{more}"
    return Section(name, heading, (drawn, Text(about)))


def _short(look: Look) -> Cell:
    """`71.6 (68–75)`."""
    if look.get("value") is None:
        return "–"
    value = look.number("points", "value")
    low, high = (look.number("whole points", end, end=True) for end in ("low", "high"))
    return (value, " (", low, "–", high, ")")
