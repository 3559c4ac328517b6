"""Power and plans of studies: numbers from textbooks, and what simulated studies then find."""

import numpy as np
import pandas as pd
import pytest
from made_ladders import DECISIONS, table
from made_worlds import noise, worlds
from scipy import stats as scipy_stats
from statsmodels.stats.power import TTestPower

import fusion_eval as fe
from fusion_eval.errors import StatisticsError
from fusion_eval.stats.noise import Noise, grading_noise, noise_of, published
from fusion_eval.stats.plans import Aim, Prices, best_passes, cheapest, strongest, study
from fusion_eval.stats.power import cautious_sd, detectable, power_of, tasks_needed

PRICES = Prices(answers=0.02, grading=0.0048)


def test_the_power_of_fifty_pairs_is_that_of_the_manual_of_g_power():
    """Six digits, printed by the program that most people plan with."""
    golden = DECISIONS["power"]

    assert power_of(golden["dz"], 1, golden["n"]) == pytest.approx(golden["power"], abs=1e-6)


@pytest.mark.parametrize("k", range(3))
def test_the_tasks_needed_are_those_of_cohens_effect_sizes(k):
    """Small, medium and large effects, at 80 % power."""
    effect, needed = DECISIONS["power"]["needed"][k]

    assert tasks_needed(effect, 1.0) == needed
    assert power_of(effect, 1, needed) >= 0.8 > power_of(effect, 1, needed - 1)


