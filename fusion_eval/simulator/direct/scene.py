"""One task as arrays: its rubric, what each model knows of it, how each grader reads it.

The same standings, tastes and steady misreadings as on the wire, from the same keys; only the luck
of the moment comes from a generator here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusion_eval.core import Member, Task
from fusion_eval.simulator.birds import Bird
from fusion_eval.simulator.chance import uniform
from fusion_eval.simulator.direct import words
from fusion_eval.simulator.grading import bars
from fusion_eval.simulator.latent import Knowledge
from fusion_eval.simulator.lengths import FRAME
from fusion_eval.simulator.targets import targets
from fusion_eval.simulator.text import final_line, phrases
from fusion_eval.simulator.world import World
from fusion_eval.simulator.writing import addition_odds, steady_tastes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Mind:
    """One model on one task, shape (criteria,): see `latent.Standing` and `writing`."""

    points: Floats
    own: Floats
    added: Floats
    taste: Floats  # NaN where the taste is loose
    right: float
    refuses: float


@dataclass(frozen=True, slots=True)
class Reading:
    """One grader on one task, shape (2, criteria): statement absent, statement there."""

    bar: Floats
    luck: Floats  # NaN where the reading is loose


class Scene:
    """One task in one world, for so many runs."""

    def __init__(
        self, world: World, knowledge: Knowledge, task: Task, runs: int, rng: np.random.Generator
    ) -> None:
        self.world, self.task, self.runs, self.rng = world, task, runs, rng
        self._knowledge = knowledge
        self._minds: dict[str, Mind] = {}
        self._readings: dict[str, Reading] = {}
        self.weights = np.array([c.weight for c in task.leaves], dtype=np.float64)
        self.signs = np.where(self.weights > 0, 1, -1)
        self.negative = (self.weights < 0).astype(np.int64)
        bodies = [len(p.body.split()) for p in phrases(task)]
        self.statement_words = np.array(bodies, dtype=np.int64) + FRAME
        self.known_targets = targets(task, world.checkable.tempting)
        self.size = words.Size.of(task.question)
        values = self.known_targets.values if self.known_targets else ()
        last = [len(final_line(v, asked=self.size.format > 0).split()) for v in values]
        self.last_line = np.array([*last, 0], dtype=np.int64)  # by result; -1 is no result

    def bird(self, member: Member) -> Bird:
        """The model in a seat."""
        assert member.model is not None
        return self.world.models[member.model.id]

    def mind(self, model: str) -> Mind:
        """What a model knows of this task."""
        if model not in self._minds:
            world, rules = self.world, self.world.writing
            standing = self._knowledge.standing(model, self.task)
            tastes = steady_tastes(world, model, self.task)
            self._minds[model] = Mind(
                points=np.array(standing.points),
                own=np.array(standing.chances()),
                added=np.array(addition_odds(standing, rules)),
                taste=np.array([np.nan if t is None else t for t in tastes], dtype=np.float64),
                right=standing.right,
                refuses=uniform(world.root, "refuses", model, self.task.hash),
            )
        return self._minds[model]

    def reading(self, grader: str) -> Reading:
        """How a grader reads this task's rubric."""
        if grader not in self._readings:
            count = len(self.task.leaves)
            each = [bars(self.world, grader, self.task, i) for i in range(count)]
            self._readings[grader] = Reading(
                bar=np.array([[pair[k][0] for pair in each] for k in (0, 1)]),
                luck=np.array(
                    [[_or_nan(pair[k][1]) for pair in each] for k in (0, 1)], dtype=np.float64
                ),
            )
        return self._readings[grader]


def _or_nan(luck: float | None) -> float:
    return np.nan if luck is None else luck
