"""How often the gate is wrong, in worlds whose truth is known: the direct sampler, public rules."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from made_experiments import seat
from made_rubrics import draco_like, needs_public_data
from made_worlds import noise, worlds
from scipy.special import nctdtr, stdtrit

from fusion_eval.core import Recipe
from fusion_eval.gate.baseline import Baseline
from fusion_eval.gate.check import _worded
from fusion_eval.gate.looks import Seen
from fusion_eval.gate.rules import Sides, quality
from fusion_eval.gate.values import Policy, Quality
from fusion_eval.simulator import load_world
from fusion_eval.simulator.direct import sample
from fusion_eval.stats.sequential import design, look

pytestmark = [pytest.mark.simulation, needs_public_data]
KEPT = 4  # repeats of the baseline; the new run has one
HERON = Recipe(name="solo", strategy="solo", params={"member": seat("wader/heron")})
NONE = pd.DataFrame(columns=["section", "recipe", "task_hash", "repeat", "score"])


def _runs():
    return worlds() // 4 if worlds() <= 400 else min(worlds(), 2_000)


@cache
def _drawn(world, n):
    """Scores of one recipe, (runs, tasks, repeats): graded twice, so two passes are in each."""
    rng = np.random.default_rng([n, len(world)])
    count = _runs() * (KEPT + 1)
    made = sample(load_world(world), draco_like(n), [HERON], count, rng, passes=2)
    return made.score[0].T.reshape(_runs(), KEPT + 1, n).transpose(0, 2, 1)


def _most(count):
    """The largest share that 5 % allows: 122 of 2,000, three standard errors of fewer."""
    return 122 / 2_000 if count >= 2_000 else 0.05 + noise(0.05, count)


def _side(scores):
    n, k = scores.shape
    trials = pd.DataFrame({
        "task_hash": np.repeat([f"t{i}" for i in range(n)], k), "recipe": "solo",
        "repeat": np.tile(np.arange(k), n), "score": scores.ravel(), "failure": None,
        "answer_hash": None, "domain": "",
    })  # fmt: skip
    return Baseline(run_id="r", simulated=True, manifest={}, trials=trials, sections=NONE)


def _words(scores, drop, margin, collapse=None):
    """What the gate says of each run against its baseline, when answers lose `drop`."""
    said = []
    for k, one in enumerate(scores):
        new = one[:, KEPT:] - drop if collapse is None else collapse(one[:, KEPT:], k)
        sides = Sides(new=_side(new), old=_side(one[:, :KEPT]), policy=Policy(margin=100 * margin))
        (outcome,) = _worded([quality(Quality(), "solo", sides)], 0.05)
        said.append(outcome.word)
    return pd.Series(said)


@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize("world", ["default", "floor", "ceiling"])
def test_a_drop_of_the_margin_passes_in_one_run_of_twenty(world, n):
    """A gate that lets through twice as much as it says is no gate."""
    said = _words(_drawn(world, n), drop=0.03, margin=0.03)

    assert (said == "pass").mean() <= _most(len(said))


@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize("world", ["default", "floor", "ceiling"])
def test_an_equal_run_fails_in_one_of_twenty_at_most(world, n):
    """A gate that cries wolf is switched off."""
    said = _words(_drawn(world, n), drop=0.0, margin=0.01)

    assert (said == "fail").mean() <= 0.05 + noise(0.05, len(said))


@pytest.mark.parametrize("n", [30, 100])
def test_an_equal_run_passes_as_often_as_the_noise_says(n):
    """What is promised before a run decides whether it is worth its dollars."""
    scores = _drawn("default", n)
    spread = float((scores.var(axis=2, ddof=1)).mean())
    se = np.sqrt(spread * (1 + 1 / KEPT) / n)
    freedom = n * (KEPT - 1)
    promised = 1 - nctdtr(freedom, 0.03 / se, stdtrit(freedom, 0.95))
    found = (_words(scores, drop=0.0, margin=0.03) == "pass").mean()

    assert found >= promised - 0.03 - noise(promised, len(scores)) / 3
    assert found >= 0.78


def test_a_rare_collapse_is_let_through_more_often_than_it_should():
    """A limit of every gate with few tasks: the rate stands in docs/gate.md and must stay true."""
    scores = _drawn("default", 30)
    rng = np.random.default_rng(3)
    mean = scores.mean()
    rate = 0.03 / mean  # collapses to 0, which cost the margin on average

    def collapse(new, _):
        return np.where(rng.uniform(size=new.shape) < rate, 0.0, new)

    said = _words(scores, drop=0.0, margin=0.03, collapse=collapse)

    assert 0.05 < (said == "pass").mean() < 0.40


def _sequential(scores, drop, margin):
    """(what four looks say, after how many tasks) for each run, tasks in a random order."""
    plan, rng = design(scores.shape[1]), np.random.default_rng(11)
    ended = []
    for one in scores:
        d = one[:, KEPT:].mean(axis=1) - drop - one[:, :KEPT].mean(axis=1)
        d = d[rng.permutation(len(d))]
        for count in plan.tasks:
            up = look(plan, d[:count], margin=margin)
            down = look(plan, -d[:count], margin=-margin)
            word = Seen(rule="quality", recipe="solo", margin=margin, up=up, down=down).word
            if word != "go on":
                break
        ended.append((word, count))
    return pd.DataFrame(ended, columns=["word", "tasks"])


def test_four_looks_pass_a_drop_of_the_margin_no_more_often_than_one():
    """Who looks four times at 5 % each is wrong in one case of eight."""
    found = _sequential(_drawn("default", 100), drop=0.03, margin=0.03)

    assert (found["word"] == "pass").mean() <= _most(len(found))


def test_early_looks_are_too_sure_where_scores_crowd_at_the_ceiling():
    """A few low scores are not seen in 25 tasks: the rate stands in docs/gate.md."""
    found = _sequential(_drawn("ceiling", 100), drop=0.03, margin=0.03)

    assert 0.02 < (found["word"] == "pass").mean() < 0.17


def test_a_large_drop_is_left_early_and_an_equal_run_still_passes():
    """Stopping is worth its price: what futility costs in power stands in docs/gate.md."""
    scores = _drawn("default", 100)
    dropped = _sequential(scores, drop=0.06, margin=0.03)
    equal = _sequential(scores, drop=0.0, margin=0.03)

    assert dropped["tasks"].mean() <= 35
    assert (dropped["word"] == "pass").mean() < 0.01 + noise(0.01, len(scores))
    assert (equal["word"] == "fail").mean() <= 0.05
