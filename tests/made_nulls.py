"""Studies where nothing is true: the shipped task files, over and over, in the world `equal`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from made_studies import study_bench

from fusion_eval.core import Member
from fusion_eval.loading.tasks import load_tasks
from fusion_eval.simulator import load_world
from fusion_eval.simulator.direct import sample
from fusion_eval.stats.study import decide

ROOT = Path(__file__).parents[1]
FILES = ("research", "reasoning")
"""Task files that studies are run on: one graded by rubrics, one checked."""
FLIPS = 599
OF_ONE_MODEL = ("studies/where-it-pays",)
"""Studies whose null needs members that are one model: where models know different things, a task
that is hard for the writer is less hard for its panel, and that is no error of a test."""


def nulls(name, file, count, variants, seed=0):
    """`count` runs of a study, a row each: `wrong`, the contrasts that conclude better or worse,
    `tested`, how many had limits at all, and `verdict`.

    Every run has as many tasks, of the same domains, criteria and repeats, as the file has. Each is
    one of `variants` tasks of that shape about other matters, at random: in one world all recipes
    may be equal over all tasks and differ on these.
    """
    tasks = load_tasks(ROOT / f"tasks/{file}.yaml").tasks
    bench = study_bench(name, tasks)
    if name in OF_ONE_MODEL:
        bench = _of_one_model(bench)
    recipes, rng = list(bench.recipes.values()), np.random.default_rng([seed, *name.encode()])
    others = [_other(task, k) for task in tasks for k in range(variants)]
    drawn = sample(load_world("equal"), others, recipes, bench.repeats, rng)
    shape = (len(recipes), len(tasks), variants, bench.repeats)
    pool, index = drawn.score.reshape(shape), np.arange(len(tasks))
    rows = []
    for k in range(count):
        score = pool[:, index, rng.integers(variants, size=len(tasks))]
        trials = _trials(tasks, [r.name for r in recipes], score)
        found = decide(trials, bench.study, flips=FLIPS, seed=k)
        wrong = [r["contrast"] for r in found.rows if r["conclusion"] in ("better", "worse")]
        tested = sum(np.isfinite(r["low"]) for r in found.rows)
        rows.append({"study": name, "file": file, "wrong": wrong, "tested": tested,
                     "contrasts": len(found.rows), "verdict": found.verdict})  # fmt: skip
    return pd.DataFrame(rows)


def _of_one_model(bench):
    """The same bench with the model of the solo recipe in every seat of every recipe."""
    solo = next(r for r in bench.recipes.values() if r.strategy == "solo")
    model = solo.params["member"].model

    def seated(value):
        if isinstance(value, tuple):
            return tuple(seated(one) for one in value)
        return replace(value, model=model) if isinstance(value, Member) else value

    recipes = {
        name: replace(r, params={k: seated(v) for k, v in r.params.items()})
        for name, r in bench.recipes.items()
    }
    return replace(bench, recipes=recipes)


def _other(task, k):
    """A task of the same shape about another matter."""
    prompt = f"{task.question.prompt} (matter {k})"
    question = task.question.model_copy(update={"prompt": prompt})
    return task.model_copy(update={"id": f"{task.id}-{k}", "question": question})


def _trials(tasks, recipes, score):
    r, t, k = np.indices(score.shape)
    return pd.DataFrame({
        "task": np.array([x.id for x in tasks])[t.ravel()],
        "task_hash": np.array([x.hash for x in tasks])[t.ravel()],
        "domain": np.array([x.domain for x in tasks])[t.ravel()],
        "recipe": np.array(recipes)[r.ravel()],
        "repeat": k.ravel(), "score": score.ravel(), "failure": None,
    })  # fmt: skip
