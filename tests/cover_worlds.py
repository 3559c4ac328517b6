"""Populations with a known truth, drawn once by the simulator's direct sampler, to sample from.

An experiment draws tasks, and runs of each, with replacement from a population. So the truth of
every mean is the mean of an array: exact, and nobody's estimate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from made_experiments import seat
from numpy.typing import NDArray

from fusion_eval.core import Criterion, Question, Recipe, Task
from fusion_eval.simulator import load_world, sample
from fusion_eval.simulator.world import World

Floats = NDArray[np.float64]
PER_DOMAIN = 10
RUNS = 16
HERON, KESTREL, PANEL = range(3)
"""Rows of a population: two single models, and a panel that uses their answers."""
FOCUS = {"rare collapse": KESTREL}
"""Of which recipe single means are taken, where it is not HERON: there KESTREL collapses."""

WORLDS: dict[str, tuple[str, dict[str, object]]] = {
    "DRACO-like": ("default", {"failures": 0.0}),
    "floor": ("floor", {"failures": 0.0, "level": -1.9}),
    "ceiling": ("ceiling", {"failures": 0.0, "level": 1.6}),
    "rare collapse": ("rare-collapse", {"failures": 0.0}),
    "needle": ("needle", {"failures": 0.0}),
    "failures": ("default", {"failures": 10.0}),
    "ceiling, 1 in 200 fails": ("ceiling", {"level": 1.6}),
}
"""Name -> a world of the simulator, and what is changed in it. Answers fail in the last two only,
about one in twenty and one in 200; scored 0, they make a rare collapse of a world. Levels are such
that on this rubric the means are what the worlds' files announce on DRACO's (.12 and .93)."""
_DOMAINS_DIFFER = 0.30
"""Latent units by which a model differs between domains, where domains are the sample."""


@dataclass(frozen=True, eq=False)
class Population:
    """Arrays of shape (recipes, tasks, runs); `domain` (tasks,) numbers domains of equal size."""

    score: Floats
    cost_usd: Floats
    failed: NDArray[np.bool_]
    domain: NDArray[np.int64]
    focus: int

    @property
    def mean(self) -> Floats:
        """Expected score of each recipe, as deployed."""
        return self.score.mean(axis=(1, 2))

    @property
    def mean_cost(self) -> Floats:
        """Expected cost of each recipe, US$ per answer."""
        return self.cost_usd.mean(axis=(1, 2))


@dataclass(frozen=True, eq=False)
class Draw:
    """One experiment: arrays of shape (recipes, n tasks, repeats); recipes share their runs."""

    population: Population
    tasks: NDArray[np.int64]
    runs: NDArray[np.int64]
    clusters: NDArray[np.int64]
    rng: np.random.Generator = field(repr=False)

    def of(self, values: NDArray[np.generic]) -> Floats:
        """An array of the population, as this experiment sees it."""
        return values[:, self.tasks[:, None], self.runs].astype(np.float64)

    @property
    def score(self) -> Floats:
        """Mean over repeats, shape (recipes, n)."""
        return self.of(self.population.score).mean(axis=2)

    @property
    def cost_usd(self) -> Floats:
        """Mean over repeats, shape (recipes, n)."""
        return self.of(self.population.cost_usd).mean(axis=2)

    @property
    def one(self) -> Floats:
        """Scores of the recipe in focus, shape (n,)."""
        return self.score[self.population.focus]

    def equals(self, count: int) -> Floats:
        """So many copies of the recipe in focus, each with runs of its own: shape (n, count)."""
        runs = self.rng.integers(self.population.score.shape[2], size=(count, *self.runs.shape))
        tasks = self.tasks[None, :, None]
        return self.population.score[self.population.focus][tasks, runs].mean(axis=2).T

    def again(self, recipe: int, repeats: int) -> Floats:
        """New runs of the same tasks, shape (n, repeats)."""
        size = (len(self.tasks), repeats)
        runs = self.rng.integers(self.population.score.shape[2], size=size)
        return self.population.score[recipe][self.tasks[:, None], runs]


def draw(
    population: Population, n: int, repeats: int, clusters: bool, rng: np.random.Generator
) -> Draw:
    """n tasks, all new; or n / 10 tasks in each of ten domains, all new."""
    count = population.score.shape[1]
    if clusters:
        label = np.repeat(np.arange(10), n // 10)
        domain = rng.integers(count // PER_DOMAIN, size=10)[label]
        tasks = domain * PER_DOMAIN + rng.integers(PER_DOMAIN, size=len(label))
    else:
        tasks, label = rng.integers(count, size=n), np.arange(n)
    runs = rng.integers(population.score.shape[2], size=(len(tasks), repeats))
    return Draw(population, tasks, runs, label, rng)


@cache
def population(world: str, clusters: bool = False, tasks: int = 2000) -> Population:
    """The population of one of WORLDS; with `clusters`, domains differ."""
    base, changes = WORLDS[world]
    found = load_world(base).model_copy(update=changes)
    if clusters:
        wider = found.spread.model_copy(update={"domain": _DOMAINS_DIFFER})
        found = found.model_copy(update={"spread": wider})
    return _population(found, tasks, FOCUS.get(world, HERON))


def _population(world: World, count: int, focus: int) -> Population:
    heron, kestrel, condor = (seat(n) for n in ("wader/heron", "raptor/kestrel", "raptor/condor"))
    params = {"members": (heron, kestrel, condor), "judge": condor, "synthesizer": condor}
    recipes = [
        Recipe(name="heron", strategy="solo", params={"member": heron}),
        Recipe(name="kestrel", strategy="solo", params={"member": kestrel}),
        Recipe(name="panel", strategy="panel", params=params),
    ]
    drawn = sample(
        world, [_task(i) for i in range(count)], recipes, RUNS, np.random.default_rng(17)
    )
    return Population(
        score=drawn.score,
        cost_usd=drawn.cost_usd,
        failed=drawn.failed,
        domain=np.arange(count) // PER_DOMAIN,
        focus=focus,
    )


def _task(number: int, positive: int = 36, negative: int = 4) -> Task:
    """A rubric as DRACO's in size: weights of 5 to 15, and four errors to avoid."""
    criteria = [
        Criterion(
            id=f"c{i}",
            requirement=f"Names point {number}.{i}" if i < positive else f"Claims {number}.{i}",
            weight=float(5 + i % 3 * 5) if i < positive else -10.0,
            section=("factual-accuracy", "breadth-and-depth", "presentation-quality")[i % 3],
        )
        for i in range(positive + negative)
    ]
    return Task(
        id=f"t{number}",
        question=Question(prompt=f"Matter {number}, please."),
        criteria=tuple(criteria),
        domain=f"domain {number // PER_DOMAIN}",
    )
