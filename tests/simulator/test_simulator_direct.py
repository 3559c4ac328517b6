"""The direct sampler against the wire: one world at two speeds."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from made_experiments import Wire, choosing_recipes, five_recipes, seat, simulations
from numpy.typing import NDArray
from simulator_kit import Room, flawless, number_task, rubric_task, world_with

from fusion_eval import prompts
from fusion_eval.core import POLICIES, Criterion, Message, Question, Recipe, Task, Verdict
from fusion_eval.errors import BenchFileError
from fusion_eval.prompts import choosing
from fusion_eval.simulator import lengths, load_world
from fusion_eval.simulator.direct import sample, words
from fusion_eval.simulator.direct.grading import scores

SIMULATIONS = simulations()
TASKS = [rubric_task(1, 5, 2), rubric_task(2, 6, 1), number_task(40, 3)]
FRAIL = {"rates__empty": 0.05, "rates__truncated": 0.08, "rates__refused": 0.04}
Values = NDArray[np.float64]


def _means(v: Values) -> Values:
    """Score of each recipe in each run; as all figures, shape (figures, runs)."""
    return v.mean(axis=1)


def _variances(v: Values) -> Values:
    """Squared distances from the task's mean: their mean is the variance between runs."""
    return ((v - v.mean(axis=2, keepdims=True)) ** 2).mean(axis=1)


def _correlations(v: Values) -> Values:
    """Influence of each run on the correlation of two recipes; its mean is the correlation.

    Of each run's mean over the tasks: within one task, two recipes may be the same answer.
    """
    mean = v.mean(axis=1)
    z = (mean - mean.mean(axis=1, keepdims=True)) / mean.std(axis=1, keepdims=True)
    pairs = [(a, b, (a * b).mean()) for a, b in combinations(z, 2)]
    return np.array([a * b - r * (a**2 + b**2) / 2 + r for a, b, r in pairs])


