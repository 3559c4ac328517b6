"""Ratios of means: dollars per point, cost against cost, and when there is no such number."""

from statistics import NormalDist

import numpy as np
import pytest
from made_ladders import DECISIONS, table
from made_worlds import noise, worlds

from fusion_eval.errors import MissingScoresError, StatisticsError
from fusion_eval.stats.bootstrap import resampled_critical
from fusion_eval.stats.points import Points
from fusion_eval.stats.ratio import dollars_per_point, fieller_set, positive_ratio, ratio_of_means
from fusion_eval.stats.stakes import Stakes


@pytest.mark.parametrize("k", [0, 1, 2])
def test_fiellers_set_is_that_of_the_closed_form_in_all_three_kinds(k):
    """An interval where the set is the *outside* of one would turn the conclusion around."""
    golden = DECISIONS["fieller"]

    low, high, kind = fieller_set(*golden["cases"][k])

    expected = golden["expected"][k]
    assert kind == expected["kind"]
    if kind != "all":
        assert (low, high) == pytest.approx((expected["lo"], expected["hi"]), abs=1e-8)
    else:
        assert np.isnan([low, high]).all()


def test_the_ratio_of_the_patch_data_is_that_of_efron_and_tibshirani():
    """Printed to three digits in their chapter on bioequivalence."""
    golden = DECISIONS["patch"]

    found = ratio_of_means(golden["numerator"], golden["denominator"], golden["level"])

    assert found.value == pytest.approx(golden["ratio"], abs=5e-5)
    assert (found.low, found.high) == pytest.approx(golden["interval"], abs=5e-4)
    assert found.kind == "bounded"


