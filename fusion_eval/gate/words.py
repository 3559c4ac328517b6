"""The outcome of a gate as people read it: lines for a terminal, Markdown for a job summary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fusion_eval.core.readable import percent, with_ends
from fusion_eval.gate.values import Checked, Outcome
from fusion_eval.report.words import dollars, escaped, number, plain, points

HEADINGS = ("outcome", "recipe", "rule", "measured", "on", "what would decide")
_LARGEST = 900_000
"""Bytes; a job summary takes one MiB."""
_UNITS = {
    "quality": "difference", "beats": "difference", "cost": "factor", "latency": "factor",
    "failures": "percent1", "coverage": "percent1",
}  # fmt: skip
"""kind of rule -> how its numbers are written (`core.readable.KINDS`)"""


def measured(outcome: Outcome) -> str:
    """`−0.8 (−2.1 to +0.5)`, `1.04 × (0.98 × to 1.10 ×)`, `unknown`."""
    if outcome.value is None:
        return "unknown"
    return with_ends(_UNITS[outcome.kind], outcome.value, outcome.low, outcome.high)


def count(outcome: Outcome) -> str:
    """`26 tasks`; shares are of answers."""
    what = "answer" if outcome.kind == "coverage" else "task"
    return number(outcome.n, what)


def row(outcome: Outcome) -> tuple[str, ...]:
    """One line of the table, under HEADINGS."""
    why = "; ".join(text for text in (outcome.needs, outcome.why) if text)
    return (
        outcome.word,
        outcome.recipe,
        outcome.rule,
        measured(outcome),
        count(outcome),
        why or "–",
    )


def verdict(checked: Checked) -> str:
    """One sentence: what the gate says; why it says nothing, where it has nothing to say."""
    return headlines(checked)[0]


def headlines(checked: Checked) -> list[str]:
    """What is read first: why nothing was measured, or that nothing new was; then the outcome."""
    start = "SIMULATED: " if checked.simulated else ""
    if checked.not_measured:
        return [f"{start}{text}" for text in (*checked.not_measured, "The gate cannot tell.")]
    if checked.nothing_new:
        return [
            f"{start}NOTHING NEW WAS MEASURED: every answer is one of the baseline's own, out of "
            "the ledger.",
            _outcome(checked),
        ]
    if checked.incomplete and checked.word != "fail":
        return [f"{start}INCOMPLETE: the run is not finished, so it passes nothing.",
                _outcome(checked)]  # fmt: skip
    return [_outcome(checked)]


def _outcome(checked: Checked) -> str:
    counts = {
        w: sum(o.word == w for o in checked.outcomes) for w in ("fail", "inconclusive", "pass")
    }
    many = len(checked.outcomes)
    start = "SIMULATED: " if checked.simulated else ""
    said = {
        "pass": "every rule is kept, beyond chance",
        "fail": f"{counts['fail']} of {many} rules not kept, and clearly worse than the baseline",
        "inconclusive": f"cannot tell for {counts['inconclusive']} of {many} rules",
    }[checked.word]
    return f"{start}{checked.word.upper()}: {said}."


def floors(checked: Checked) -> list[str]:
    """What margin each recipe's design can hold, and a warning where less is asked."""
    lines = []
    for name, value in checked.floors.items():
        if value is None:
            lines.append(f"{name}: noise floor unknown; a baseline with repeats shows it")
            continue
        asked = [-o.limit for o in checked.outcomes if o.recipe == name and o.kind == "quality"]
        if value >= 1:
            lines.append(f"{name}: this design holds no margin within the scale of scores")
            continue
        low = [margin for margin in asked if margin < value]
        warning = f"; the margin of {100 * min(low):g} is below it" if low else ""
        lines.append(
            f"{name}: this design holds a margin of {100 * value:.1f} points "
            f"with 80 % power{warning}"
        )
    return lines


