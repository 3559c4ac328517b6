"""The small print of a report: money, gaps, methods, hashes, and how to make it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fusion_eval.core.readable import percent
from fusion_eval.report.commands import commands
from fusion_eval.report.final_answers import sentences
from fusion_eval.report.words import dollars, escaped, listed, number
from fusion_eval.store import Run

_SHOWN = 8
Name = Callable[[object], str]
"""How a name is made harmless: `escaped` for Markdown, `plain` for a page that escapes itself."""


def money_lines(summary: Mapping[str, Any], name: Name = escaped) -> list[str]:
    """Charged against spent, grading apart; SIMULATED where the dollars are not real."""
    kind = "SIMULATED dollars, that nobody paid. " if summary["simulated"] else ""
    if all(summary["unknown_usd"][n] and not summary["at_least_usd"][n] for n in _PAID):
        return ["No cost is known in this run: neither of the answers nor of grading."]
    calls = summary["calls"]
    lines = [
        f"{kind}Answers: {_sum(summary, 'cost_usd')} charged to the recipes (each as if run "
        f"alone), {_sum(summary, 'spent_usd')} spent by this run after sharing. Grading, apart: "
        f"{_sum(summary, 'grading_usd')} charged, {_sum(summary, 'grading_spent_usd')} spent.",
        f"{number(calls['charged'], 'call')} charged, {calls['made']:,} made by this run.",
    ]
    if summary["at_least_usd"]["possibly_paid_usd"]:
        possibly = dollars(summary["at_least_usd"]["possibly_paid_usd"])
        lines.append(f"Up to {possibly} more may have been billed for attempts without an answer.")
    of_run = summary["money"]["run"] or {}
    lines += above_worst_case(of_run, name)
    unfinished = of_run.get("unfinished_usd")
    if unfinished:
        lines.append(
            f"{dollars(unfinished)} more went into trials that are not finished; they are not "
            "paid again when the run goes on."
        )
    return [*lines, *served_lines(summary, name)]


def above_worst_case(of_run: Mapping[str, Any], name: Name = escaped) -> list[str]:
    """Models that billed more than can be by the bench; `of_run` is `money` of a manifest."""
    return [
        f"{name(model)} billed {dollars(more['usd'])} more than the worst case that was "
        f"reserved, in {number(more['calls'], 'call')}: its price or its `max_tokens` is not "
        "what the bench says."
        for model, more in (of_run.get("above_worst_case") or {}).items()
    ]


def served_lines(summary: Mapping[str, Any], name: Name = escaped) -> list[str]:
    """Models that answered in the place of those that were asked; nothing where none did."""
    found = summary["money"]["served_otherwise"]
    if not found:
        return []
    rows = [
        f"- asked for {name(row['requested'])}, served {name(row['served'])} "
        f"({row['kind']}): {row['calls']:,} calls"
        + (f", {row['share']:.1%} of the dollars" if row["share"] is not None else "")
        for row in found
    ]
    return ["Not every call was served by the model that was asked for:", "\n".join(rows)]


_PAID = ("cost_usd", "spent_usd", "grading_usd")


def _sum(summary: Mapping[str, Any], column: str) -> str:
    if summary[column] is not None:
        return dollars(summary[column])
    known, unknown = summary["at_least_usd"][column], summary["unknown_usd"][column]
    return f"≥ {dollars(known)} ({number(unknown, 'trial')} unknown)" if known else "unknown"


def gaps(summary: Mapping[str, Any]) -> list[str]:
    """Missing tasks by name, lost, failed, ungraded and cut-off answers; or that there are none."""
    lines = [f"- {name}: {text}." for name, text in gaps_of(summary)]
    return ["\n".join(lines) if lines else "Every recipe has a score for every task."]


def gaps_of(summary: Mapping[str, Any], name: Name = escaped) -> list[tuple[str, str]]:
    """(recipe, what it lacks) for each recipe that lacks something."""
    found = (
        (name(recipe), _lacks(summary, recipe, row, name))
        for recipe, row in summary["recipes"].items()
    )
    return [(recipe, "; ".join(lacks)) for recipe, lacks in found if lacks]


def _without_final_answer(summary: Mapping[str, Any], recipe: str) -> int:
    found = (summary.get("final_answers") or {}).get("recipes", {})
    return int(found.get(recipe, {}).get("unread", 0))


def _lacks(
    summary: Mapping[str, Any], recipe: str, row: Mapping[str, Any], name: Name
) -> list[str]:
    found = []
    if row["missing_tasks"]:
        tasks = [name(task) for task in row["missing_tasks"]]
        found.append(f"no score for {number(len(tasks), 'task')}: {listed(tasks, _SHOWN)}")
    expected = summary["repeats"] * (summary["tasks"] - len(row["missing_tasks"]))
    if row["trials"] < expected:
        found.append(f"{number(row['trials'], 'answer')} where {expected} were planned")
    if row["failed"]:
        words = counted(row["failures"], name)
        found.append(f"{number(row['failed'], 'answer')} failed ({words})")
    if row["degraded"]:
        words = counted(row["degradations"], name)
        found.append(f"{number(row['degraded'], 'answer')} degraded ({words})")
    if unread := _without_final_answer(summary, recipe):
        found.append(f"{number(unread, 'answer')} without a final answer, counted as wrong")
    if row["ungraded"]:
        found.append(f"{number(row['ungraded'], 'answer')} without a readable verdict, left out")
    if row["truncated"]:
        found.append(f"{number(row['truncated'], 'answer')} cut off at the token limit")
    if row["coverage"] is not None and row["coverage"] < 1:
        found.append(_unread(row))
    return found


def _unread(row: Mapping[str, Any]) -> str:
    """Verdicts as counts; as a share where the run has scores only."""
    if row["unread_verdicts"]:
        count, was = row["unread_verdicts"], "was" if row["unread_verdicts"] == 1 else "were"
        return f"{count:,} of {row['verdicts']:,} verdicts {was} not read"
    return f"{percent(1 - row['coverage'])} of the verdicts were not read"


def counted(words: Mapping[str, int], name: Name = escaped) -> str:
    """`timeout 3× and refusal 1×`."""
    return listed([f"{name(word)} {count}×" for word, count in words.items()], 3)


def notes(run: Run, summary: Mapping[str, Any]) -> list[str]:
    """Methods, identity of the inputs, and the commands."""
    facts = "\n".join(f"- {line}" for line in identity(run, summary))
    shell = "\n".join(["```sh", *commands(run), "```"])
    return [methods(summary), facts, shell]


def methods(summary: Mapping[str, Any]) -> str:
    """How the numbers were made, in a few sentences."""
    found = sorted({r["score"]["method"] for r in summary["recipes"].values() if r["score"]})
    costs = sorted({r["cost_usd"]["method"] for r in summary["recipes"].values() if r["cost_usd"]})
    used = [
        "The task is the sampling unit: repeats and grader passes are averaged within it first.",
        f"Score intervals: {', '.join(found)}." if found else "",
        f"Cost intervals: {', '.join(costs)}." if costs else "",
        *_headlines(summary),
        *sentences(summary.get("final_answers")),
        "Comparisons: paired by task, sign-flip tests, step-down max-T and simultaneous intervals.",
        "Grading error is not in the intervals: they hold for this grader. Formulas and tests: "
        "docs/methods.md.",
    ]
    return " ".join(line for line in used if line)


def _headlines(summary: Mapping[str, Any]) -> list[str]:
    """What the benchmark's own policy makes of the scores, where it is not the mean over tasks."""
    own = {
        recipe: row["score_by_policy"]
        for recipe, row in summary["recipes"].items()
        if row.get("score_by_policy")
    }
    if not own:
        return []
    how = next(iter(own.values()))["method"]
    points = [f"{escaped(recipe)} {100 * found['value']:.1f}" for recipe, found in own.items()]
    return [f"Headlines as the score policy takes them ({how}): {', '.join(points)}."]