@pytest.mark.parametrize("effect", [-0.4, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("n", [2, 5, 30, 60])
def test_power_agrees_with_statsmodels_at_every_size(effect, n):
    """With a handful of tasks the normal formula is off by more than a few points."""
    for sides, word in ((2, "two-sided"), (1, "larger")):
        expected = TTestPower().power(effect, n, 0.05, alternative=word)
        assert power_of(effect, 1.0, n, sides=sides) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("k", range(3))
def test_what_hundred_tasks_can_detect_is_what_the_design_document_says(k):
    """This table is what people plan their benchmark with."""
    golden = DECISIONS["detectable"]

    found = [detectable(golden["sd"][k], n) for n in golden["n"]]

    assert found == pytest.approx(golden["points"][k], abs=0.11)
    for n, difference in zip(golden["n"], found, strict=True):
        assert power_of(difference, golden["sd"][k], n) == pytest.approx(0.8, abs=1e-6)


def test_degenerate_questions_have_an_answer_or_a_way_out():
    """No spread, one task, no difference: none of them may be a traceback or a promise."""
    assert power_of(0.1, 0.0, 5) == 1.0
    assert power_of(0.0, 0.0, 5) == pytest.approx(0.05)
    assert power_of(0.5, 1e-9, 100) == 1.0
    assert tasks_needed(0.1, 0.0) == 2
    assert np.isnan(detectable(0.1, 1))
    assert np.isnan(cautious_sd(0.1, 1))
    with pytest.raises(StatisticsError, match="cannot be detected"):
        tasks_needed(0.0, 0.1)
    with pytest.raises(StatisticsError, match="more than"):
        tasks_needed(1e-6, 1.0)
    with pytest.raises(StatisticsError, match="two tasks"):
        power_of(0.1, 0.1, 1)
    with pytest.raises(StatisticsError, match="above 0"):
        Aim(difference=0.0)


def test_published_noise_gives_the_figures_of_the_design_document():
    """One grading pass at real prices, nearly four where grading costs next to nothing."""
    golden, noise_ = DECISIONS["passes"], published()

    for ratio, passes in zip(golden["price_ratio"], golden["passes"], strict=True):
        found = best_passes(noise_, Prices(answers=1.0, grading=ratio))
        assert found == pytest.approx(passes, abs=0.05)
    for repeats, passes, se in golden["se"]:
        assert 100 * noise_.sd(repeats, passes) / 10 == pytest.approx(se, abs=0.011)


def test_new_tasks_are_bought_before_repeats_and_repeats_when_tasks_run_out():
    """The commonest waste: five repeats of ten tasks, where fifty tasks cost the same."""
    aim = Aim(difference=0.03)

    free, scarce = cheapest(published(), aim, PRICES), cheapest(published(), aim, PRICES, tasks=70)

    assert (free.repeats, free.passes) == (1, 1)
    assert scarce.tasks <= 70
    assert scarce.repeats > 1
    assert scarce.usd > free.usd
    assert cheapest(published(), aim, PRICES, tasks=30) is None


def test_the_strongest_study_for_some_dollars_stays_within_them():
    """A plan that costs a cent more than there is cannot be carried out."""
    for usd in (0.5, 2.0, 20.0):
        found = strongest(published(), Aim(difference=0.03), PRICES, usd, tasks=100)
        assert found.usd <= usd
        assert found.tasks <= 100
    assert strongest(published(), Aim(difference=0.03), PRICES, 0.01) is None
    with pytest.raises(StatisticsError, match="reprice"):
        strongest(published(), Aim(difference=0.03), Prices(answers=np.nan, grading=0.0), 1.0)


def _pilot(interaction, draw, n, repeats, seed=0, gap=0.05):
    rng = np.random.default_rng(seed)
    level = rng.uniform(0.3, 0.6, n)[:, None] + np.zeros((n, repeats))
    effect = gap + np.sqrt(interaction) * rng.normal(size=(n, 1))
    other = level + effect + np.sqrt(draw) * rng.normal(size=(n, repeats))
    return table(
        {"a": {"score": np.clip(other, 0, 1), "cost_usd": 0.02, "grading_usd": 0.001},
         "b": {"score": level, "cost_usd": 0.01, "grading_usd": 0.001}}, n, repeats
    )  # fmt: skip


def test_a_pilot_with_repeats_tells_tasks_and_draws_apart():
    """Confusing the two buys repeats that bring nothing, or tasks that are not needed."""
    found = noise_of(_pilot(0.0030, 0.0060, 2_000, 3), "a", "b")

    assert found.interaction == pytest.approx(0.0030, rel=0.1)
    assert found.draw == pytest.approx(0.0060, rel=0.05)
    assert found.grading is None
    one = noise_of(_pilot(0.0030, 0.0060, 2_000, 1), "a", "b")
    assert one.draw == 0.0
    assert one.sd() == pytest.approx(found.sd(), rel=0.05)


def test_the_noise_of_grading_is_the_variance_between_passes():
    """By hand: answers graded .5 and .7, and .2 and .2, waver by .01 on average."""
    assert grading_noise(np.array([[0.5, 0.7], [0.2, 0.2], [0.9, np.nan]])) == pytest.approx(0.01)
    assert grading_noise(np.array([[0.5], [0.7]])) is None


def test_the_table_of_a_pilot_says_what_it_can_see_and_what_would_be_needed():
    """One row a pair, with the price of both recipes and their grading."""
    trials = _pilot(0.0030, 0.0060, 40, 2)

    row = fe.power(trials, 3.0, reference="b").iloc[0]

    sd = noise_of(trials, "a", "b").sd(2)
    assert row["detectable_now"] == pytest.approx(detectable(sd, 40))
    assert row["power"] >= 0.8
    assert row["usd"] == pytest.approx(row["tasks"] * row["repeats"] * 0.032)
    assert row["tasks_cautious"] == row["tasks"] > row["tasks_as_seen"]
    assert row["power_as_seen"] > row["power"]
    trials.loc[0, "cost_usd"] = np.nan
    unknown = fe.power(trials, 3.0, reference="b").iloc[0]
    assert np.isnan(unknown["usd"])
    assert "no price" in unknown["caveat"]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_tiny_pilot_is_answered_with_a_warning(n):
    """The first thing people plan with is a run with --limit 2."""
    row = fe.power(_pilot(0.003, 0.006, n, 1), 3.0).iloc[0]

    assert row["caveat"]
    assert np.isnan(row["tasks"])
    assert not row["detectable_now"] > 1, "beyond the scale of scores"


def test_calls_that_two_recipes_share_are_paid_once():
    """A panel whose drafts are its rival's answers costs little more than the panel alone."""
    trials = _pilot(0.003, 0.006, 20, 1)
    keys = [f"k{t}" for t in range(20)]
    calls = [("b", key, 0.01) for key in keys] + [("a", key, 0.01) for key in keys]
    calls += [("a", f"w{t}", 0.01) for t in range(20)]
    frame = pd.DataFrame(calls, columns=["recipe", "key", "cost_usd"]).assign(purpose="answer")

    row = fe.power(trials, 3.0, calls=frame).iloc[0]

    assert row["usd"] == pytest.approx(row["tasks"] * row["repeats"] * 0.02)


@pytest.mark.simulation
@pytest.mark.parametrize(("n", "repeats", "gap"), [(10, 1, 0.10), (30, 2, 0.04), (100, 1, 0.03)])
def test_studies_find_a_difference_as_often_as_their_plan_said(n, repeats, gap):
    """Within 3 points of percent: the promise of every plan."""
    rng, count = np.random.default_rng(3), 5 * worlds()
    made = Noise(interaction=0.0045, draw=0.0066, grading=None, n=0, repeats=1, source="made")
    promised = study(made, Aim(difference=gap), PRICES, n, repeats).power

    d = gap + np.sqrt(made.interaction) * rng.normal(size=(count, n))
    d += np.sqrt(made.draw / repeats) * rng.normal(size=(count, n))
    found = (scipy_stats.ttest_1samp(d, 0, axis=1).pvalue < 0.05).mean()

    assert abs(found - promised) <= 0.03 + noise(promised, count) * (count < 2_000)


@pytest.mark.simulation
def test_a_plan_with_the_cautious_sd_has_its_power_in_four_of_five_pilots():
    """With the pilot's own SD it has it in about one of two."""
    rng, count = np.random.default_rng(4), min(200, worlds())
    sds = rng.normal(size=(count, 15)).std(axis=1, ddof=1)

    plain = np.mean([power_of(0.3, 1.0, tasks_needed(0.3, sd)) >= 0.8 for sd in sds])
    careful = np.mean(
        [power_of(0.3, 1.0, tasks_needed(0.3, cautious_sd(sd, 15))) >= 0.8 for sd in sds]
    )

    assert careful >= 0.8 - noise(0.8, count)
    assert plain < 0.6
