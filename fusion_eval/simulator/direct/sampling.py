"""Thousands of runs of some recipes on some tasks as arrays, without a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion_eval.core import POLICIES, Recipe, Task
from fusion_eval.errors import BenchFileError
from fusion_eval.simulator.direct.answers import Answers, Pick
from fusion_eval.simulator.direct.cooking import Kitchen
from fusion_eval.simulator.direct.grading import refusal, scores, verdicts
from fusion_eval.simulator.direct.recipes import cook
from fusion_eval.simulator.direct.scene import Flags, Floats, Scene
from fusion_eval.simulator.latent import Knowledge
from fusion_eval.simulator.world import World


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What came out. Arrays have the shape (recipes, tasks, runs).

    `score` is as deployed: a trial that failed has 0, and stands in `failed`; NaN where a grader
    left nothing to score. `perfect` is what a grader without errors would have given. Within one
    run, recipes share every equal request.
    `verdicts` holds one array (recipes, runs, criteria) per task: 1, 0, NaN for no verdict.
    """

    recipes: tuple[str, ...]
    tasks: tuple[str, ...]
    score: Floats
    perfect: Floats
    cost_usd: Floats
    failed: Flags
    verdicts: tuple[Floats, ...]


def sample(
    world: World,
    tasks: Sequence[Task],
    recipes: Sequence[Recipe],
    runs: int,
    rng: np.random.Generator,
    *,
    grader: str | None = None,
    passes: int = 1,
    keep_verdicts: bool = False,
) -> Sample:
    """Draw `runs` independent repeats of every recipe on every task.

    Parameters
    ----------
    recipes : resolved, of the five strategies, with models and no recipes in their seats
    grader : a model of the world; its referee unless one is named
    passes : gradings of each answer, scored on their own and averaged
    keep_verdicts : whether to return the verdicts of the first pass; they are large

    Raises
    ------
    BenchFileError : a recipe, a model, a grader or a score policy that this world or sampler does
        not know
    """
    referee = grader or world.referee
    if referee not in world.models:
        raise BenchFileError(f"unknown grader {referee!r}; there are {', '.join(world.models)}")
    if refused := [why for task in tasks if (why := refusal(task))]:
        way_out = "run these tasks through the wire (`fusion-eval run`), or leave them out"
        raise BenchFileError([f"{why}, which is not drawn directly; {way_out}" for why in refused])
    knowledge, shape = Knowledge(world), (len(recipes), len(tasks), runs)
    score, perfect, cost = (np.zeros(shape) for _ in range(3))
    failed = np.zeros(shape, dtype=bool)
    kept: list[Floats] = []
    for t, task in enumerate(tasks):
        scene = Scene(world, knowledge, task, runs, rng)
        kitchen, marks = Kitchen(scene), Marks(scene, referee, passes)
        dishes = [cook(kitchen, recipe) for recipe in recipes]
        for r, dish in enumerate(dishes):
            cost[r, t] = dish.cost
            failed[r, t] = ~dish.pick.there
            score[r, t], perfect[r, t] = marks.scores(dish.pick)
        if keep_verdicts:
            kept.append(np.array([marks.first_pass(dish.pick) for dish in dishes]))
    return Sample(
        recipes=tuple(r.name for r in recipes),
        tasks=tuple(t.id for t in tasks),
        score=score,
        perfect=perfect,
        cost_usd=cost,
        failed=failed,
        verdicts=tuple(kept),
    )


class Marks:
    """Verdicts on the texts of one scene; a text is graded once, whoever serves it."""

    def __init__(self, scene: Scene, grader: str, passes: int) -> None:
        self._scene, self._grader, self._passes = scene, grader, passes
        self._known: dict[int, tuple[Answers, list[Floats]]] = {}

    def scores(self, pick: Pick) -> tuple[Floats, Floats]:
        """Graded and perfect score of each run; 0 where there is no text."""
        if self._scene.task.target is not None:
            right = (pick.result == 0).astype(np.float64)
            return right, right
        policy, weights = POLICIES[self._scene.task.score], self._scene.weights
        graded, perfect = np.zeros(self._scene.runs), np.zeros(self._scene.runs)
        for i, answers in enumerate(pick.among):
            here = pick.index == i
            if not here.any():
                continue
            passes = [scores(policy, weights, values) for values in self._verdicts(answers)]
            graded = np.where(here, np.mean(passes, axis=0), graded)
            whole = scores(policy, weights, answers.stated.astype(np.float64))
            perfect = np.where(here, whole, perfect)
        return graded, perfect

    def first_pass(self, pick: Pick) -> Floats:
        """Verdicts of the first pass, NaN without a text."""
        found = np.full(pick.among[0].stated.shape, np.nan)
        for i, answers in enumerate(pick.among):
            here = (pick.index == i)[:, None]
            found = np.where(here, self._verdicts(answers)[0], found)
        return found

    def _verdicts(self, answers: Answers) -> list[Floats]:
        known = self._known.get(id(answers))
        if known is None:
            each = [verdicts(self._scene, self._grader, answers) for _ in range(self._passes)]
            known = self._known[id(answers)] = (answers, each)
        return known[1]
