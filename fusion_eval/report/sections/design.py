"""What the bench file planned: its study, its controls, and doubts about the design."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fusion_eval.report.blocks import Block, Cell, Look, Section, Text, table
from fusion_eval.report.words import dollars, escaped, in_code
from fusion_eval.stats.study import DESCRIPTIVE

_ABOUT_CONTROLS = (
    "`worse`: the control is, so what it leaves out counts. Oracles are upper bounds and not "
    "recipes: the best of the members' answers to each task, and all their right points with "
    "only the errors that all make. The best member is estimated on tasks that did not choose "
    "it; its interval covers the choice."
)


def design(summary: Mapping[str, Any], look: Look) -> Iterator[Section]:
    """The sections on what was planned, as far as there is something to say."""
    if summary["study"]:
        yield Section("study", "Study", tuple(_study(summary, look)))
    if summary["controls"]:
        yield Section("controls", "Controls", tuple(_controls(summary, look)))
    if summary["warnings"]:
        doubts = "\n".join(_doubt(one) for one in summary["warnings"])
        yield Section("doubts", "Doubts about the design", (Text(doubts),))


def verdict(study: Mapping[str, Any], bold: str = "**") -> str:
    """What the study says, in one sentence."""
    if study["verdict"] == DESCRIPTIVE:
        word = f"{bold}Descriptive{bold}"
        return f"{word}, too few tasks to decide: it would be {study['reading']}."
    return f"The hypothesis is {bold}{study['verdict']}{bold}."


def _study(summary: Mapping[str, Any], look: Look) -> Iterator[Block]:
    study = summary["study"]
    because = f" {escaped(study['because'])}." if study["because"] else ""
    yield Text(
        f"**{escaped(study['question'])}** Hypothesis: {escaped(study['hypothesis'])} Null: "
        f"{escaped(study['null_hypothesis'])}\n\n{verdict(study)}{because}"
    )
    if because:
        return
    at = look.below("study", "contrasts")
    rows: list[list[Cell]] = [
        [
            row["contrast"],
            row["claim"] or "–",
            at.interval("difference", k, value="difference"),
            row["conclusion"],
            at.number("count", k, "n"),
        ]
        for k, row in enumerate(study["contrasts"])
    ]
    heads = ["contrast", "claim", "difference, points", "conclusion", "tasks"]
    yield table(heads, rows, simulated=summary["simulated"], label="Contrasts of the study")
    rule = "every claim must hold" if study["rule"] == "all" else "one claim must hold"
    yield Text(
        f"Rule, written before the run: {rule}; equivalent means within {study['margin']:g} "
        "points. Intervals hold for all contrasts at once."
    )


def _controls(summary: Mapping[str, Any], look: Look) -> Iterator[Block]:
    for subject, found in summary["controls"].items():
        at = look.below("controls", subject)
        rows: list[list[Cell]] = [
            [
                row["a"] + (" (computed)" if row["computed"] else ""),
                at.interval("difference", k, value="difference"),
                row["conclusion"],
                at.number("usd", k, "cost_usd", none="–"),
                at.number("count", k, "n"),
            ]
            for k, row in enumerate(found)
        ]
        heads = [f"control of {subject}", "less the recipe, points", "conclusion",
                 "cost per answer", "tasks"]  # fmt: skip
        yield table(heads, rows, simulated=summary["simulated"], label=f"Controls of {subject}")
    yield Text(_ABOUT_CONTROLS)
    if summary["equal_dollars"]:
        lines = "\n".join(_sized(size) for size in summary["equal_dollars"])
        yield Text("Equal dollars are an expectation from before the run:")
        yield Text(lines)


def _sized(size: Mapping[str, Any]) -> str:
    return (
        f"- {in_code(size['recipe'])} ({size['parameter']} = {size['value']:,}, from "
        f"{size['source']}): expected {dollars(size['expected_usd'])}, realised "
        f"{dollars(size['realised_usd'])} per answer; {in_code(size['of'])}: expected "
        f"{dollars(size['target_usd'])}, realised {dollars(size['target_realised_usd'])}"
    )


def _doubt(warned: Mapping[str, Any]) -> str:
    reason = f" Accepted: {escaped(warned['reason'])}." if warned["reason"] else ""
    return f"- {escaped(warned['code'])}: {escaped(warned['text'])}.{reason}"
