"""Statistics of 184 public calls to OpenRouter Fusion from outside: ratios of cost and latency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from made_openhands import rounded, rounded_interval

from fusion_eval.stats.ratio import positive_ratio

SINGLES = ("B_cn", "B_west")


def statistics(folder: Path) -> dict[str, Any]:
    """What docs/openrouter-fusion-in-public.md prints, from `calls.csv` in `folder`."""
    calls = pd.read_csv(folder / "calls.csv")
    zero = calls["cost_usd"] == 0
    panels = [name for name in calls["config"].unique() if name not in SINGLES]
    return {
        "source": {
            "repository": "FrolovKirill/openrouter-fusion-eval", "date": "2026-06-15",
            "calls": len(calls), "questions": calls["question"].nunique(),
            "configurations": calls["config"].nunique(), "failed": int((~calls["ok"]).sum()),
            "repeats": int(calls.groupby(["config", "question"]).size().max()),
            "dollars": rounded(calls["cost_usd"].sum()), "zero_costs": int(zero.sum()),
            "zero_config": str(calls.loc[zero, "config"].iloc[0]),
            "zero_tokens": int(calls.loc[zero, "completion_tokens"].iloc[0]),
        },
        "configurations": [_configuration(calls, name) for name in calls["config"].unique()],
        "ratios": [_ratios(calls, panel, one) for one in SINGLES for panel in panels],
    }  # fmt: skip


def _configuration(calls: pd.DataFrame, name: str) -> dict[str, Any]:
    own = calls[calls["config"] == name]
    paid = own.loc[own["cost_usd"] > 0, "cost_usd"]
    return {
        "config": name, "n": len(own), "cost_n": len(paid), "cost": rounded(paid.mean()),
        "latency": rounded(own["latency_s"].mean()), "longest": rounded(own["latency_s"].max()),
        "retries": int(own["retries"].sum()),
    }  # fmt: skip


def _ratios(calls: pd.DataFrame, panel: str, single: str) -> dict[str, Any]:
    """Mean over mean of paired questions, delta method on the log; costs of 0 are unknown."""
    row: dict[str, Any] = {"panel": panel, "single": single}
    for column, name in (("cost_usd", "cost"), ("latency_s", "latency")):
        wide = calls.pivot(index="question", columns="config", values=column)[[panel, single]]
        both = wide[(wide > 0).all(axis=1)]
        ratio = positive_ratio(both[panel], both[single])
        row |= {f"{name}_n": ratio.n}
        row |= rounded_interval(ratio.value, ratio.low, ratio.high, name)
    return row