def test_a_missing_value_or_another_length_is_refused_with_the_way_out():
    """Dropping a pair silently changes which tasks the ratio is about."""
    with pytest.raises(MissingScoresError, match="missing"):
        ratio_of_means([1.0, np.nan], [1.0, 2.0])
    with pytest.raises(StatisticsError, match="pair them by task"):
        ratio_of_means([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(StatisticsError, match="use ratio_of_means"):
        positive_ratio([1.0, 2.0], [-1.0, -2.0])


def test_dollars_per_point_are_not_given_where_the_gain_may_be_nothing():
    """ "$0.02 per point" of a gain within the noise is a price for nothing."""
    rng = np.random.default_rng(0)
    level = rng.uniform(0.2, 0.7, 40)
    trials = table(
        {"cheap": {"score": level, "cost_usd": 0.01},
         "better": {"score": level + 0.1 + rng.normal(0, 0.02, 40), "cost_usd": 0.03},
         "same": {"score": level + rng.normal(0, 0.05, 40), "cost_usd": 0.03}},
        40,
    )  # fmt: skip

    sure, unsure = (
        dollars_per_point(trials, "better", "cheap"),
        dollars_per_point(trials, "same", "cheap"),
    )

    assert sure.kind == "bounded"
    assert sure.low < 0.002 < sure.high
    assert unsure.kind != "bounded"
    with pytest.raises(StatisticsError, match="no recipe 'nobody'"):
        dollars_per_point(trials, "nobody", "cheap")


def test_an_unknown_bill_widens_the_price_of_a_point_by_its_bounds_and_a_lost_one_forbids_it():
    """Whatever the bill was, it lay between nothing and the largest that was seen."""
    rng = np.random.default_rng(9)
    level, costs = rng.uniform(0.2, 0.5, 40), 0.03 * rng.lognormal(0, 0.2, 40)
    trials = table(
        {"cheap": {"score": level, "cost_usd": 0.01},
         "better": {"score": level + 0.1, "cost_usd": costs}},
        40,
    )  # fmt: skip
    whole = dollars_per_point(trials, "better", "cheap")
    of = trials["recipe"] == "better"
    bounded = trials.assign(cost_usd=trials["cost_usd"].mask(of & (trials.index % 20 == 1)))
    found = dollars_per_point(bounded, "better", "cheap")

    assert np.isnan(found.value)
    assert found.kind == "bounded"
    assert found.low < whole.low
    assert whole.value < found.high
    assert "unknown costs at their bounds" in found.method
    with pytest.raises(StatisticsError, match="no upper bound"):
        dollars_per_point(trials.assign(cost_usd=trials["cost_usd"].mask(of)), "better", "cheap")


def _icer_coverage(n, gain, count, by=ratio_of_means):
    rng, hits, unbounded = np.random.default_rng(8), 0, 0
    truth = 0.04 / gain
    for _ in range(count):
        found = by(0.04 * rng.lognormal(-0.32, 0.8, n), gain + 0.1 * rng.normal(size=n))
        inside = found.low <= truth <= found.high
        hits += inside if found.kind == "bounded" else found.kind == "all" or not inside
        unbounded += found.kind != "bounded"
    return hits / count, unbounded / count


@pytest.mark.simulation
@pytest.mark.parametrize("n", [10, 30, 100])
def test_fiellers_set_holds_the_true_price_of_a_point_as_often_as_it_says(n):
    """Also where it is unbounded: at five points of gain, most sets of ten tasks are."""
    count = worlds()

    covered, unbounded = _icer_coverage(n, 0.05, count)

    assert abs(covered - 0.95) <= 0.01 + noise(0.95, count)
    if n == 10:
        assert unbounded > 0.4


@pytest.mark.simulation
def test_gains_that_crowd_at_0_need_wider_sets_than_students():
    """At the ceiling most gains are small and a few large, and ten tasks seldom hold the large."""
    count, n, truth = worlds(), 10, 0.04 / 0.03
    rng, hits = np.random.default_rng(12), np.zeros(2)
    for _ in range(count):
        cost, gain = 0.04 * rng.lognormal(-0.02, 0.2, n), 0.03 * rng.lognormal(-0.5, 1.0, n)
        for k, draws in enumerate((None, np.random.default_rng(1))):
            found = ratio_of_means(cost, gain, rng=draws)
            inside = found.low <= truth <= found.high
            hits[k] += inside if found.kind == "bounded" else found.kind == "all" or not inside

    student, resampled = hits / count
    assert resampled > student + 0.03


def test_the_resampled_quantile_is_students_where_nothing_is_skewed():
    """A price of a point would be too wide for everybody, to serve the few who need it."""
    rng = np.random.default_rng(3)
    even = rng.normal(size=(300, 1))
    skewed = rng.exponential(size=(20, 1)) ** 2

    assert resampled_critical(even, 0.95, rng) == pytest.approx(1.968, rel=0.03)
    assert resampled_critical(skewed, 0.95, rng) > 2.5
    assert resampled_critical(np.hstack([even, rng.normal(size=(300, 4))]), 0.95, rng) > 2.4
    assert resampled_critical(even[:7], 0.95, rng) == 0.0
    assert resampled_critical(np.ones((20, 2)), 0.95, rng) == 0.0


@pytest.mark.simulation
@pytest.mark.parametrize(("n", "known_bias"), [(10, 0.04), (30, 0.035), (100, 0.01)])
def test_the_ratio_of_two_mean_costs_covers_as_often_as_known(n, known_bias):
    """Log-SD .8: what skewed costs take from every method."""
    rng, count, hits = np.random.default_rng(9), worlds(), 0
    for _ in range(count):
        hard = 0.5 * rng.normal(size=n)
        a, b = (
            np.exp(0.8 * (hard + np.sqrt(0.75) * rng.normal(size=n))) * level for level in (3, 1)
        )
        found = positive_ratio(a, b)
        hits += found.low <= 3 <= found.high

    assert 0.95 - known_bias - noise(0.95, count) <= hits / count <= 0.96 + noise(0.95, count)


def _two(difference, se, value=0.01, draws=40_000):
    """Stakes of two recipes whose difference in points is normal, at a cost of 1 cent each."""
    rng = np.random.default_rng(0)
    scores = np.column_stack([np.zeros(draws), difference + se * rng.normal(size=draws)])
    cost = np.full(2, 0.01)
    data = Points(["a", "b"], np.zeros((400, 2)), np.full((400, 2), 0.01), np.ones(2, bool))
    costs = np.full((draws, 2), 0.01)
    return Stakes(data, np.array([0.0, difference]), cost, cost, scores, costs, costs)


def test_the_probability_of_being_the_better_choice_is_that_of_the_normal_distribution():
    """Of a normal posterior the share of draws is Phi(mean / standard deviation)."""
    share = _two(0.65, 0.4).probability(0.004)

    assert share[1] == pytest.approx(NormalDist().cdf(0.65 / 0.4), abs=0.006)
    assert share.sum() == pytest.approx(1)


@pytest.mark.parametrize("k", range(4))
def test_the_value_of_perfect_information_is_the_unit_normal_loss(k):
    """Two recipes, normal differences: sd times Raiffa and Schlaifer's tabled integral.

    That of as many tasks again is the same integral for the part of the variance that they tell.
    """
    golden = DECISIONS["unit_normal_loss"]
    z, loss = golden["at"][k], golden["loss"][k]
    known = _two(z * 0.5, 0.5)

    assert known.perfect_information(0.01) / 0.005 == pytest.approx(loss, abs=0.006)
    assert known.regret(0.01, 1 if z >= 0 else 0) / 0.005 == pytest.approx(loss, abs=0.006)
    part, normal = np.sqrt(0.5), NormalDist()
    told = part * (normal.pdf(z / part) - abs(z) / part * normal.cdf(-abs(z) / part))
    assert known.sample_information(0.01, 400) / 0.005 == pytest.approx(told, abs=0.006)
