"""Intervals of one mean: published numbers, and coverage where the truth is known."""

import numpy as np
import pytest
from made_worlds import GOLDEN, noise, worlds

from fusion_eval.errors import MissingScoresError, StatisticsError, TooFewTasksError
from fusion_eval.stats.estimates import logit_t, mean_score, t_interval, wilson, wilson_effective
from fusion_eval.stats.latency import median


@pytest.mark.parametrize("name", ["t", "logit_t", "wilson_eff"])
def test_intervals_of_a_mean_are_the_published_ones(name):
    """A wrong formula would give every recipe of every report a wrong interval."""
    method = {"t": t_interval, "logit_t": logit_t, "wilson_eff": wilson_effective}[name]

    found = method(GOLDEN["scores"]["values"])

    assert (found.low, found.high) == pytest.approx(GOLDEN["scores"][name], abs=1e-9)
    assert found.value == pytest.approx(np.mean(GOLDEN["scores"]["values"]))
    assert found.n == 12


def test_the_t_interval_of_students_sleep_data_is_the_one_r_prints():
    """Anyone who checks us against R starts with this example."""
    found = t_interval(GOLDEN["sleep"]["differences"])

    assert (found.low, found.high) == pytest.approx(GOLDEN["sleep"]["interval"], abs=1e-6)


@pytest.mark.parametrize(("k", "n", "low", "high"), GOLDEN["newcombe"]["cases"])
def test_wilson_intervals_are_those_of_newcombes_table(k, n, low, high):
    """Pass-or-fail tasks get this interval; 0 of 20 must not come out as 0 to 0."""
    found = wilson(k, n)

    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("scores", "method"),
    [
        ([0.0, 1.0, 1.0, 0.0], "Wilson"),
        ([1.0, 1.0, 1.0], "Wilson"),
        ([0.5, 0.5, 0.5], "Wilson-eff"),
        ([0.2, 0.5, 0.9], "logit-t"),
        ([0.4], "one task"),
    ],
)
def test_every_kind_of_scores_gets_an_interval_with_width_inside_the_scale(scores, method):
    """A recipe that passes all of five tasks is not proven perfect."""
    found = mean_score(scores)

    assert found.method == method
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 0.01


def test_missing_or_impossible_scores_are_refused_instead_of_averaged():
    """NaN would spread silently; points (0 to 100) would give nonsense."""
    with pytest.raises(MissingScoresError):
        mean_score([0.5, float("nan")])
    with pytest.raises(StatisticsError, match="0 to 1"):
        mean_score([71.5, 60.0])
    with pytest.raises(TooFewTasksError):
        mean_score([])
    with pytest.raises(TooFewTasksError):
        t_interval([0.5])


def _middle(rng, n):
    return rng.beta(6, 3, n), 6 / 9


def _ceiling(rng, n):
    """A quarter of the tasks are answered perfectly; the others mostly well."""
    full = rng.random(n) < 0.25
    return np.where(full, 1.0, rng.beta(12, 1.5, n)), 0.25 + 0.75 * 12 / 13.5


def _floor(rng, n):
    scores, mean = _ceiling(rng, n)
    return 1 - scores, 1 - mean


def _coverage(interval, world, n, count):
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(count):
        scores, truth = world(rng, n)
        found = interval(scores)
        hits += found.low <= truth <= found.high
    return hits / count


@pytest.mark.simulation
@pytest.mark.parametrize("n", [10, 30, 100])
@pytest.mark.parametrize("world", [_middle, _ceiling, _floor])
def test_the_interval_of_a_mean_covers_the_truth_as_often_as_it_says(world, n):
    """Known bias of logit-t: up to 2 points too much in the middle, 1.5 too little at an end."""
    count = worlds()

    covered = _coverage(mean_score, world, n, count)

    assert 0.935 - noise(0.95, count) <= covered <= 0.97 + noise(0.95, count)


@pytest.mark.simulation
def test_plain_t_covers_less_than_ours_where_scores_crowd_at_the_top():
    """The reason for logit-t; if this fails, the simpler method should be used."""
    count = worlds()

    assert _coverage(t_interval, _ceiling, 10, count) < _coverage(mean_score, _ceiling, 10, count)


def test_the_median_of_twenty_lies_between_the_sixth_and_the_fifteenth():
    """The textbook case (95.86 %); one rank off and the latency interval is wrong everywhere."""
    found = median(np.arange(1, 21))

    assert (found.value, found.low, found.high) == (10.5, 6, 15)


def test_five_latencies_have_no_95_percent_interval():
    """The widest possible one, from the first to the fifth, covers only 93.75 %."""
    assert np.isnan(median([1, 2, 3, 4, 5]).low)
    assert median([1, 2, 3, 4, 5, 6]).low == 1


@pytest.mark.simulation
@pytest.mark.parametrize("n", [10, 37])
def test_the_interval_of_a_median_covers_at_least_as_often_as_it_says(n):
    """Latencies are skewed, and this interval claims to hold for any distribution."""
    rng, count = np.random.default_rng(2), worlds()
    hits = 0
    for _ in range(count):
        found = median(rng.lognormal(0, 1, n))
        hits += found.low <= 1 <= found.high

    assert hits / count >= 0.95 - noise(0.95, count)
