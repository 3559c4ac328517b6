"""What is true in a world: the expectation that an experiment estimates.

Clipping to [0, 1] and a writer's odds are not linear, so most expectations have no closed form;
they are means of draws, and say from how many and with which standard error. Draws come from
random numbers of their own: never from those of an experiment that they are compared with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Literal

import numpy as np

from fusion_eval.core import Member, Recipe, Task, TaskSet
from fusion_eval.simulator.chance import phi, uniform
from fusion_eval.simulator.direct import sample
from fusion_eval.simulator.direct.answers import limit
from fusion_eval.simulator.direct.scene import Floats
from fusion_eval.simulator.latent import Knowledge
from fusion_eval.simulator.mechanism import FINE, fate_chances
from fusion_eval.simulator.targets import targets
from fusion_eval.simulator.world import World
from fusion_eval.simulator.worldfile import load_world

DRAWS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """An expectation. `se` is the standard error of its draws, 0 where it is exact."""

    value: float
    se: float
    method: Literal["exact", "draws"]
    draws: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """Of one recipe: graded score as deployed, score under a perfect grader, US dollars."""

    score: Expected
    perfect: Expected
    cost_usd: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth(Expectations):
    """Expectations over tasks (their plain mean), and of each task by its id."""

    tasks: Mapping[str, Expectations]


def truth(
    world: World | str,
    tasks: TaskSet | Sequence[Task],
    recipe: Recipe,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    grader: str | None = None,
    passes: int = 1,
) -> Truth:
    """What `recipe` is worth and costs in `world`, on these tasks.

    Parameters
    ----------
    world : a World, or the name or path of one
    tasks : the estimand is the mean over exactly these tasks
    recipe : resolved, of the five strategies (see `bench.configure`), with no recipes in its seats
    draws : independent runs of the recipe on each task, where there is no closed form
    seed : of the draws; they are made anew for it
    grader : a model of the world, its referee unless one is named

    Returns
    -------
    Truth. A failed answer counts 0, as in the headline of a run; a verdict that cannot be read
    counts as the score policy says. Cost is what the answer costs, without grading.

    Raises
    ------
    BenchFileError : what only the wire can run
    """
    world = load_world(world) if isinstance(world, str) else world
    known = tasks.tasks if isinstance(tasks, TaskSet) else tasks
    rng = np.random.default_rng([seed, int(world.digest, 16)])
    drawn = sample(world, known, [recipe], draws, rng, grader=grader, passes=passes)
    each = {}
    for t, task in enumerate(known):
        score, perfect = _mean(drawn.score[0, t]), _mean(drawn.perfect[0, t])
        exact = _closed(world, recipe, task)
        if exact is not None:
            score = perfect = Expected(value=exact, se=0.0, method="exact", draws=0)
        cost = _mean(drawn.cost_usd[0, t])
        each[task.id] = Expectations(score=score, perfect=perfect, cost_usd=cost)
    rows = list(each.values())
    return Truth(
        score=_over([row.score for row in rows]),
        perfect=_over([row.perfect for row in rows]),
        cost_usd=_over([row.cost_usd for row in rows]),
        tasks=each,
    )


def _mean(values: Floats) -> Expected:
    """Mean of independent draws; draws without a score are left out."""
    known = values[~np.isnan(values)]
    se = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else float("inf")
    return Expected(value=float(known.mean()), se=se, method="draws", draws=len(known))


def _over(parts: Sequence[Expected]) -> Expected:
    """Mean over tasks, whose draws are independent."""
    exact = all(part.method == "exact" for part in parts)
    return Expected(
        value=sum(part.value for part in parts) / len(parts),
        se=hypot(*(part.se for part in parts)) / len(parts),
        method="exact" if exact else "draws",
        draws=sum(part.draws for part in parts),
    )


def _closed(world: World, recipe: Recipe, task: Task) -> float | None:
    """The expected score where it has a closed form: one uncapped answer to a checkable task."""
    if recipe.strategy != "solo" or task.target is None:
        return None
    member = recipe.params["member"]
    if not isinstance(member, Member) or member.model is None or limit(member) is not None:
        return None
    model, spread = member.model.id, world.spread
    always = uniform(world.root, "refuses", model, task.hash)
    whole = fate_chances(world.models[model].rates, world.failures, always)[FINE]
    possible = targets(task, world.checkable.tempting)
    if possible is None or len(possible.values) == 1:
        return whole
    standing = Knowledge(world).standing(model, task)
    return whole * phi(standing.right / hypot(spread.draw, spread.answer))
