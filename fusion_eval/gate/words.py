"""The outcome of a gate as people read it: lines for a terminal, Markdown for a job summary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fusion_eval.gate.values import Checked, Outcome
from fusion_eval.report.words import escaped, number, plain, points
from fusion_eval.stats.caveats import percent

HEADINGS = ("outcome", "recipe", "rule", "measured", "on", "what would decide")
_LARGEST = 900_000
"""Bytes; a job summary takes one MiB."""
_UNITS: dict[str, Callable[[float], str]] = {
    "quality": lambda value: points(value, signed=True),
    "beats": lambda value: points(value, signed=True),
    "cost": lambda value: f"{value:.2f} ×",
    "latency": lambda value: f"{value:.2f} ×",
    "failures": percent,
    "coverage": percent,
}


def measured(outcome: Outcome) -> str:
    """`−0.8 (−2.1 to +0.5)`, `1.04 × (0.98 × to 1.10 ×)`, `unknown`."""
    unit = _UNITS[outcome.kind]
    if outcome.value is None:
        return "unknown"
    if outcome.low is None or outcome.high is None:
        return unit(outcome.value)
    return f"{unit(outcome.value)} ({unit(outcome.low)} to {unit(outcome.high)})"


def count(outcome: Outcome) -> str:
    """`26 tasks`; shares are of answers."""
    what = "answer" if outcome.kind in ("failures", "coverage") else "task"
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
    """One sentence: what the gate says."""
    counts = {
        w: sum(o.word == w for o in checked.outcomes) for w in ("fail", "inconclusive", "pass")
    }
    many = len(checked.outcomes)
    start = "SIMULATED: " if checked.simulated else ""
    said = {
        "pass": "every rule is kept, beyond chance",
        "fail": f"{counts['fail']} of {many} rules broken, beyond chance",
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
        low = [margin for margin in asked if margin < value]
        warning = f"; the margin of {100 * min(low):g} is below it" if low else ""
        lines.append(
            f"{name}: this design holds a margin of {100 * value:.1f} points "
            f"with 80 % power{warning}"
        )
    return lines


def as_json(checked: Checked) -> dict[str, Any]:
    """The same for programs; scores and margins 0 to 1."""
    return {
        "simulated": checked.simulated,
        "run": checked.run_id,
        "baseline": checked.baseline_id,
        "outcome": checked.word,
        "exit_code": checked.exit_code,
        "incomplete": checked.incomplete,
        "rules": [
            {name: getattr(o, name) for name in Outcome.__dataclass_fields__} | {"outcome": o.word}
            for o in checked.outcomes
        ],
        "noise_floor": checked.floors,
        "notes": list(checked.notes),
    }


def markdown(checked: Checked) -> str:
    """For a job summary or a comment: the sentence, the table, the notes; always below 1 MiB."""
    head = "outcome (SIMULATED)" if checked.simulated else "outcome"
    lines = [f"## {escaped(verdict(checked))}", ""]
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
    lines += [
        "",
        *(f"- {escaped(text)[:2000]}" for text in [*floors(checked), *checked.notes][:100]),
    ]
    lines += ["", f"Run {escaped(checked.run_id)} against baseline {escaped(checked.baseline_id)}."]
    return "\n".join(lines) + "\n"


def terminal(checked: Checked) -> list[str]:
    """Plain lines."""
    lines = [verdict(checked), ""]
    for o in checked.outcomes:
        lines.append(f"{o.word:12} {plain(o.recipe)}: {plain(o.rule)}; {measured(o)}, {count(o)}")
        lines += [
            f"             {plain(text)}"
            for text in (o.why, o.needs and f"to decide: {o.needs}")
            if text
        ]
    return [*lines, "", *map(plain, floors(checked)), *map(plain, checked.notes)]
