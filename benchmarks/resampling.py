"""The statistics against scipy and pandas: ratios measured in one run.

    python benchmarks/resampling.py [--repeats 5]

1. 26 recipes x 100 tasks x 3 repeats: all 325 pairs with joint intervals and step-down p from
   10,000 sign flips, against `scipy.stats.bootstrap` with 10,000 resamples, pair by pair (a
   tenth of the pairs is timed). At least 50 times faster is the aim.
2. A million verdicts from a Parquet file to a score with interval per recipe, against the time
   that pandas needs to read the file. At most 10 times is the aim.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy import stats as scipy_stats

from fusion_eval import stats
from fusion_eval.stats.multiple import flip_signs
from fusion_eval.stats.verdicts import scores_of

RECIPES, TASKS, REPEATS, RESAMPLES = 26, 100, 3, 10_000


def main() -> None:
    """Measure interleaved, print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    trials = made_trials()
    x = trials.groupby(["task", "recipe"])["score"].mean().unstack().to_numpy()
    pairs = list(combinations(range(RECIPES), 2))
    some = pairs[:: len(pairs) // 32]
    share = len(pairs) / len(some)
    times = interleaved(
        {
            "scipy, paired samples": lambda: [scipy_pair(x[:, i], x[:, j]) for i, j in some],
            "scipy, differences": lambda: [scipy_one(x[:, i] - x[:, j]) for i, j in some],
            "ours, arrays": lambda: all_pairs(trials),
            "ours, fe.compare": lambda: stats.compare(trials, flips=RESAMPLES - 1),
        },
        repeats,
    )
    for name in times:
        times[name] *= share if name.startswith("scipy") else 1
        print(f"{name:32s} {times[name]:8.3f} s")
    for theirs in ("scipy, paired samples", "scipy, differences"):
        for ours in ("ours, arrays", "ours, fe.compare"):
            print(f"{theirs} / {ours}: {times[theirs] / times[ours]:.0f} x")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "verdicts.parquet"
        made_verdicts().to_parquet(path)
        both = interleaved(
            {"read": lambda: pd.read_parquet(path), "score": lambda: scored_file(path)}, repeats
        )
    print(f"reading 10^6 verdicts {both['read']:.3f} s; from file to scores {both['score']:.3f} s")
    print(f"scores / reading: {both['score'] / both['read']:.1f} x")


def interleaved(work: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each, in turns; the first turn is not counted."""
    seen: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(repeats + 1):
        for name, do in work.items():
            start = time.perf_counter()
            do()
            if turn:
                seen[name].append(time.perf_counter() - start)
    return {name: float(np.median(each)) for name, each in seen.items()}


def made_trials() -> pd.DataFrame:
    """Scores of recipes that share the difficulty of tasks."""
    rng = np.random.default_rng(0)
    shape = (RECIPES, TASKS, REPEATS)
    score = 0.6 + rng.normal(0, 0.15, (1, TASKS, 1)) + rng.normal(0, 0.1, shape)
    recipe, task, repeat = (axis.ravel() for axis in np.indices(shape))
    return pd.DataFrame(
        {
            "task": np.char.add("t", task.astype(str)),
            "recipe": np.char.add("r", recipe.astype(str)),
            "repeat": repeat, "score": np.clip(score, 0, 1).ravel(),
        }
    )  # fmt: skip


def all_pairs(trials: pd.DataFrame) -> object:
    """Repeats averaged, then joint intervals and adjusted p of all pairs."""
    x = trials["score"].to_numpy().reshape(RECIPES, TASKS, REPEATS).mean(axis=2).T
    d = np.column_stack([x[:, i] - x[:, j] for i, j in combinations(range(RECIPES), 2)])
    signs = flip_signs(TASKS, RESAMPLES - 1, np.random.default_rng(0))
    return stats.simultaneous_intervals(d, signs), stats.max_t_p(d, signs)


def scipy_pair(a: np.ndarray, b: np.ndarray) -> object:
    """BCa of a mean difference, as scipy's documentation has it for paired samples."""
    return scipy_stats.bootstrap(
        (a, b), lambda p, q, axis=-1: p.mean(axis=axis) - q.mean(axis=axis),
        paired=True, vectorized=True, n_resamples=RESAMPLES, rng=np.random.default_rng(0),
    )  # fmt: skip


def scipy_one(d: np.ndarray) -> object:
    """BCa of the mean of the differences: less work for scipy."""
    return scipy_stats.bootstrap((d,), np.mean, n_resamples=RESAMPLES, rng=np.random.default_rng(0))


def made_verdicts(rows: int = 1_000_000) -> pd.DataFrame:
    """Verdicts as in a run: 25 recipes, 100 tasks, 10 repeats, 40 criteria each."""
    rng = np.random.default_rng(1)
    recipe, task, repeat, criterion = (a.ravel() for a in np.indices((25, 100, 10, 40)))
    met = rng.random(rows) < 0.6
    words = {
        "task": pd.Categorical.from_codes(task, [f"task-{k}" for k in range(100)]).astype(str),
        "task_hash": np.array([f"{k:016x}" for k in range(100)])[task],
        "recipe": np.array([f"recipe-{k}" for k in range(25)])[recipe],
        "criterion": np.array([f"criterion-{k}" for k in range(40)])[criterion],
    }
    return pd.DataFrame(
        {
            **words, "repeat": repeat, "section": "accuracy",
            "weight": np.where(criterion < 36, 5.0 + criterion % 3 * 5, -10.0),
            "grader": "referee", "grader_pass": 0, "verdict": np.where(met, "met", "unmet"),
            "value": met.astype(float), "reason": "", "call_key": "",
        }
    )  # fmt: skip


def scored_file(path: Path) -> object:
    """From the file to a mean score with its interval, per recipe."""
    return stats.scores(scores_of(pd.read_parquet(path)))


if __name__ == "__main__":
    main()
