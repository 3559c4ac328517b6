"""The truth of a world: what each model knows of each task, before any noise of the moment.

Pure functions of world, model and task. Everything stable is drawn here once, from keys that hold
no request; the noise of one answer is met in `mechanism`. Models of one maker share part
of what they miss, all models share what is hard or tempting, so that agreement is evidence only.
"""

from __future__ import annotations

from dataclasses import dataclass

from fusion_eval.core import Task
from fusion_eval.simulator.birds import Bird
from fusion_eval.simulator.chance import key, normal, normals, phi, uniform
from fusion_eval.simulator.evidence import NEEDED, hidden
from fusion_eval.simulator.world import World

_DEPTH = 12.0


@dataclass(frozen=True, slots=True)
class Standing:
    """One model on one task: standing per criterion, and of the right answer where there is one.

    `signs` is +1 for a point to make and -1 for an error to avoid: a good day raises the first
    and lowers the second.
    """

    points: tuple[float, ...]
    signs: tuple[int, ...]
    right: float
    noise: float

    def chances(self, lift: float = 0.0) -> list[float]:
        """P(stated) per criterion on a usual day; `lift` is in units towards saying it."""
        return [phi((point + lift) / self.noise) for point in self.points]


class Knowledge:
    """Standings of all models of a world, worked out when first needed and kept."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: dict[tuple[str, str], Standing] = {}

    def standing(self, model: str, task: Task) -> Standing:
        """The standing of one model on one task."""
        found = self._known.get((model, task.hash))
        if found is None:
            found = self._known[model, task.hash] = self._work_out(model, task)
        return found

    def _work_out(self, model: str, task: Task) -> Standing:
        world, bird = self.world, self.world.models[model]
        signs = tuple(1 if c.weight > 0 else -1 for c in task.leaves)
        aptitude = self._aptitude(model, task)
        hard = normal(world.spread.task, world.root, "task", task.hash)
        level = bird.ability + world.level + aptitude - hard - self._lost(model, task)
        own = self._residuals(model, task)
        points = tuple(
            level + world.sections.get(c.section, 0.0) + residual
            if sign > 0
            else world.errors.base + bird.error_proneness + 0.3 * hard + residual
            for c, sign, residual in zip(task.leaves, signs, own, strict=True)
        )
        needed, of_result = hidden(world, task)
        points = tuple(p - NEEDED * n for p, n in zip(points, needed, strict=True))
        right = 0.0
        if task.target is not None:
            right = self._right(bird, aptitude, task) - self._lost(model, task)
            right -= NEEDED * of_result
        return Standing(points=points, signs=signs, right=right, noise=world.spread.draw)

    def _aptitude(self, model: str, task: Task) -> float:
        """How well a model takes to a domain and to a task, apart from its ability."""
        spread, name, maker = self.world.spread, self.world.root, self.world.maker_of[model]
        return (
            normal(spread.domain, name, "domain", model, task.domain)
            + normal(spread.maker_task, name, "maker-task", maker, task.hash)
            + normal(spread.model_task, name, "model-task", model, task.hash)
        )

    def _residuals(self, model: str, task: Task) -> list[float]:
        """Per criterion: what is hard for all, for a maker, and for this model."""
        world, count = self.world, len(task.leaves)
        spread, maker = world.spread, world.maker_of[model]
        shared = normals(key(world.root, "criteria", task.hash), count)
        scale = [spread.criterion if c.weight > 0 else world.errors.criterion for c in task.leaves]
        makers = key(world.root, "maker-criteria", maker, task.hash)
        models = key(world.root, "model-criteria", model, task.hash)
        by_maker = normals(makers, count, spread.maker_criterion)
        by_model = normals(models, count, spread.model_criterion)
        return [s * z + a + b for s, z, a, b in zip(scale, shared, by_maker, by_model, strict=True)]

    def _lost(self, model: str, task: Task) -> float:
        """Units that a task takes off where nobody, or this model, knows anything of it."""
        world = self.world
        nobody = uniform(world.root, "lost", task.hash) < world.lost
        collapses = world.models[model].collapses
        alone = collapses and uniform(world.root, "collapse", model, task.hash) < collapses
        return _DEPTH if nobody or alone else 0.0

    def _right(self, bird: Bird, aptitude: float, task: Task) -> float:
        rules = self.world.checkable
        ability = rules.per_ability * (bird.ability + self.world.level)
        return rules.base + ability + aptitude - rules.per_difficulty * self._difficulty(task)

    def _difficulty(self, task: Task) -> float:
        """Steps above the middle of 1 to 5: as declared, plus what no declaration catches."""
        world = self.world
        own = normal(1.0, world.root, "difficulty", task.hash)
        declared = task.metadata.get("difficulty")
        if isinstance(declared, int | float) and 0 < declared <= 10:
            return declared - 3 + 0.5 * own
        return world.checkable.unknown_difficulty * own
