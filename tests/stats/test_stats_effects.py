"""What moves a grader beside the answer: planted effects must be found, and no others."""

import numpy as np
import pandas as pd
import pytest
from made_gradings import corrections, frames_of, graders, grading, pool, second_of, solo

from fusion_eval.core.sampling import saving
from fusion_eval.errors import StatisticsError
from fusion_eval.stats.audit import heavy_criteria, unread
from fusion_eval.stats.difference import anchored, two_readings
from fusion_eval.stats.effects import (
    length_effect,
    position_effect,
    rater_differences,
    scores_by_rater,
)
from fusion_eval.stats.selfpreference import double_differences, favour, related, without_family
from fusion_eval.stats.twophase import second_phase

FAMILIES = {"wader/heron": "wader", "meadow/lark": "meadow"}
RECIPES = {
    "heron": {"wader"},
    "lark": {"meadow"},
    "condor": {"raptor"},
    "both": {"wader", "meadow"},
}


@pytest.fixture(scope="module")
def graded():
    """Three solos, graded by two models that each favour their own family by some points."""
    rules = {name: grading(0.93, 0.92, family=0.25) for name in FAMILIES}
    models = {"heron": "wader/heron", "lark": "meadow/lark", "condor": "raptor/condor"}
    recipes = [solo(name, model) for name, model in models.items()]
    return pool(graders(rules), recipes, list(FAMILIES), 2)


@pytest.fixture(scope="module")
def tables(graded):
    return frames_of(graded, ["heron", "lark", "condor"], list(FAMILIES))


def test_a_double_difference_finds_the_favour_that_two_graders_have_for_their_kin(graded, tables):
    """Quality, difficulty and strictness cancel; only favour is left, or it would be slander."""
    found = double_differences(scores_by_rater(*tables), RECIPES, FAMILIES).iloc[0]
    raw = {name: np.clip(graded.raw(name), 0, 1)[:, :, 0] for name in FAMILIES}
    gap = raw["wader/heron"] - raw["meadow/lark"]
    exact = (gap[0] - gap[1]).mean()

    assert found["difference"] == pytest.approx(exact, abs=1e-9)
    assert 0.02 < found["low"] < found["difference"] < found["high"]
    assert (found["family_a"], found["family_b"], found["n"]) == ("wader", "meadow", 100)


def test_who_is_related_and_what_ranks_without_a_family(tables):
    """A leader that leads only in the eyes of its kin must be seen."""
    scores = scores_by_rater(*tables)
    assert related(RECIPES, FAMILIES) == {
        "wader/heron": ["heron", "both"], "meadow/lark": ["lark", "both"],
    }  # fmt: skip
    ranks = without_family(scores, FAMILIES)
    assert list(ranks.columns) == ["all", "wader", "meadow"]
    assert sorted(ranks["all"]) == [1, 2, 3]
    by_lark = scores["meadow/lark"].groupby("recipe").mean().rank(ascending=False)
    assert ranks["wader"].to_dict() == by_lark.astype(int).to_dict()
    assert without_family(scores, {"wader/heron": "x", "meadow/lark": "x"}).empty
    assert double_differences(scores, {}, FAMILIES).empty


def test_labels_show_the_favour_itself(graded, tables):
    """With people as the measure one grader is enough, and its own side counts only once."""
    trials, verdicts = tables
    mine = verdicts[verdicts["grader"] == "wader/heron"]
    world = graders({"strix/owl": grading(1.0, 1.0)})
    fair = pool(
        world, [solo("heron", "wader/heron"), solo("lark", "meadow/lark")], ["strix/owl"], 2
    )
    both = two_readings(trials, mine, second_of(fair, ["heron", "lark"], "strix/owl", labels=400))
    found = favour(both, ["heron"])

    assert both.correction.notna().all(axis=None)
    assert found is not None
    assert found.low < found.value < found.high
    assert favour(both, ["nobody"]) is None
    assert favour(both, ["heron", "lark"]) is None


def test_two_graders_differ_by_the_mean_over_tasks_and_are_compared_on_common_answers(
    graded, tables
):
    """By so many points a published score moves with the grader; it must be stated rightly."""
    trials, verdicts = tables
    found = rater_differences(trials, verdicts).iloc[0]
    raw = [np.clip(graded.raw(name), 0, 1)[:, :, 0] for name in FAMILIES]

    assert found["difference"] == pytest.approx((raw[0] - raw[1]).mean(), abs=1e-9)
    assert (found["n"], found["answers"]) == (100, 300)
    assert found["correlation"] == pytest.approx(np.corrcoef(raw[0].ravel(), raw[1].ravel())[0, 1])
    alone = verdicts[verdicts["grader"] == "wader/heron"]
    assert rater_differences(trials, alone).empty
    half = verdicts[(verdicts["grader"] == "wader/heron") | (verdicts["recipe"] == "lark")]
    assert rater_differences(trials, half).iloc[0]["answers"] == 100


