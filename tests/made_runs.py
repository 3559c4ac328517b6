"""Runs with known contents, written to disk without any call; for tests of the right tower."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval import frames
from fusion_eval.store import Run, write_manifest, write_table

Tweak = Callable[[dict[str, Any], np.random.Generator], dict[str, Any] | None]

NINE = {
    "solo-a": ("solo", 0.50, 0.001),
    "solo-b": ("solo", 0.60, 0.004),
    "solo-c": ("solo", 0.55, 0.006),
    "self-fusion": ("self_fusion", 0.64, 0.009),
    "vote-abc": ("vote", 0.63, 0.012),
    "best-of-5": ("best_of_n", 0.66, 0.016),
    "panel": ("panel", 0.70, 0.02),
    "debate": ("debate", 0.68, 0.05),
    "moa-two-layers": ("moa", 0.71, 0.08),
}
"""recipe -> (strategy, mean score, mean cost)"""
FOUR_PARTS = {name: NINE[name] for name in ("solo-a", "solo-b", "panel", "debate")}


def task_hash(task: str) -> str:
    return hashlib.sha256(task.encode()).hexdigest()[:16]


def trial(task: str, recipe: str, score: float | None = None, **more: Any) -> dict[str, Any]:
    """A row of trials; a score alone means an answer that was wholly graded."""
    row = {
        "task": task,
        "task_hash": task_hash(task),
        "recipe": recipe,
        "strategy": "solo",
        "repeat": 0,
        "score": score,
        "score_min": score,
        "score_max": score,
        "coverage": None if score is None else 1.0,
    }
    return row | more


def write_run(folder: Path, rows: list[dict[str, Any]], **manifest: Any) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    verdicts, calls = manifest.pop("verdicts", []), manifest.pop("calls", [])
    write_table(folder, "trials", rows)
    write_table(folder, "verdicts", verdicts)
    write_table(folder, "calls", calls)
    known = {"run_id": folder.name, "simulated": False, "status": "finished", "seed": 7}
    return write_manifest(folder, known | manifest)


def trials_of(folder: Path, rows: list[dict[str, Any]], **manifest: Any) -> pd.DataFrame:
    return frames.trials(write_run(folder, rows, **manifest))


def made_run(
    folder: Path,
    recipes: Mapping[str, tuple[str, float, float | None]] = NINE,
    *,
    n: int = 30,
    repeats: int = 1,
    seed: int = 0,
    tweak: Tweak | None = None,
    **manifest: Any,
) -> Run:
    """A run whose scores share the difficulty of their tasks; `tweak` may change or drop rows."""
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(0, 0.12, n)
    rows = []
    for recipe, (strategy, mean, cost) in recipes.items():
        for k in range(n):
            for repeat in range(repeats):
                score = float(np.clip(mean + difficulty[k] + rng.normal(0, 0.08), 0, 1))
                row = trial(
                    f"task-{k}", recipe, score, strategy=strategy, repeat=repeat,
                    domain=("Law", "Science")[k % 2],
                    cost_usd=None if cost is None else float(cost * rng.lognormal(0, 0.5)),
                    spent_usd=None if cost is None else 0.5 * cost,
                    grading_usd=0.002, grading_spent_usd=0.001, possibly_paid_usd=0.0,
                    latency_s=float(5 * rng.lognormal(0, 0.3)), latency_source="simulated",
                    finish="stop",
                )  # fmt: skip
                changed = tweak(row, rng) if tweak else row
                if changed is not None:
                    rows.append(changed)
    return write_run(folder, rows, **manifest)
