"""Two-phase grading as a user runs it: cheap on everything, then official on a drawn part."""

from pathlib import Path

import pytest

import fusion_eval as fe
from fusion_eval.core.sampling import chosen
from fusion_eval.errors import InputError, StatisticsError

MINI = Path(__file__).parents[2] / "tasks" / "mini.yaml"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """(graded in one request each, a third of the criteria one by one, everything one by one)."""
    folder = {"output_dir": tmp_path_factory.mktemp("results")}
    answers = fe.run(MINI, "demo", recipes=["solo-heron", "solo-condor"], **folder)
    cheap = fe.grade(answers.path, protocol="one-shot", **folder)
    part = fe.grade(cheap.path, protocol="draco", sample=0.34, **folder)
    return cheap, part, answers


def test_only_what_was_drawn_is_asked_for_and_the_draw_can_be_made_again(runs):
    """Every call beyond the draw is money for nothing; a draw nobody can repeat proves nothing."""
    cheap, part, _ = runs
    plan = part.manifest["sample"]
    all_, some = fe.verdicts(cheap), fe.verdicts(part)
    judged = all_[~all_["grader"].str.startswith("check")]
    for task, rows in judged.groupby("task_hash"):
        weights = dict(zip(rows["criterion"], rows["weight"], strict=True))
        drawn = chosen(
            task, weights, range(plan["repeats"]), seed=plan["seed"], share=plan["share"]
        )
        mine = some[some["task_hash"] == task]
        for recipe in rows["recipe"].unique():
            here = mine[mine["recipe"] == recipe]
            assert set(zip(here["repeat"], here["criterion"], strict=True)) == set(drawn)
    calls = fe.calls(part)
    assert (calls["role"] == "grader").sum() < 0.6 * len(judged)


def test_the_estimate_holds_for_all_recipes_and_pairs_and_a_part_has_no_scores(runs):
    """Scores from the drawn part alone would look like scores of the official protocol."""
    cheap, part, _ = runs
    table = fe.two_phase(cheap, part)

    assert list(zip(table["recipe"], table["against"], strict=True)) == [
        ("solo-condor", ""), ("solo-heron", ""), ("solo-condor", "solo-heron"),
    ]  # fmt: skip
    assert table.attrs["simulated"]
    assert table["value"].notna().all()
    assert (table["low"] <= table["value"]).all()
    assert table.loc[table["against"] == "", ["low", "high"]].stack().between(0, 1).all()
    graded = fe.trials(part).merge(fe.verdicts(part)[["task_hash", "grader"]], on="task_hash")
    assert graded.loc[~graded["grader"].str.startswith("check"), "score"].isna().all()


def test_with_everything_read_again_nothing_is_left_to_estimate(runs):
    """At a share of nearly 1 the two-phase estimate must be the official score."""
    cheap, _, answers = runs
    whole = fe.grade(cheap.path, protocol="draco", sample=0.999999, output_dir=cheap.path.parent)
    table = fe.two_phase(cheap, whole).set_index(["recipe", "against"])
    official = (
        fe.trials(answers).groupby(["recipe", "task"])["score"].mean().groupby("recipe").mean()
    )

    for recipe, score in official.items():
        assert table.loc[(recipe, ""), "value"] == pytest.approx(score, abs=0.02)


def test_a_run_that_is_no_sample_and_a_share_that_is_none_are_refused(runs):
    """A whole second run is compared, not estimated from."""
    cheap, _, answers = runs
    with pytest.raises(StatisticsError, match="--sample"):
        fe.two_phase(cheap, answers)
    with pytest.raises(InputError, match="between 0 and 1"):
        fe.grade(cheap.path, protocol="draco", sample=1.5, output_dir=cheap.path.parent)