def _z(wire: Values, direct: Values) -> Values:
    """Difference of two means over runs in units of its standard error."""
    errors = [v.var(axis=1, ddof=1) / v.shape[1] for v in (wire, direct)]
    return np.asarray((wire.mean(axis=1) - direct.mean(axis=1)) / np.sqrt(sum(errors)))


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("world", "recipes", "runs"),
    [
        (world_with(**FRAIL), five_recipes(), SIMULATIONS // 4),
        (world_with(**FRAIL), five_recipes(260), SIMULATIONS // 4),
        (load_world("harmful"), five_recipes(), SIMULATIONS // 4),
        (world_with(**FRAIL), choosing_recipes(), SIMULATIONS // 4),
    ],
    ids=["frail", "capped", "harmful", "choosing"],
)
def test_the_sampler_and_the_wire_agree_in_means_variances_and_correlations(world, recipes, runs):
    """Every error rate of this project is simulated by the sampler; runs go through the wire.

    The strategies share drafts: in a world where one answer in six fails, there with a token
    limit that cuts half of them, and where writers copy and lose. 160 figures are compared: at
    full size (1,000 runs of three tasks and more) inside three standard errors; at reduced size,
    where the errors of skew figures are themselves uncertain, inside four.
    """
    limit = 3.0 if SIMULATIONS >= 4000 else 4.0
    score, cost = Wire(world, TASKS, recipes).runs(runs)
    drawn = sample(world, TASKS, recipes, 8 * runs, np.random.default_rng(31))
    for wire, direct in ((score, drawn.score), (cost * 1e3, drawn.cost_usd * 1e3)):
        for figure in (_means, _variances, _correlations):
            assert np.abs(_z(figure(wire), figure(direct))).max() < limit, figure.__name__


def test_the_words_of_our_templates_are_those_that_costs_count_on():
    """After an edit of a prompt, simulated dollars would be those of the prompt before."""

    def count(messages: tuple[Message, ...]) -> int:
        return sum(len(m.content.split()) for m in messages)

    question = Question(
        prompt="Why?", system="Be brief.", turns=(Message(role="user", content="?"),)
    )
    size = words.Size.of(question)
    own = count(prompts.answer(question))
    assert own == size.conversation
    compared = prompts.compare(question, ["a b"])
    assert count(compared) == words.COMPARE + size.quoted + 2 + words.PER_ANSWER
    picked, scored = choosing.pick(question, ["a b"]), choosing.score_one(question, "a b")
    for asked, many in ((picked, words.PICK), (scored, words.SCORE)):
        assert count(asked) == many + size.quoted + 2 + words.PER_ANSWER
    written = prompts.synthesize(question, ["a b", "c"])
    assert count(written) == words.SYNTHESIZE + size.conversation + 3 + 2 * words.PER_ANSWER
    noted = prompts.synthesize(question, ["a b", "c"], {"consensus": ["a b"]})
    assert count(noted) - count(written) == words.WITH_ANALYSIS + 2
    revised = prompts.revise(prompts.answer(question), "own", question, ["a b"])
    assert count(revised) == own + 1 + words.REVISE + 2 + words.PER_ANSWER + size.quoted
    for form, extra in words.FORMAT.items():
        asked = Question(prompt="Why?", answer_format=form)
        assert count(prompts.answer(asked)) == 1 + extra


@pytest.mark.parametrize("cap", [None, 200, 330])
def test_lengths_and_cuts_are_those_of_the_text(cap):
    """The sampler never writes a text; if it miscounted, truncation would cost the wrong points."""
    room = Room(world_with(**flawless()), [rubric_task(5)])
    task, more = rubric_task(5), {} if cap is None else {"max_tokens": cap}
    known = room.known[task.hash]
    for model in ("meadow/lark", "aviary/sparrow", "wader/heron"):
        bird = room.simulator.world.models[model]
        for seed in range(12):
            whole = room.answer(model, task, seed)
            said = [i for i, met in enumerate(room.met(task, whole)) if met]
            sizes = [len(known.phrases[i].body.split()) + lengths.FRAME for i in said]
            bullets = int("\n- " in whole)
            total = lengths.whole(len(said), sum(sizes), bullets, bird.verbosity)
            assert len(whole.split()) == total
            reply = room.reply(model, prompts.answer(task.question), seed=seed, **more)
            left = reply.content or ""
            if cap is not None:
                assert len(left.split()) <= lengths.room(cap, reply.reasoning_tokens)
            ends = [
                lengths.end_of_statement(k + 1, sum(sizes[: k + 1]), bullets, bird.verbosity)
                for k in range(len(said))
            ]
            if cap is None:
                kept = [i for i, end in zip(said, ends, strict=True) if end <= len(left.split())]
                assert kept == said
            cut = " ".join(whole.split()[: int(total * 0.6)])
            kept = [i for i, end in zip(said, ends, strict=True) if end <= len(cut.split())]
            assert [i for i, met in enumerate(room.met(task, cut)) if met] == kept


DRAWN = [p.name for p in POLICIES.values() if p.numerator == "weighted" and p.clip != "section"]


@pytest.mark.parametrize("name", DRAWN)
def test_scores_of_arrays_are_those_of_the_policy(name):
    """Two formulas for one score would part company where verdicts are missing."""
    rng, policy = np.random.default_rng(2), POLICIES[name]
    for weights in ([10.0, 5.0, -20.0, 3.0], [10.0, 5.0, -2.0], [-5.0, -1.0], [4.0]):
        values = rng.choice([0.0, 1.0, np.nan], size=(60, len(weights)))
        for row, score in zip(values, scores(policy, np.array(weights), values), strict=True):
            verdicts = [
                Verdict(
                    criterion=str(i),
                    section="",
                    weight=w,
                    grader="g",
                    grader_pass=0,
                    verdict="unreadable" if np.isnan(v) else "met" if v else "unmet",
                    value=None if np.isnan(v) else float(v),
                )
                for i, (w, v) in enumerate(zip(weights, row, strict=True))
            ]
            wanted = policy(verdicts).value
            assert score == pytest.approx(np.nan if wanted is None else wanted, nan_ok=True), row


def test_a_policy_that_cannot_be_drawn_is_refused_and_not_scored_as_dracos():
    """`truth` would give the number of another benchmark under this one's name."""
    task = Task(
        id="t",
        question=Question(prompt="p"),
        criteria=(Criterion(id="c", requirement="r", weight=1.0, kind="ternary"),),
        score="researchrubrics",
    )
    with pytest.raises(BenchFileError, match="kind ternary, which is not drawn directly"):
        sample(load_world("default"), [task], five_recipes(None)[:1], 2, np.random.default_rng(1))


def test_recipes_share_their_drafts_within_a_run():
    """Without common draws, paired differences would be twice as wide as in a real run."""
    heron = seat("wader/heron")
    recipes = [
        Recipe(name="solo", strategy="solo", params={"member": heron}),
        Recipe(name="vote", strategy="vote", params={"members": (heron, heron)}),
    ]
    drawn = sample(world_with(**flawless()), TASKS[:2], recipes, 50, np.random.default_rng(1))
    assert np.array_equal(drawn.score[0], drawn.score[1])
    assert (drawn.cost_usd[1] > 1.5 * drawn.cost_usd[0]).mean() > 0.9


def test_the_same_generator_gives_the_same_draws():
    """A study that cannot be repeated cannot be checked."""
    world, recipes = load_world("default"), five_recipes()
    one, two = (sample(world, TASKS, recipes, 20, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.score, two.score)
    assert np.array_equal(one.cost_usd, two.cost_usd)


def test_what_only_the_wire_can_do_is_refused_with_the_way_out():
    """A nested recipe that was sampled as something else would be a wrong truth."""
    heron, world = seat("wader/heron"), load_world("default")
    inner = Recipe(name="inner", strategy="solo", params={"member": heron})
    nested = heron.__class__(name="inner", recipe=inner)
    for recipe, message in (
        (Recipe(name="r", strategy="solo", params={"member": nested}), "recipe in a seat"),
        (Recipe(name="r", strategy="mine:cascade", params={}), "no direct sampler"),
        (Recipe(name="r", strategy="solo", params={"member": seat("a/dodo")}), "no model 'a/dodo'"),
    ):
        with pytest.raises(BenchFileError, match=message):
            sample(world, TASKS, [recipe], 1, np.random.default_rng(1))
    with pytest.raises(BenchFileError, match="unknown grader"):
        sample(world, TASKS, five_recipes(), 1, np.random.default_rng(1), grader="a/dodo")
