"""`report.md`, readable on GitHub: decision, figure, tables, small print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion_eval.report.audit import audit_lines
from fusion_eval.report.decision import decision
from fusion_eval.report.design import sections
from fusion_eval.report.kinds import kinds_table
from fusion_eval.report.measured import sentences
from fusion_eval.report.notes import gaps, money_cells, money_lines, notes
from fusion_eval.report.trust import trust
from fusion_eval.report.words import (
    cost_range,
    escaped,
    in_code,
    listed,
    points,
    points_range,
    table,
)
from fusion_eval.report.worthwhile import worth_parts
from fusion_eval.stats.caveats import percent
from fusion_eval.stats.frontier import NEVER, NOT_COMPARED
from fusion_eval.store import Run

_PARTS, _PART_TASKS, _RECIPES_ACROSS = 12, 5, 8
BANNER = (
    "> **SIMULATED.** Every number here comes from a simulator. It shows that the tool works; "
    "it says nothing about real models."
)


def markdown(run: Run, summary: Mapping[str, Any], *, figure: bool) -> str:
    """The report as one text; `figure`: whether `pareto.png` stands beside it."""
    parts: list[str] = [f"# Report of run {escaped(summary['run_id'])}"]
    if summary["simulated"]:
        parts.append(BANNER)
    lost = sentences(summary["unusable"], escaped)
    parts += [f"> **{text}**" for text in lost]
    if summary["status"] not in ("finished", "unknown"):
        parts.append(f"> This run is not finished: its status is {escaped(summary['status'])}.")
    parts += [decision(summary, in_code), _picture(summary) if figure else "No answer has a score."]
    if odd := audit_lines(summary, escaped):
        parts += ["## Look at this first", "\n".join(f"- {line}" for line in odd)]
    parts += ["## Recipes", kinds_table(summary, [name for name, _ in by_score(summary)])]
    parts += [_recipes(summary), _reading(summary)]
    if summary["comparisons"]:
        parts += ["## Comparisons", _comparisons(summary), _family(summary)]
    parts += sections(summary, table)
    for title, breakdown in (("domain", summary["domains"]), ("section", summary["sections"])):
        if breakdown:
            parts += [f"## Score by {title}", _breakdown(summary, breakdown, title)]
    parts += worth_parts(summary)
    parts += list(trust(summary["grader"]))
    parts += ["## Money", *money_lines(summary), *_money_tables(summary)]
    parts += ["## Gaps", *gaps(summary)]
    parts += ["## How this was made", *notes(run, summary)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _money_tables(summary: Mapping[str, Any]) -> list[str]:
    """Calls and dollars by role and by model; nothing where no cost is known."""
    header = ["calls", "made", "tokens in", "tokens out", "charged", "spent"]
    drawn = []
    for part in ("role", "model"):
        found = summary["money"][f"by_{part}"]
        if any(row["at_least_usd"]["cost_usd"] for row in found.values()):
            rows = [[escaped(name), *money_cells(row)] for name, row in found.items()]
            drawn.append(table([part, *header], rows, simulated=summary["simulated"]))
    return drawn


def _picture(summary: Mapping[str, Any]) -> str:
    said = "SIMULATED: score" if summary["simulated"] else "Score"
    return f"![{said} against cost, with intervals](pareto.png)"


def by_score(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Recipes, best score first; those that are not compared, or have no score, last."""
    apart = summary["common"]["not_compared"]
    rows = summary["recipes"].items()
    return sorted(
        rows,
        key=lambda item: (
            item[0] in apart,
            -item[1]["score"]["value"] if item[1]["score"] else 1,
        ),
    )


def _recipes(summary: Mapping[str, Any]) -> str:
    header = ["recipe", "strategy", "score, points", "tasks", "cost per task", "latency p50 / p95"]
    header += ["failed", "degraded", "read", "frontier"]
    rows = []
    for name, row in by_score(summary):
        tasks = row["score"]["n"] if row["score"] else 0
        rows.append([
            escaped(name), escaped(row["strategy"] or "–"), points_range(row["score"]),
            str(tasks), cost_range(row["cost_usd"]), latency(row["latency_s"]),
            f"{row['failed']} of {row['trials']}", _share(row["degraded"], row["trials"]),
            "–" if row["coverage"] is None else percent(row["coverage"]),
            frontier(row),
        ])  # fmt: skip
    header, rows, unknown = without_unknown(header, rows)
    drawn = table(header, rows, simulated=summary["simulated"])
    return f"{drawn}\n\nNot known for any recipe: {listed(unknown)}." if unknown else drawn


