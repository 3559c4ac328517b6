"""Many small experiments for each study: a pool of simulated tasks to draw them from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.bench.configure import configure
from fusion_eval.bench.equal_dollars import sized
from fusion_eval.bench.experience import Experience
from fusion_eval.core import Bench, Criterion, Question, Recipe, Task, TaskSet
from fusion_eval.loading.bench import presets
from fusion_eval.simulator import load_world
from fusion_eval.simulator.direct import sample

STUDIES = tuple(name for name in presets() if name.startswith("studies/"))
LIFTED: dict[str, Sequence[str]] = {
    "studies/best-member": ["panel"],
    "studies/synthesis-or-diversity": ["write-heron", "write-kestrel", "write-lark"],
    "studies/equal-dollars": ["panel"],
    "studies/judge-by-writer": [f"judge-{j}-write-lark" for j in ("heron", "kestrel", "lark")],
    "studies/leave-out": [
        "panel", "without-sparrow", "without-heron", "without-kestrel",
        "without-sparrow-heron", "without-sparrow-kestrel", "without-heron-kestrel",
    ],
    "studies/runs": ["runs-7", "runs-8", "runs-9", "runs-10"],
    "studies/rank-or-write": ["write", "judge-and-write"],
    "studies/debate": ["debate-1", "debate-2"],
    "studies/personas": ["experts"],
    "studies/where-it-pays": ["panel"],
}  # fmt: skip
"""Where an effect is planted, so that what a study claims is true."""


def rubrics(count: int) -> list[Task]:
    """Tasks with 14 right points and 2 errors each, in five domains."""
    return [
        Task(
            id=f"t{i}",
            question=Question(prompt=f"Please write all there is to know about matter {i}."),
            domain=f"domain {i % 5}",
            criteria=tuple(
                Criterion(id=f"c{j}", requirement=f"Says {j} of {i}", weight=10 if j < 14 else -8)
                for j in range(16)
            ),
        )
        for i in range(count)
    ]


def study_bench(name: str, tasks: Sequence[Task]) -> Bench:
    """A study as it would be run on these tasks, sizes worked out."""
    few = TaskSet(name="made", tasks=tuple(tasks[:6]))
    return asyncio.run(sized(few, configure(name, tasks=few), Experience()))


def pool(name: str, count: int, world: str = "equal") -> tuple[pd.DataFrame, dict[str, Any]]:
    """Trials of a study's recipes on so many tasks, and the study."""
    tasks = rubrics(count)
    bench = study_bench(name, tasks)
    needed = [r for r in bench.recipes.values() if r.name in _used(bench)]
    runs = 2 if _split(bench) else 1
    drawn = sample(load_world(world), tasks, needed, runs, np.random.default_rng(20))
    assert bench.study is not None
    return _frame(tasks, needed, drawn.score), bench.study


def _used(bench: Bench) -> set[str]:
    contrasts = (bench.study or {})["contrasts"].values()
    return {r for c in contrasts for r in [*c["plus"], *c["minus"], c["measured_on"]] if r}


def _split(bench: Bench) -> bool:
    return any(c["by"] == "difficulty" for c in (bench.study or {})["contrasts"].values())


def _frame(tasks: Sequence[Task], recipes: Sequence[Recipe], score: Any) -> pd.DataFrame:
    r, t, k = np.indices(score.shape)
    return pd.DataFrame({
        "task": np.array([x.id for x in tasks])[t.ravel()],
        "task_hash": np.array([x.hash for x in tasks])[t.ravel()],
        "domain": np.array([x.domain for x in tasks])[t.ravel()],
        "recipe": np.array([x.name for x in recipes])[r.ravel()],
        "repeat": k.ravel(),
        "score": score.ravel(),
        "failure": None,
    })  # fmt: skip


def lifted(trials: pd.DataFrame, name: str, points: float, rng: np.random.Generator) -> Any:
    """The same trials with an effect planted, which differs from task to task (mean `points`).

    Where a study is about difficulty, only hard tasks get it: those that score below the median.
    """
    tasks = trials["task_hash"].unique()
    size = pd.Series(rng.gamma(4.0, points / 400, len(tasks)), index=tasks)
    if name == "studies/where-it-pays":
        ease = trials[trials["recipe"] == "solo-lark"].groupby("task_hash")["score"].mean()
        size = size * (ease <= ease.median()).reindex(size.index)
    treated = trials["recipe"].isin(LIFTED[name])
    more = trials["task_hash"].map(size) * treated
    return trials.assign(score=(trials["score"] + more).clip(0.0, 1.0))


def centred(trials: pd.DataFrame) -> pd.DataFrame:
    """The same with equal means of all recipes, so that the null holds in a small pool, too."""
    own = trials.groupby("recipe")["score"].transform("mean")
    return trials.assign(score=trials["score"] - own + trials["score"].mean())


def experiment(trials: pd.DataFrame, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """The trials of n tasks drawn from the pool, with replacement: the pool is the population."""
    ordered = trials.sort_values("task_hash", kind="stable")
    count = trials["task_hash"].nunique()
    places = np.arange(len(trials)).reshape(count, -1)[rng.integers(count, size=n)]
    names = np.repeat([f"drawn {i}" for i in range(n)], places.shape[1])
    return ordered.iloc[places.ravel()].assign(task_hash=names, task=names)
