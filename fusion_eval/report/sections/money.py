"""What was charged and what was paid, by role and by model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fusion_eval.report.blocks import Block, Cell, Figure, Look, Section, Text, table
from fusion_eval.report.notes import money_lines

_HEADS = ("calls", "made", "tokens in", "tokens out", "charged", "spent")


def money(summary: Mapping[str, Any], look: Look) -> Section:
    """Sums, and tables where a cost is known."""
    lines = [Text(line) for line in money_lines(summary)]
    figure = Figure(
        "costs",
        "What an answer costs a user who runs that recipe alone, by what its calls did. Grading is "
        "not part of it",
    )
    return Section("money", "Money", (*lines, figure, *_tables(summary, look)))


def _tables(summary: Mapping[str, Any], look: Look) -> Iterator[Block]:
    recipes = summary["money"]["by_recipe"]
    roles = dict.fromkeys(role for row in recipes.values() for role in row["roles"])
    order = list(summary["money"]["by_role"])
    known = sorted(roles, key=lambda role: order.index(role) if role in order else len(order))
    if any(usd for row in recipes.values() for usd in row["roles"].values()):
        at = look.below("money", "by_recipe")
        yield table(
            ["recipe", *known, "grading"],
            [
                [
                    name,
                    *(at.number("usd", name, "roles", role, none="–") for role in known),
                    at.number("usd", name, "grading", none="–"),
                ]
                for name in recipes
            ],
            simulated=summary["simulated"],
            label="US$ of an answer by role, mean over its answers, and grading apart",
        )
    for part in ("role", "model"):
        found, at = summary["money"][f"by_{part}"], look.below("money", f"by_{part}")
        if any(row["at_least_usd"]["cost_usd"] for row in found.values()):
            rows: list[list[Cell]] = [[name, *_cells(at.below(name))] for name in found]
            label = f"Calls and dollars by {part}"
            yield table([part, *_HEADS], rows, simulated=summary["simulated"], label=label)


def _cells(at: Look) -> Iterator[Cell]:
    """Calls, tokens, dollars of one role or model; at least, where a part is unknown."""
    for name in ("charged", "made", "tokens_in", "tokens_out"):
        yield at.number("count", name)
    for name in ("cost_usd", "spent_usd"):
        if at.get(name) is None and at.get("at_least_usd", name):
            yield ("≥ ", at.number("usd", "at_least_usd", name))
        else:
            yield at.number("usd", name)