def _placed(effect, tasks=60, criteria=10, passes=4, seed=0, shuffled=True):
    rng, rows = np.random.default_rng(seed), []
    for t in range(tasks):
        for k in range(passes):
            order = rng.permutation(criteria) if shuffled else np.arange(criteria)
            for c, place in enumerate(order):
                good = rng.random() < 0.4 + effect * place / (criteria - 1)
                weight = -1.0 if c % 4 == 0 else 1.0
                value = float(good if weight > 0 else not good)
                rows.append((f"t{t}", "r", 0, f"c{c}", weight, "g", k, value, place))
    names = ["task", "recipe", "repeat", "criterion", "weight", "grader", "grader_pass"]
    names += ["value", "position"]
    return pd.DataFrame(rows, columns=names).assign(task_hash=None, section="", verdict="met")


def test_the_effect_of_the_place_is_found_where_it_is_and_not_where_it_is_not():
    """Within one criterion, so that hard criteria at the end are no effect of the place."""
    found, none = position_effect(_placed(0.3)), position_effect(_placed(0.0))

    assert found.low < 0.3 < found.high
    assert found.low > 0.15
    assert none.low < 0 < none.high
    assert position_effect(_placed(0.3, shuffled=False)) is None, "always in the same place"
    assert position_effect(_placed(0.3).drop(columns="position")) is None


def test_length_is_compared_at_equal_task_and_recipe():
    """Recipes that write more and score more would else look as if length had made it."""
    rng, rows = np.random.default_rng(1), []
    for t in range(50):
        for r, (base, size) in {"short": (0.5, 500), "long": (0.7, 4_000)}.items():
            for repeat in range(3):
                length = size * 2 ** rng.normal(0, 0.5)
                score = base + 0.02 * (np.log2(length / size)) + rng.normal(0, 0.02)
                rows.append((f"t{t}", r, repeat, score, length))
    trials = pd.DataFrame(rows, columns=["task", "recipe", "repeat", "score", "length"])
    trials["task_hash"] = trials["task"]
    lengths = trials.set_index(["task_hash", "recipe", "repeat"])["length"]
    found = length_effect(trials, lengths)

    assert found.low < 0.02 < found.high
    assert found.high - found.low < 0.02
    assert length_effect(trials, lengths.iloc[:0]) is None


def test_heavy_criteria_and_unread_verdicts_are_counted_with_intervals_over_tasks(tables):
    """One misread criterion of 376 % of its task is a score; 15 of them stand in DRACO."""
    _, verdicts = tables
    found = heavy_criteria(verdicts)
    assert len(found) == 15
    assert found["task"].nunique() == 5
    assert found.iloc[0]["share"] == pytest.approx(500 / 133)
    assert set(found["readings"]) == {2}
    some = verdicts.assign(
        verdict=np.where(np.arange(len(verdicts)) % 50 == 0, "unreadable", "met")
    )
    rates = unread(some).set_index(["rater", "sign", "verdict"])["value"]
    assert rates["wader/heron", "all", "unreadable"] == pytest.approx(0.02, abs=0.002)
    assert rates["wader/heron", "all", "not_graded"] == 0


def test_a_second_phase_is_the_drawn_part_and_unread_verdicts_correct_nothing(graded, tables):
    """The probabilities must be those of the draw; a missing verdict must not become a zero."""
    trials, verdicts = tables
    cheap = verdicts[verdicts["grader"] == "wader/heron"]
    official = verdicts[verdicts["grader"] == "meadow/lark"].reset_index(drop=True)
    read = second_phase(cheap, official, share=0.3, seed=4)
    both = two_readings(trials, cheap, read)
    exact = corrections(graded, "wader/heron", "meadow/lark", 5, share=0.3)[:, :, 0, 4]

    order = [task.hash for task in graded.tasks]
    assert (
        pytest.approx(exact) == both.correction.loc[order, ["heron", "lark", "condor"]].to_numpy().T
    )
    nothing = second_phase(cheap, official.assign(value=np.nan), share=0.3, seed=4)
    assert (two_readings(trials, cheap, nothing).correction == 0).all(axis=None)
    lost = second_phase(cheap, official.iloc[60:], share=0.3, seed=4)
    assert two_readings(trials, cheap, lost).correction.isna().any(axis=None)
    with pytest.raises(StatisticsError, match="no verdict that was drawn"):
        second_phase(cheap, official.iloc[:0], share=0.3, seed=4)


def test_what_two_phases_save_is_what_they_then_cost(graded):
    """`plan` promises a width before anything is paid; experiments hold it to it."""
    first, second = (np.clip(graded.raw(name), 0, 1)[:, :, 0] for name in FAMILIES)
    said = saving(
        [{c.id: c.weight for c in task.criteria} for task in graded.tasks],
        share=0.2,
        disagreement=np.mean(
            [np.mean(a != b) for a, b in zip(*graded.values.values(), strict=True)]
        ),
        spread=float(second[0].std(ddof=1)),
    )
    fixed = corrections(graded, "wader/heron", "meadow/lark", 40, share=0.2)[0, :, 0]
    widths = [anchored(first[0], fixed[:, k]) for k in range(40)]
    whole = anchored(second[0], 0 * second[0])
    ratio = np.mean([w.high - w.low for w in widths]) / (whole.high - whole.low)

    assert said.official == pytest.approx(39.34)
    assert said.calls < 0.24 * said.official
    assert said.width == pytest.approx(ratio, rel=0.12)
