"""Which criteria and tasks carry information, and what a subset of the tasks can say."""

import numpy as np
import pandas as pd
import pytest
from made_ladders import table
from made_public import draco_rows, public_scores, public_verdicts
from made_rubrics import needs_public_data
from made_worlds import noise, worlds

import fusion_eval as fe
from fusion_eval.errors import MissingScoresError, StatisticsError, TooFewTasksError
from fusion_eval.stats.items import item_rest, task_items
from fusion_eval.stats.subset import calibrated, stratified


def _verdicts(met, weights):
    """met : shape (n_criteria, n_recipes) of one task."""
    rows = [
        ("t", f"r{r}", 0, f"c{c}", weights[c], float(value))
        for c, line in enumerate(met)
        for r, value in enumerate(line)
    ]
    names = ["task", "recipe", "repeat", "criterion", "weight", "value"]
    return pd.DataFrame(rows, columns=names).assign(task_hash="t", section="")


def test_criteria_that_say_the_same_of_all_are_flagged_and_so_is_the_one_that_outweighs_them():
    """One false alarm on a criterion of -376 % turns a good answer into 0."""
    found = fe.items(_verdicts([[1, 1], [0, 0], [1, 0], [0, 0]], [10, 10, 5, -50])).set_index(
        "criterion"
    )

    assert list(found["flag"]) == [
        "saturated, leverage",
        "dead, leverage",
        "",
        "saturated, leverage",
    ]
    assert found.loc["c3", "leverage"] == pytest.approx(2.0)
    assert found.loc["c2", "met"] == 0.5
    assert found["discrimination"].isna().all()
    with pytest.raises(StatisticsError, match="no verdict"):
        fe.items(_verdicts([[np.nan]], [1.0]))


def test_discrimination_is_the_shrunk_correlation_with_the_rest():
    """By numpy, and an item that good recipes fail is called against the rest."""
    rng = np.random.default_rng(0)
    good = (rng.random((8, 12)) < np.linspace(0.1, 0.9, 12)).astype(float)
    good[0] = 1 - (np.arange(12) > 5)

    found = item_rest(good)

    rest = np.delete(good, 3, axis=0).mean(axis=0)
    assert found[3] == pytest.approx(np.corrcoef(good[3], rest)[0, 1] * 12 / 20)
    assert found[0] < -0.2


@needs_public_data
def test_the_public_runs_have_the_saturated_and_dead_criteria_that_were_published():
    """32 % of the points are made by all 18 systems, 12 % by none; 66 % of errors by nobody."""
    weights = {(r["task_id"], r["criterion_id"]): float(r["weight"]) for r in draco_rows()}
    said = pd.DataFrame(public_verdicts(), columns=["recipe", "task", "criterion", "value"])
    counts = said.groupby("recipe")["task"].nunique()
    said = said[said["recipe"].isin(counts[counts >= 99].index)]
    shared = said.groupby("task")["recipe"].nunique()
    said = said[said["task"].isin(shared[shared == 18].index)]
    keys = zip(said["task"], said["criterion"], strict=True)
    said = said.assign(weight=[weights[k] for k in keys], task_hash=said["task"], section="")

    found = fe.items(said)

    points, errors = found[found["weight"] > 0], found[found["weight"] < 0]
    assert points["flag"].str.contains("saturated").mean() == pytest.approx(0.32, abs=0.005)
    assert points["flag"].str.contains("dead").mean() == pytest.approx(0.12, abs=0.005)
    assert errors["flag"].str.contains("saturated").mean() == pytest.approx(0.66, abs=0.005)
    heavy = errors[errors["leverage"] > 0.25]
    assert (len(heavy), heavy["task"].nunique()) == (15, 5)
    assert heavy["leverage"].max() == pytest.approx(3.76, abs=0.005)


@needs_public_data
def test_thirty_public_tasks_regressed_on_the_others_err_half_as_much():
    """1.24 against 2.43 points in the published study of the same runs."""
    rows = [(t, s, v / 100) for s, each in public_scores().items() for t, v in each.items()]
    trials = pd.DataFrame(rows, columns=["task", "recipe", "score"])
    counts = trials.groupby("recipe")["task"].count()
    trials = trials[trials["recipe"].isin(counts[counts >= 99].index)]

    found = fe.subset(trials, 30)

    assert found["chosen"].sum() == 30
    assert 100 * found.attrs["rmse"] == pytest.approx(1.24, abs=0.08)
    assert 100 * found.attrs["rmse_plain"] == pytest.approx(2.43, abs=0.15)
    assert found.attrs["rank_correlation"] > 0.85


def test_tasks_on_which_all_do_the_same_are_flagged():
    """They cost as much as others and tell nothing."""
    score = np.array([1.0, 0.0, 0.4, 0.3])
    trials = table({"a": {"score": score}, "b": {"score": score + np.array([0, 0, 0, 0.2])}}, 4)

    found = task_items(trials)

    flags = dict(zip(found["task"], found["flag"], strict=True))
    assert flags == {"t0": "saturated", "t1": "dead", "t2": "no spread", "t3": ""}
    assert found["headroom"].isna().all()
    twice = task_items(pd.concat([trials, trials.assign(repeat=1)]))
    assert twice["headroom"].notna().all()


def test_strata_keep_their_shares_in_a_subset():
    """A subset without the hard domain would flatter everybody."""
    rng, labels = np.random.default_rng(1), np.repeat([0, 1, 2], [50, 30, 20])

    for _ in range(20):
        taken = np.bincount(labels[stratified(labels, 33, rng)], minlength=3)
        assert taken.sum() == 33
        assert np.all(np.abs(taken - np.array([16.5, 9.9, 6.6])) <= 1)


def test_a_subset_that_cannot_be_judged_is_refused():
    """Two tasks have no residual, and two recipes no history."""
    many = table({name: {"score": np.linspace(0, 1, 10)} for name in "abc"}, 10)
    with pytest.raises(StatisticsError, match="give 3 or more"):
        fe.subset(many, 2)
    with pytest.raises(StatisticsError, match="three recipes"):
        fe.subset(many[many["recipe"] != "c"], 5)
    with pytest.raises(TooFewTasksError):
        calibrated([0.1, 0.2], [0.1, 0.2], [0.1, 0.2, 0.3])
    with pytest.raises(MissingScoresError):
        calibrated([0.1, 0.2, np.nan], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3, 0.4])
    with pytest.raises(StatisticsError, match="same tasks"):
        calibrated([0.1, 0.2, 0.3], [0.1, 0.2], [0.1, 0.2, 0.3, 0.4])


@pytest.mark.simulation
@pytest.mark.parametrize("size", [15, 30, 60])
def test_the_corrected_mean_of_a_subset_covers_that_of_all_tasks(size):
    """The estimand is these hundred tasks, so the interval shrinks as the subset grows."""
    rng, count, hits, shorter = np.random.default_rng(2), 2 * worlds(), 0, 0
    for _ in range(count):
        hard = rng.uniform(0.2, 0.8, 100)
        history = hard + 0.03 * rng.normal(size=100)
        scores = hard + 0.05 + 0.08 * rng.normal(size=100)
        part = rng.permutation(100)[:size]
        found = calibrated(scores[part], history[part], history)
        hits += found.low <= scores.mean() <= found.high
        shorter += found.high - found.low < 4 * scores[part].std() / np.sqrt(size)

    assert abs(hits / count - 0.95) <= 0.015 + noise(0.95, count)
    assert shorter == count