def identity(run: Run, summary: Mapping[str, Any], name: Name = escaped) -> list[str]:
    """Hashes, versions, seeds: what this run was made from."""
    m = run.manifest
    tasks, bench, source = (_mapping(m.get(name)) for name in ("tasks", "bench", "source"))
    found = {
        "tasks": f"{summary['tasks']}, hash {tasks.get('hash', 'unknown')}",
        "bench": f"{bench.get('name')}, hash {bench.get('hash')}" if bench else None,
        "source": f"{source.get('file')}, SHA-256 {source.get('sha256')}" if source else None,
        "criteria": _mapping(m.get("criteria")).get("sha256"),
        "inputs": m.get("inputs_hash"),
        "repeats": summary["repeats"],
        "seed": summary["seed"],
        "seed of the statistics": summary["statistics_seed"],
        "grader": _pairs(m.get("grader")),
        "prices": f"as of {m.get('prices_at')}" if m.get("prices_at") else None,
        "versions": _pairs(m.get("versions")),
        "git": m.get("git"),
        "simulated": summary["simulated"],
    }
    return [f"{key}: {name(value)}" for key, value in found.items() if value is not None]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _pairs(value: object) -> str | None:
    pairs = _mapping(value)
    return ", ".join(f"{key} {item}" for key, item in pairs.items()) if pairs else None
