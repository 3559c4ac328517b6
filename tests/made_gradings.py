"""Answers of a simulated world with what several graders and a perfect one say of them.

A pool of answers from the direct sampler, on rubrics with DRACO's weights. Experiments draw tasks
from it with replacement, so the truth that they estimate is the pool's own mean, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from made_experiments import seat
from numpy.typing import NDArray

from fusion_eval.core import Criterion, Question, Recipe, Task
from fusion_eval.core.sampling import chosen, full
from fusion_eval.simulator import World, load_world, mechanism
from fusion_eval.simulator.direct.answers import Answers, Pick
from fusion_eval.simulator.direct.cooking import Kitchen
from fusion_eval.simulator.direct.grading import verdicts as graded
from fusion_eval.simulator.direct.recipes import cook
from fusion_eval.simulator.direct.scene import Scene
from fusion_eval.simulator.grading import rules_of
from fusion_eval.simulator.latent import Knowledge

Floats = NDArray[np.float64]
PUBLIC = Path(__file__).parents[1] / "results" / "draco-public" / "criteria.parquet"
PERFECT = dict.fromkeys(
    ("sensitivity", "specificity", "error_sensitivity", "error_specificity"), 1.0
) | {"steady": 0.5, "unreadable": 0.0}


def grading(sensitivity: float, specificity: float, **more: object) -> dict[str, object]:
    """A grader that errs alike on both signs."""
    return {
        "sensitivity": sensitivity, "specificity": specificity,
        "error_sensitivity": sensitivity, "error_specificity": specificity,
        "steady": 0.5, "unreadable": 0.0,
    } | more  # fmt: skip


def graders(rules: Mapping[str, Mapping[str, object]]) -> World:
    """The default world without failures, where these models grade like that."""
    world = load_world("default").model_dump()
    world["failures"] = 0.0
    for bird in (b for birds in world["makers"].values() for b in birds.items()):
        if bird[0] in rules:
            bird[1]["grading"] = dict(rules[bird[0]])
    return World.model_validate(world, strict=False)


@lru_cache(maxsize=1)
def draco_tasks() -> tuple[Task, ...]:
    """DRACO's 100 rubrics by weight and section, with requirements of our own."""
    rows = pd.read_parquet(PUBLIC)
    return tuple(_task(str(name), part) for name, part in rows.groupby("task_id", sort=True))


def _task(name: str, rows: pd.DataFrame) -> Task:
    criteria = tuple(
        Criterion(
            id=str(c), requirement=f"Addresses point {c} of {name}", weight=float(w), section=str(s)
        )
        for c, w, s in zip(rows["criterion_id"], rows["weight"], rows["section"], strict=True)
    )
    return Task(id=name, question=Question(prompt=f"Report on {name}."), criteria=criteria)


@dataclass(frozen=True, eq=False)
class Pool:
    """`values[grader]`: a list with one array (recipes, draws, criteria) per task."""

    tasks: tuple[Task, ...]
    values: dict[str, list[Floats]]

    def raw(self, grader: str) -> Floats:
        """Scores before cutting, shape (recipes, tasks, draws)."""
        found = []
        for task, values in zip(self.tasks, self.values[grader], strict=True):
            weights = np.array([c.weight for c in task.criteria])
            found.append(values @ weights / full(weights))
        return np.array(found).swapaxes(0, 1)


def pool(
    world: World, recipes: Sequence[Recipe], readers: Sequence[str], draws: int, seed: int = 0
) -> Pool:
    """Answers of `recipes` to all tasks, `draws` times, each read once by each of `readers`.

    A reader is a model that grades one criterion at a time, or `"MODEL at once"`, which gets all
    criteria in one request: as lenient as the world says, with the same steady misreadings.
    """
    rng, knowledge = np.random.default_rng(seed), Knowledge(world)
    values: dict[str, list[Floats]] = {name: [] for name in readers}
    for task in draco_tasks():
        scene = Scene(world, knowledge, task, draws, rng)
        kitchen = Kitchen(scene)
        dishes = [cook(kitchen, recipe) for recipe in recipes]
        for name in readers:
            values[name].append(np.array([_read(scene, name, dish.pick) for dish in dishes]))
    return Pool(tasks=draco_tasks(), values=values)


def _read(scene: Scene, reader: str, pick: Pick) -> Floats:
    """Verdicts of shape (draws, criteria) on the texts that were picked."""
    model, _, at_once = reader.partition(" ")
    said = np.zeros(pick.among[0].stated.shape)
    for i, answers in enumerate(pick.among):
        verdicts = (
            graded_at_once(scene, model, answers) if at_once else graded(scene, model, answers)
        )
        said = np.where((pick.index == i)[:, None], verdicts, said)
    return said


