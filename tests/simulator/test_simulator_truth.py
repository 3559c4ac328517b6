"""The truth of a world against experiments in it, and worlds against what they say they are."""

from __future__ import annotations

import numpy as np
import pytest
from made_experiments import five_recipes, seat, simulations
from made_rubrics import draco_like, needs_public_data
from simulator_kit import flawless, number_task, rubric_task, world_with

import fusion_eval as fe
from fusion_eval.core import Member, Recipe
from fusion_eval.simulator import World, load_world, sample, truth, worlds
from fusion_eval.simulator.chance import phi
from fusion_eval.simulator.grading import bars
from fusion_eval.simulator.latent import Knowledge
from fusion_eval.stats.estimates import mean_score, t_interval

SIMULATIONS = simulations()
TASKS = [*(rubric_task(i, 10, 3) for i in range(6)), number_task(40, 3), number_task(41, 4)]
SPARROW, HERON, KESTREL, LARK, CONDOR = (
    seat(name)
    for name in (
        "aviary/sparrow",
        "wader/heron",
        "raptor/kestrel",
        "meadow/lark",
        "raptor/condor",
    )
)


def _solo(member: Member) -> Recipe:
    return Recipe(name=f"solo {member.name}", strategy="solo", params={"member": member})


def _panel(members: tuple[Member, ...], writer: Member) -> Recipe:
    params = {"members": members, "judge": writer, "synthesizer": writer}
    return Recipe(name="panel", strategy="panel", params=params)


