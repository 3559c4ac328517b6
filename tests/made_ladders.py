"""Worlds of recipes with known scores and prices, as arrays: (n_tasks, n_recipes)."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from made_runs import task_hash
from numpy.typing import ArrayLike, NDArray

from fusion_eval.stats.dominance import hull

DECISIONS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "golden" / "decisions.json").read_text()
)
Floats = NDArray[np.float64]


def priced_world(
    score: ArrayLike, cost: ArrayLike, n: int, rng: np.random.Generator, spread: float = 0.8
) -> tuple[Floats, Floats]:
    """Scores that share the difficulty of tasks, log-normal costs that rise with it."""
    s, c = np.asarray(score, dtype=float), np.asarray(cost, dtype=float)
    hard = rng.normal(size=(n, 1))
    scores = s + 0.13 * hard + 0.08 * rng.normal(size=(n, len(s)))
    log = 0.5 * hard + np.sqrt(0.75) * rng.normal(size=(n, len(s)))
    return scores, c * np.exp(spread * log - spread**2 / 2)


def best_for(score: ArrayLike, cost: ArrayLike, price: float) -> float:
    """The true score of the best mixture that costs no more than `price`."""
    s, c = np.asarray(score, dtype=float), np.asarray(cost, dtype=float)
    chain = hull(s, c)
    if price >= c[chain[-1]]:
        return float(s[chain[-1]])
    i, j = next((i, j) for i, j in pairwise(chain) if c[i] <= price <= c[j])
    return float(s[i] + (price - c[i]) / (c[j] - c[i]) * (s[j] - s[i]))


def table(recipes: dict[str, dict[str, Any]], tasks: int, repeats: int = 1) -> pd.DataFrame:
    """A plain table of trials, as any harness could give it: recipe -> column -> value or array.

    Arrays have the shape (tasks,) or (tasks, repeats).
    """
    parts = []
    for name, columns in recipes.items():
        grid = pd.DataFrame({
            "task": np.repeat([f"t{t}" for t in range(tasks)], repeats), "recipe": name,
            "strategy": "solo", "repeat": np.tile(np.arange(repeats), tasks), "failure": None,
            "domain": None, "cost_usd": np.nan, "latency_s": np.nan,
        })  # fmt: skip
        for column, value in columns.items():
            cells = np.asarray(value)
            if cells.ndim == 1:
                cells = cells[:, None]
            grid[column] = np.broadcast_to(cells, (tasks, repeats)).ravel() if cells.ndim else value
        parts.append(grid)
    frame = pd.concat(parts, ignore_index=True)
    frame["task_hash"] = [task_hash(task) for task in frame["task"]]
    return frame
