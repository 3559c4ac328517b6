"""What the bench file planned: its doubts, its controls, its study; for summary and report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.report.words import dollars, escaped, in_code, points_range
from fusion_eval.stats.controls import of_run
from fusion_eval.stats.study import DESCRIPTIVE, decide
from fusion_eval.store import Run

_KEPT = ("a", "b", "difference", "low", "high", "p_adjusted", "conclusion", "n", "computed",
         "cost_usd", "method", "caveat")  # fmt: skip


def designed(run: Run, trials: pd.DataFrame, verdicts: pd.DataFrame) -> dict[str, Any]:
    """The part of the summary with `warnings`, `controls`, `equal_dollars` and `study`."""
    m = run.manifest
    controls = m.get("controls") or {}
    tables = of_run(trials, verdicts, controls) if len(trials) else {}
    return {
        "warnings": list(m.get("warnings") or []),
        "controls": {
            name: table[[c for c in _KEPT if c in table]].to_dict("records")
            for name, table in tables.items()
        },
        "equal_dollars": _dollars(trials, m.get("equal_dollars") or {}),
        "study": _study(trials, m.get("study")),
    }


def _dollars(trials: pd.DataFrame, sizes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Expected and realised dollars per answer of every sized recipe and of what it is sized to."""
    mean = trials.groupby(trials["recipe"].astype(str))["cost_usd"].mean()
    return [
        {**size, "realised_usd": mean.get(name), "target_realised_usd": mean.get(size["of"])}
        for name, size in sizes.items()
    ]


def _study(trials: pd.DataFrame, study: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not study:
        return None
    said = {k: study[k] for k in ("question", "hypothesis", "null_hypothesis", "rule", "margin")}
    try:
        outcome = decide(trials, study)
    except StatisticsError as problem:
        return {**said, "verdict": "not decided", "because": str(problem), "contrasts": []}
    return {
        **said, "verdict": outcome.verdict, "reading": outcome.reading, "because": None,
        "contrasts": list(outcome.rows),
    }  # fmt: skip


def sections(summary: Mapping[str, Any], table: Any) -> list[str]:
    """The parts of the report; `table(header, rows, simulated=)` draws one in Markdown."""
    parts = _study_section(summary, table) + _controls_sections(summary, table)
    if summary["warnings"]:
        parts += ["## Doubts about the design", "\n".join(_doubt(w) for w in summary["warnings"])]
    return parts


def _doubt(warned: Mapping[str, Any]) -> str:
    reason = f" Accepted: {escaped(warned['reason'])}." if warned["reason"] else ""
    return f"- {escaped(warned['code'])}: {escaped(warned['text'])}.{reason}"


def _verdict(study: Mapping[str, Any]) -> str:
    if study["verdict"] == DESCRIPTIVE:
        return f"**Descriptive**, too few tasks to decide: it would be {study['reading']}."
    return f"The hypothesis is **{study['verdict']}**."


def _study_section(summary: Mapping[str, Any], table: Any) -> list[str]:
    study = summary["study"]
    if not study:
        return []
    said = (
        f"**{escaped(study['question'])}** Hypothesis: {escaped(study['hypothesis'])} Null: "
        f"{escaped(study['null_hypothesis'])}\n\n"
        f"{_verdict(study)}"
    )
    if study["because"]:
        return ["## Study", f"{said} {escaped(study['because'])}."]
    rule = "every claim must hold" if study["rule"] == "all" else "one claim must hold"
    rows = [
        [escaped(r["contrast"]), r["claim"] or "–",
         points_range({**r, "value": r["difference"]}, signed=True), r["conclusion"], str(r["n"])]
        for r in study["contrasts"]
    ]  # fmt: skip
    header = ["contrast", "claim", "difference, points", "conclusion", "tasks"]
    about = (
        f"Rule, written before the run: {rule}; equivalent means within {study['margin']:g} "
        "points. Intervals hold for all contrasts at once."
    )
    return ["## Study", said, table(header, rows, simulated=summary["simulated"]), about]


def _controls_sections(summary: Mapping[str, Any], table: Any) -> list[str]:
    parts: list[str] = []
    for subject, found in summary["controls"].items():
        rows = [
            [escaped(r["a"]) + (" (computed)" if r["computed"] else ""),
             points_range({**r, "value": r["difference"]}, signed=True), r["conclusion"],
             dollars(r["cost_usd"]) if r["cost_usd"] is not None else "–", str(r["n"])]
            for r in found
        ]  # fmt: skip
        header = [f"control of {escaped(subject)}", "less the recipe, points", "conclusion",
                  "cost per answer", "tasks"]  # fmt: skip
        parts.append(table(header, rows, simulated=summary["simulated"]))
    if not parts:
        return []
    about = (
        "`worse`: the control is, so what it leaves out counts. Oracles are upper bounds and not "
        "recipes: the best of the members' answers to each task, and all their right points with "
        "only the errors that all make. The best member is estimated on tasks that did not choose "
        "it; its interval covers the choice."
    )
    return ["## Controls", *parts, about, *_money(summary)]


def _money(summary: Mapping[str, Any]) -> list[str]:
    """Equal dollars were an expectation: what they came to."""
    lines = [
        f"- {in_code(s['recipe'])} ({s['parameter']} = {s['value']:,}, from {s['source']}): "
        f"expected {dollars(s['expected_usd'])}, realised {dollars(s['realised_usd'])} per answer; "
        f"{in_code(s['of'])}: expected {dollars(s['target_usd'])}, realised "
        f"{dollars(s['target_realised_usd'])}"
        for s in summary["equal_dollars"]
    ]
    return (
        ["Equal dollars are an expectation from before the run:", "\n".join(lines)] if lines else []
    )
