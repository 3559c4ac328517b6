"""What `power` and `plan` print about designs: tables and sentences, no thought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.table import Table

from fusion_eval.bench.plan import Plan
from fusion_eval.design import Reach
from fusion_eval.terminal import comparisons, console


def reach_line(plan: Plan, reach: Reach) -> str:
    """What difference the design can detect, for one comparison and for all of them."""
    low, middle, high = reach.points
    design = f"{_many(plan.tasks, 'task')} × {_many(plan.repeats, 'repeat')}"
    if plan.tasks < 2:
        return (
            f"{design} can detect no difference: two tasks are needed at least, and 15 to lean on."
        )
    found = (
        f"{design} can detect a difference of about {_reached(middle)} between two recipes "
        f"({_reached(low)} to {_reached(high)}, as alike as they are; 80 % power"
    )
    if reach.comparisons > 1:
        each = " to ".join(_reached(x) for x in (reach.all_points[0], reach.all_points[2]))
        found += f"; looking at {reach.comparisons} comparisons at once {each}"
    return f"{found}), by {reach.source}. After a pilot: fusion-eval power RUN."


def _reached(points: float) -> str:
    """Points, as far as the scale of scores goes."""
    return f"{points:g} points" if points <= 100 else "more than the whole scale"


def show_power(table: pd.DataFrame, *, no_color: bool = False) -> None:
    """What a run can detect, and the study that finds the difference, pair by pair."""
    aim = table.attrs["aim"]
    title = "SIMULATED · " if table.attrs["simulated"] else ""
    drawn = Table(
        title=f"{title}to find {100 * aim['difference']:g} points with {aim['power']:.0%} power "
        f"(two-sided, error rate {aim['alpha']:.2g} each)"
    )
    for name in ("a", "b"):
        drawn.add_column(name, overflow="fold")
    names = ("SD", "now: tasks", "finds", "then: tasks", "as seen", "repeats", "passes", "power")
    for name in (*names, "US$"):
        drawn.add_column(name, justify="right")
    for row in comparisons(table):
        now = f"{row['n']} × {row['repeats_now'] or 0:.3g}"
        then = [row["tasks"], row["tasks_as_seen"], row["repeats"], row["passes"]]
        drawn.add_row(
            row["a"], row["b"], _plain_points(row["sd"]), now, _plain_points(row["detectable_now"]),
            *["–" if x is None else f"{x:,.0f}" for x in then],
            "–" if row["power"] is None else f"{row['power']:.0%}",
            "unknown" if row["usd"] is None else f"{row['usd']:,.2f}",
        )  # fmt: skip
    out = console(no_color=no_color)
    out.print(drawn)
    out.print(
        "SD: of the paired difference of two task means, points. Finds: the smallest difference "
        f"that the pilot's own design finds with {aim['power']:.0%} power, points. Then: with the "
        "upper 80 % limit of the SD, which a pilot of so few tasks knows badly; as seen: with the "
        "SD as it is, which is short every second time."
    )
    for line in _study_lines(table):
        out.print(line, markup=False)


def _study_lines(table: pd.DataFrame) -> list[str]:
    """The study for everything undecided, whom it leaves out, and the caveats."""
    plan, found = table.attrs["study"], []
    if plan is not None:
        price = "" if plan["usd"] != plan["usd"] else f", about ${plan['usd']:,.2f} with grading"
        found.append(
            f"One study for the {plan['pairs']} undecided pairs ({', '.join(plan['recipes'])}): "
            f"{_many(plan['tasks'], 'task')} × {_many(plan['repeats'], 'repeat')} × "
            f"{_many(plan['passes'], 'grader pass', 'es')}"
            f"{price}; power {plan['power']:.0%} for the noisiest of them."
        )
    elif (table["conclusion"] == "undecided").any():
        found.append("No study within these limits has the power for all undecided pairs.")
    if table.attrs["leave_out"]:
        beaten = ", ".join(table.attrs["leave_out"])
        found.append(f"Leave out, beaten on score and cost beyond chance: {beaten}.")
    notes = [f"{a} – {b}: {note}" for a, b, note in table[["a", "b", "caveat"]].values if note]
    return found + [f"- {note}" for note in notes]


def _many(count: int, what: str, plural: str = "s") -> str:
    return f"{count:,} {what}{plural if count != 1 else ''}"


def _plain_points(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def show_published(
    rows: list[dict[str, Any]], aim: Mapping[str, Any], source: str, *, no_color: bool = False
) -> None:
    """Studies by the noise of public runs."""
    drawn = Table(
        title=f"to find {aim['difference']:g} points with {aim['power']:.0%} power, two recipes"
    )
    drawn.add_column("pair as in public runs")
    for name in ("SD", "tasks", "repeats", "passes", "power", "finds"):
        drawn.add_column(name, justify="right")
    for row in rows:
        plan = row["plan"] or row.get("these_tasks")
        drawn.add_row(
            row["pair"], _plain_points(row["sd"]), f"{plan['tasks']:,}" if plan else "–",
            str(plan["repeats"]) if plan else "–", str(plan["passes"]) if plan else "–",
            f"{plan['power']:.0%}" if plan else "–",
            _plain_points(plan["detectable"]) if plan else "–",
        )  # fmt: skip
    out = console(no_color=no_color)
    out.print(drawn)
    out.print(f"Noise of {source}; your own recipes differ: a pilot run knows better.")