def context(checked: Checked, name: Callable[[object], str] = plain) -> list[str]:
    """What changed, what lost most, and what the run took: one fact a line."""
    told, lines = checked.context, []
    if checked.word != "pass":
        lines += ["What changed in the bench: " + "; ".join(map(name, told.changes)) + "."] * bool(
            told.changes
        )
        lost = [f"{name(task)} ({name(recipe)}) {points(change, signed=True)}"
                for recipe, task, change in told.tasks]  # fmt: skip
        lines += [f"Tasks that lost most, points: {', '.join(lost)}."] * bool(lost)
        criteria = [
            f"{name(criterion)} of {name(task)} ({name(recipe)}) {points(change, signed=True)}, "
            f"met {percent(then, 0)} → {percent(now, 0)}"
            for recipe, task, criterion, change, then, now in told.criteria
        ]
        lines += [f"Criteria that lost most, points of their task: {'; '.join(criteria)}."] * bool(
            criteria
        )
    return [*lines, *filter(None, [_took(checked)])]


def _took(checked: Checked) -> str:
    """`This run cost $0.24 (SIMULATED), grading included, and took 34 s.`"""
    told, parts = checked.context, []
    if told.spent_usd is not None:
        simulated = " (SIMULATED)" if checked.simulated else ""
        parts.append(f"cost {dollars(told.spent_usd)}{simulated}, grading included")
    if told.seconds is not None:
        parts.append(f"took {told.seconds:,.0f} s")
    return f"This run {' and '.join(parts)}." if parts else ""


def as_json(checked: Checked) -> dict[str, Any]:
    """The same for programs; scores and margins 0 to 1."""
    return {
        "simulated": checked.simulated,
        "run": checked.run_id,
        "baseline": checked.baseline_id,
        "outcome": checked.word,
        "exit_code": checked.exit_code,
        "incomplete": checked.incomplete,
        "headline": verdict(checked),
        "not_measured": list(checked.not_measured),
        "nothing_new": checked.nothing_new,
        "context": asdict(checked.context),
        "rules": [
            {name: getattr(o, name) for name in Outcome.__dataclass_fields__} | {"outcome": o.word}
            for o in checked.outcomes
        ],
        "noise_floor": checked.floors,
        "notes": list(checked.notes),
    }


def kept(checked: Checked) -> dict[str, Any]:
    """What `explain RUN gate` shows again: the JSON, and the lines of the terminal."""
    return {**as_json(checked), "lines": terminal(checked)}


def markdown(checked: Checked) -> str:
    """For a job summary or a comment: the sentence, the table, the notes; always below 1 MiB."""
    head = "outcome (SIMULATED)" if checked.simulated else "outcome"
    first, *more = headlines(checked)
    lines = [f"## {escaped(first)[:2000]}", "", *(f"{escaped(text)[:2000]}\n" for text in more)]
    lines += [f"| {' | '.join((head, *HEADINGS[1:]))} |", f"|{' --- |' * len(HEADINGS)}"]
    size, shown = sum(map(len, lines)), 0
    for outcome in sorted(
        checked.outcomes, key=lambda o: ("fail", "inconclusive", "pass").index(o.word)
    ):
        line = f"| {' | '.join(escaped(cell)[:2000] for cell in row(outcome))} |"
        if (size := size + len(line.encode()) + 1) > _LARGEST:
            break
        lines.append(line)
        shown += 1
    if rest := len(checked.outcomes) - shown:
        lines.append(f"\n{rest} more rules are in the JSON.")
    lines += ["", *(f"- {text[:2000]}" for text in context(checked, escaped))]
    lines += [
        *(f"- {escaped(text)[:2000]}" for text in [*floors(checked), *checked.notes][:100]),
    ]
    lines += ["", f"Run {escaped(checked.run_id)} against baseline {escaped(checked.baseline_id)}."]
    return "\n".join(lines) + "\n"


def terminal(checked: Checked) -> list[str]:
    """Plain lines."""
    lines = [*map(plain, headlines(checked)), ""]
    for o in checked.outcomes:
        lines.append(f"{o.word:12} {plain(o.recipe)}: {plain(o.rule)}; {measured(o)}, {count(o)}")
        lines += [
            f"             {plain(text)}"
            for text in (o.why, o.needs and f"to decide: {o.needs}")
            if text
        ]
    more = [*context(checked), *map(plain, floors(checked)), *map(plain, checked.notes)]
    return [*lines, "", *more]