def without_unknown(
    header: list[str], rows: list[list[str]]
) -> tuple[list[str], list[list[str]], list[str]]:
    """The table without columns that say nothing for any recipe, and the names of those."""
    empty = [k for k in range(1, len(header)) if {row[k] for row in rows} <= {"unknown", "–"}]
    kept = [k for k in range(len(header)) if k not in empty]
    shorter = [[row[k] for k in kept] for row in rows]
    return [header[k] for k in kept], shorter, [header[k] for k in empty]


def latency(estimate: Mapping[str, Any] | None) -> str:
    """`8.9 s / 14.2 s`."""
    if estimate is None:
        return "unknown"
    return f"{estimate['value']:.3g} s / {estimate['p95']:.3g} s"


def frontier(row: Mapping[str, Any]) -> str:
    """`on (98 %)`, `undecided (12 %)`, `dominated by x (0 %)`."""
    if row["frontier"] in (NEVER, NOT_COMPARED):
        return str(row["frontier"])
    if row["on_frontier"] is None and not row["dominated_by"]:
        return "unknown"
    word = row["frontier"]
    if row["dominated_by"]:
        word = f"dominated by {listed([escaped(name) for name in row['dominated_by']], 2)}"
    return word if row["p_on_frontier"] is None else f"{word} ({percent(row['p_on_frontier'], 0)})"


def _share(part: int, whole: int) -> str:
    return "0" if not part else percent(part / whole, 0)


def _reading(summary: Mapping[str, Any]) -> str:
    complete = [
        f"{escaped(name)} {points_range(row['score_complete_cases'])}"
        for name, row in by_score(summary)
        if row["failed"] and row["score_complete_cases"]
    ]
    lines = [
        "Scores are 0 to 100 points, as deployed: a failed answer counts 0.",
        f"Without failed answers (complete cases): {listed(complete, 12)}." if complete else "",
        "In brackets: 95 % intervals over tasks. Cost is what an answer costs a user who runs that "
        "recipe alone; latency is the longest path through its calls. Read: share of criteria with "
        "a verdict. Frontier: `on` or `dominated` when that is beyond chance, else `undecided`; "
        "the percentage is the probability that it truly is on it.",
    ]
    return " ".join(line for line in lines if line)


def _comparisons(summary: Mapping[str, Any]) -> str:
    header = ["recipe", "against", "difference, points", "adjusted p", "conclusion", "tasks"]
    rows = [
        [
            escaped(row["a"]), escaped(row["b"]),
            points_range({**row, "value": row["difference"]}, signed=True),
            p_value(row["p_adjusted"]), row["conclusion"], str(row["n"]),
        ]
        for row in summary["comparisons"]
    ]  # fmt: skip
    return table([*header, "caveat"], [
        [*cells, escaped(row["caveat"].removeprefix("SIMULATED").removeprefix("; ")) or "–"]
        for cells, row in zip(rows, summary["comparisons"], strict=True)
    ], simulated=summary["simulated"])  # fmt: skip


def p_value(p: float | None) -> str:
    """`0.031`, `< 0.001`."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


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


def _breakdown(
    summary: Mapping[str, Any], breakdown: Mapping[str, Mapping[str, Any]], title: str
) -> str:
    names = [name for name, _ in by_score(summary)][:_RECIPES_ACROSS]
    rows: list[list[str]] = []
    for part, cells in breakdown.items():
        counts = sorted({cells[name]["n"] for name in names if cells.get(name)})
        if not counts or counts[-1] < _PART_TASKS or len(rows) == _PARTS:
            continue
        tasks = "–".join(str(n) for n in dict.fromkeys([counts[0], counts[-1]])) if counts else "0"
        rows.append([escaped(part), tasks, *[_short(cells.get(name)) for name in names]])
    if not rows:
        return f"Each {title} has fewer than {_PART_TASKS} tasks; the scores are in `summary.json`."
    hidden = len(breakdown) - len(rows)
    drawn = table([title, "tasks", *map(escaped, names)], rows, simulated=summary["simulated"])
    left = len(summary["recipes"]) - len(names)
    notes = [f"recipes ({left})"] * (left > 0) + [f"{title}s ({hidden})"] * (hidden > 0)
    more = f" Not shown, but in `summary.json`: {listed(notes)}." if notes else ""
    return f"{drawn}\n\nPoints with 95 % intervals, not adjusted for looking at many.{more}"


def _short(estimate: Mapping[str, Any] | None) -> str:
    """`71.6 (68–75)`."""
    if not estimate:
        return "–"
    return f"{points(estimate['value'])} ({100 * estimate['low']:.0f}–{100 * estimate['high']:.0f})"