@pytest.mark.simulation
@pytest.mark.parametrize("name", worlds())
def test_the_truth_is_what_experiments_estimate_in_every_world(name):
    """A truth that is off by a point would make every error rate of ours wrong, unnoticed.

    The seeds are fixed. Of 105 comparisons at three standard errors, about one set of seeds in
    four has one outside by chance; with 30 times as many runs none of them was biased.
    """
    world, recipes, experiments = load_world(name), five_recipes(), max(400, SIMULATIONS // 10)
    rng = np.random.default_rng([42, len(name)])
    drawn = sample(world, TASKS, recipes, experiments, rng)
    for r, recipe in enumerate(recipes):
        known = truth(world, TASKS, recipe, draws=2000)
        for expected, values in (
            (known.score, drawn.score[r]),
            (known.perfect, drawn.perfect[r]),
            (known.cost_usd, drawn.cost_usd[r]),
        ):
            each = np.nanmean(values, axis=0)  # one experiment's mean over the tasks
            error = np.hypot(each.std(ddof=1) / np.sqrt(experiments), expected.se)
            assert abs(each.mean() - expected.value) <= 3 * error + 1e-12, recipe.name


def test_a_closed_form_is_given_where_there_is_one_and_agrees_with_draws():
    """Exactness that is wrong is worse than a stated error."""
    world, recipe = load_world("default"), _solo(KESTREL)
    tasks = [number_task(i, 1 + i % 5) for i in range(40, 60)]
    known = fe.simulator.truth("default", tasks, recipe)
    assert (known.score.method, known.score.se, known.score.draws) == ("exact", 0.0, 0)
    drawn = sample(world, tasks, [recipe], 2000, np.random.default_rng(3)).score[0]
    for t, task in enumerate(tasks):
        value = known.tasks[task.id].score.value
        assert abs(drawn[t].mean() - value) < 4 * np.sqrt(max(value * (1 - value), 1e-9) / 2000)
    capped = _solo(seat("raptor/kestrel", max_tokens=50))
    assert truth(world, tasks[:1], capped, draws=10).score.method == "draws"


def _exact_rubric_score(world: World, model: str, task) -> float:
    """Expected graded score of a solo answer without days or failures, by convolution."""
    standing, weights = Knowledge(world).standing(model, task), [c.weight for c in task.criteria]
    low = int(sum(w for w in weights if w < 0))
    chances = np.zeros(int(sum(abs(w) for w in weights)) + 1)
    chances[-low] = 1.0  # index is the weighted sum, counted from the lowest possible
    for i, (weight, stated) in enumerate(zip(weights, standing.chances(), strict=True)):
        absent, there = (
            phi(bar) if luck is None else float(luck < bar)
            for bar, luck in bars(world, world.referee, task, i)
        )
        met = stated * there + (1 - stated) * absent
        chances = (1 - met) * chances + met * np.roll(chances, int(weight))
    scores = (np.arange(len(chances)) + low) / sum(w for w in weights if w > 0)
    return float((np.clip(scores, 0, 1) * chances).sum())


def test_draws_agree_with_an_exact_convolution_of_a_whole_rubric():
    """The sampler checked by arithmetic that shares nothing with it but the latent truth."""
    value = world_with(**flawless(), spread__answer=0.0).model_dump()
    for model in [b for makers in value["makers"].values() for b in makers.values()]:
        if model["grading"]:
            model["grading"] |= {"unreadable": 0.0, "family": 0.0}
    world = World.model_validate(value)
    tasks = [rubric_task(i, 12, 4) for i in range(10)]
    for member in (HERON, CONDOR):
        known = truth(world, tasks, _solo(member), draws=4000)
        for task in tasks:
            exact = _exact_rubric_score(world, member.name, task)
            drawn = known.tasks[task.id].score
            assert abs(drawn.value - exact) < 4 * drawn.se


def test_where_there_is_no_effect_a_panel_is_worth_a_member_picked_at_random():
    """The null of every study of false alarms: written down in the world file, and shown here.

    Expected graded score and expected score under a perfect grader; three seats, one of them
    twice; self-fusion; and a debate that ends in a synthesis.
    """
    world, members = load_world("no-effect"), (SPARROW, HERON, CONDOR)
    tasks = [rubric_task(i, 10, 3) for i in range(20)]
    alone = [truth(world, tasks, _solo(m), draws=4000) for m in members]
    debate = {"members": members, "aggregate": "synthesize", "synthesizer": LARK}
    fused = [
        truth(world, tasks, recipe, draws=4000)
        for recipe in (
            _panel(members, LARK),
            Recipe(name="debate", strategy="debate", params=debate),
        )
    ]
    own = truth(world, tasks, _panel((HERON,) * 3, CONDOR), draws=4000)
    for name in ("score", "perfect"):
        parts = [getattr(a, name) for a in alone]
        member, se = np.mean([p.value for p in parts]), np.hypot.reduce([p.se for p in parts]) / 3
        for found in fused:
            drawn = getattr(found, name)
            assert abs(drawn.value - member) < 3 * np.hypot(drawn.se, se)
        drawn, heron = getattr(own, name), getattr(alone[1], name)
        assert abs(drawn.value - heron.value) < 3 * np.hypot(drawn.se, heron.se)


@needs_public_data
def test_in_the_harmful_world_a_panel_is_five_points_worse():
    """A gate that passes there would pass anything."""
    world, tasks = load_world("harmful"), draco_like()
    members = (SPARROW, HERON, KESTREL, LARK, CONDOR)
    alone = np.mean([truth(world, tasks, _solo(m), draws=150).score.value for m in members])
    fused = truth(world, tasks, _panel(members, LARK), draws=150).score
    assert fused.value - alone == pytest.approx(-0.05, abs=0.006)


@needs_public_data
def test_every_world_has_the_scores_that_its_file_announces():
    """Studies pick worlds by these words: floor, ceiling, needle, collapse."""
    tasks, recipes = draco_like(), [_solo(HERON), _solo(KESTREL)]

    def scores(name: str) -> tuple[np.ndarray, np.ndarray]:
        drawn = sample(load_world(name), tasks, recipes, 20, np.random.default_rng(9)).score
        return drawn[0], drawn[1]

    floor, ceiling, needle = (scores(n)[0] for n in ("floor", "ceiling", "needle"))
    assert floor.mean() == pytest.approx(0.12, abs=0.02)
    assert (floor == 0).mean() == pytest.approx(0.28, abs=0.05)
    assert ceiling.mean() == pytest.approx(0.93, abs=0.02)
    assert (ceiling == 1).mean() == pytest.approx(0.26, abs=0.06)
    assert needle.std() == pytest.approx(0.29, abs=0.03)
    assert (needle.mean(axis=1) < 0.1).sum() >= 10
    steady, rare = scores("rare-collapse")
    gap = (rare - steady).mean(axis=1)
    assert abs(gap.mean()) < 0.02
    lost = rare.mean(axis=1) < 0.08
    assert 2 <= lost.sum() <= 9
    assert gap[lost].mean() < -0.25


@pytest.mark.simulation
def test_default_intervals_cover_the_truth_of_a_score_and_of_a_paired_difference():
    """An interval that says 95 % and holds less often is a promise broken to every reader.

    Each experiment draws 40 tasks from a population and runs each recipe once on them; the truth
    is the population's expected graded score, from random numbers of its own.
    """
    experiments, world = max(400, SIMULATIONS // 2), load_world("default")
    population = [rubric_task(i, 36, 4) for i in range(experiments)]
    recipes = [_solo(CONDOR), _panel((HERON, KESTREL, CONDOR), CONDOR)]
    rng = np.random.default_rng(2026)
    runs = sample(world, population, recipes, 25, rng).score
    known = sample(world, population, recipes, 25, np.random.default_rng(77)).score.mean(
        axis=(1, 2)
    )
    covered = {"score": 0, "difference": 0}
    for _ in range(experiments):
        tasks, run = rng.integers(len(population), size=40), rng.integers(25, size=40)
        solo, panel = runs[:, tasks, run]
        score, difference = mean_score(panel), t_interval(panel - solo)
        covered["score"] += score.low <= known[1] <= score.high
        covered["difference"] += difference.low <= known[1] - known[0] <= difference.high
    band = max(0.015, 3 * (0.95 * 0.05 / experiments) ** 0.5)
    for name, count in covered.items():
        assert count / experiments == pytest.approx(0.95, abs=band), name