def graded_at_once(scene: Scene, model: str, answers: Answers) -> Floats:
    """What `simulator.grading` does with all criteria in one request, as arrays."""
    rules, reading = rules_of(scene.world, model), scene.reading(model)
    luck = np.where(answers.stated, reading.luck[1], reading.luck[0])
    luck = np.where(np.isnan(luck), scene.rng.standard_normal(luck.shape), luck)
    count = len(scene.weights)
    about = mechanism.Circumstances(
        doublings=np.log2(count), place=np.arange(count) / max(1, count - 1)
    )
    bar = np.where(answers.stated, reading.bar[1], reading.bar[0])
    lean = mechanism.lenience(rules, about, np.log2)
    return np.asarray(mechanism.says_met(bar, scene.signs, lean, luck), dtype=np.float64)


def corrections(pool: Pool, first: str, second: str, designs: int, **amount: float) -> Floats:
    """What each of so many draws of `chosen` says of second minus first reading, in cut scores.

    Shape (recipes, tasks, draws, designs). One draw serves all recipes. The estimator of
    `stats.difference`, told again in arrays, because experiments need it a million times; a test
    holds the two together.
    """
    found = []
    for t, task in enumerate(pool.tasks):
        sure, inverse = _designs(task, designs, tuple(amount.items()))
        share = np.array([c.weight for c in task.criteria])
        share /= full(share)
        error = (pool.values[second][t] - pool.values[first][t]) * share
        base = (pool.values[first][t] @ share)[:, :, None]
        known = base + error @ sure
        inside = (known > 0) & (known < 1)
        found.append(np.clip(known, 0, 1) + inside * (error @ inverse) - np.clip(base, 0, 1))
    return np.array(found).swapaxes(0, 1)


_KNOWN: dict[object, tuple[Floats, Floats]] = {}


def _designs(
    task: Task, designs: int, amount: tuple[tuple[str, float], ...]
) -> tuple[Floats, Floats]:
    """1 / probability of what `chosen` draws by each seed: what is certain, and the rest."""
    key = (task.hash, designs, amount)
    if key not in _KNOWN:
        weights = {c.id: c.weight for c in task.criteria}
        place = {name: i for i, name in enumerate(weights)}
        sure, inverse = np.zeros((2, len(weights), designs))
        for seed in range(designs):
            drawn = chosen(task.hash, weights, seed=seed, **dict(amount))  # type: ignore[arg-type]
            for (_, name), chance in drawn.items():
                (sure if chance == 1 else inverse)[place[name], seed] = 1 / chance
        _KNOWN[key] = sure, inverse
    return _KNOWN[key]


def solo(name: str, model: str) -> Recipe:
    return Recipe(name=name, strategy="solo", params={"member": seat(model)})


def frames_of(
    pool: Pool, names: Sequence[str], graders: Sequence[str], draw: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One answer of each recipe to each task as (trials, verdicts), as `fe.trials` gives them."""
    trials, verdicts = [], []
    for t, task in enumerate(pool.tasks):
        for r, recipe in enumerate(names):
            key = {"task": task.id, "task_hash": task.hash, "recipe": recipe, "repeat": 0}
            trials.append({**key, "failure": None, "policy": "draco"})
            for grader in graders:
                said = pool.values[grader][t][r, draw]
                verdicts += [
                    {
                        **key, "criterion": c.id, "section": c.section, "weight": c.weight,
                        "grader": grader, "grader_pass": 0, "value": v,
                        "verdict": "met" if v else "unmet",
                    }
                    for c, v in zip(task.criteria, said, strict=True)
                ]  # fmt: skip
    return pd.DataFrame(trials), pd.DataFrame(verdicts)


def second_of(
    pool: Pool, names: Sequence[str], reader: str, draw: int = 0, *, seed: int = 0, **amount: float
) -> pd.DataFrame:
    """What `reader` says of the criteria that `chosen` draws: the second reading."""
    rows = []
    for t, task in enumerate(pool.tasks):
        place = {c.id: i for i, c in enumerate(task.criteria)}
        drawn = chosen(task.hash, {c.id: c.weight for c in task.criteria}, seed=seed, **amount)  # type: ignore[arg-type]
        for (repeat, name), chance in drawn.items():
            for r, recipe in enumerate(names):
                rows.append(
                    {
                        "task_hash": task.hash, "recipe": recipe, "repeat": repeat,
                        "criterion": name, "probability": chance,
                        "value": pool.values[reader][t][r, draw, place[name]],
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)
