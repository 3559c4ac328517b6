"""What the bench file planned: its doubts, its controls, its study; for the summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.stats.controls import of_run
from fusion_eval.stats.study import decide
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
