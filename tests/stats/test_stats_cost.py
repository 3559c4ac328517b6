"""The mean cost of an answer, and what an unknown cost does to it."""

import numpy as np
import pytest
from made_runs import trial, trials_of
from made_worlds import GOLDEN, noise, worlds

from fusion_eval.stats.cost import cost_per_task, mean_cost
from fusion_eval.stats.estimates import t_interval


def _mean_cost(values, seed=0, **options):
    return mean_cost(values, rng=np.random.default_rng(seed), **options)


def test_the_bootstrap_t_interval_of_the_mice_is_that_of_efron_and_tibshirani():
    """Their 1,000 resamples leave about one unit of noise at the lower end and three above."""
    golden = GOLDEN["mice"]

    found = _mean_cost(golden["values"], level=golden["level"], resamples=50_000)

    assert found.low == pytest.approx(golden["interval"][0], abs=1.5)
    assert found.high == pytest.approx(golden["interval"][1], abs=5)


def test_costs_in_cents_give_the_same_interval_as_costs_in_dollars():
    """Costs of a hundredth of a cent must not drown in a tolerance meant for dollars."""
    costs = np.random.default_rng(1).lognormal(0, 1, 40)

    small, large = _mean_cost(costs * 1e-7), _mean_cost(costs)

    assert (small.low * 1e7, small.high * 1e7) == pytest.approx((large.low, large.high))


def test_equal_costs_single_tasks_and_few_tasks_have_honest_intervals():
    """A resample of three tasks often repeats one, and its t is then without bound."""
    assert _mean_cost([0.02] * 10).method == "equal costs"
    assert np.isnan(_mean_cost([0.02]).high)
    few = _mean_cost([0.01, 0.02, 0.06])
    assert few.method == "t"
    assert few.low >= 0
    assert few.high == pytest.approx(t_interval([0.01, 0.02, 0.06]).high)


def test_an_unknown_cost_counts_as_nothing_known_and_never_as_cheap(tmp_path):
    """A recipe whose bill we lost must not look like the cheapest."""
    rows = [trial("x", "half", 0.5, cost_usd=0.04), trial("y", "half", 0.5, cost_usd=None)]
    rows += [trial(task, "none", 0.5, cost_usd=None) for task in "xy"]
    rows += [trial("x", "half", 0.5, repeat=1, cost_usd=None)]

    costs = cost_per_task(trials_of(tmp_path, rows))

    assert dict(costs.unknown) == {"half": 2, "none": 2}
    assert costs.least["half"].sum() == pytest.approx(0.02)
    assert costs.least["none"].isna().all()


def _coverage(interval, spread, n, count):
    rng, truth = np.random.default_rng(4), np.exp(spread**2 / 2)
    hits = 0
    for _ in range(count):
        found = interval(rng.lognormal(0, spread, n), rng)
        hits += found.low <= truth <= found.high
    return hits / count


@pytest.mark.simulation
@pytest.mark.parametrize(("spread", "known_bias"), [(0.4, 0.01), (0.8, 0.03)])
def test_the_interval_of_a_mean_cost_covers_as_often_as_known(spread, known_bias):
    """Skewed costs cost every method coverage; ours must lose no more than was measured."""
    count = worlds()

    covered = _coverage(
        lambda x, rng: mean_cost(x, rng=rng, resamples=999), spread, 30, count
    )  # fmt: skip

    assert 0.95 - known_bias - noise(0.95, count) <= covered <= 0.95 + noise(0.95, count)


@pytest.mark.simulation
def test_plain_t_covers_less_than_the_bootstrap_t_on_skewed_costs():
    """The reason for the bootstrap; if this fails, the simpler method should be used."""
    count = worlds()
    ours = _coverage(lambda x, rng: mean_cost(x, rng=rng, resamples=999), 1.2, 30, count)

    assert _coverage(lambda x, _: t_interval(x), 1.2, 30, count) < ours - 0.02
