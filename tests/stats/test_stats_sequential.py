"""Looking before the end: bounds as published, error rates that hold, and a peeker who fails."""

import numpy as np
import pytest
from made_ladders import DECISIONS
from made_worlds import noise, worlds
from scipy import stats as scipy_stats

from fusion_eval.errors import MissingScoresError, StatisticsError
from fusion_eval.stats.sequential import conditional_power, design, look, z_scores
from fusion_eval.stats.spending import bounds, crossing

MARGIN, SD = 0.03, 0.105
"""Points of 100: a margin of 3, and the paired SD of public runs."""


@pytest.mark.parametrize(("name", "spending"), [("obf", "obrien-fleming"), ("pocock", "pocock")])
def test_the_bounds_of_four_looks_are_the_golden_ones(name, spending):
    """Every early stop of every gate hangs on these numbers."""
    golden = DECISIONS["group_sequential"]

    found = bounds(golden["information"], golden["alpha"], spending=spending)

    assert list(found) == pytest.approx(golden[name], abs=5e-5)


def test_the_one_sided_bounds_at_two_and_a_half_percent_are_the_published_ones():
    """The same in the form that most tables print."""
    golden = DECISIONS["group_sequential"]

    assert list(bounds(golden["information"], 0.025)) == pytest.approx(golden["obf_025"], abs=5e-5)


@pytest.mark.parametrize("looks", [2, 3, 4, 5])
def test_two_sided_bounds_are_those_of_the_published_tables(looks):
    """Two sides interact a little; a one-sided table used twice would be off at the third digit."""
    golden, at = DECISIONS["two_sided"], [(k + 1) / looks for k in range(looks)]

    assert list(bounds(at, sides=2)) == pytest.approx(golden["obf"][str(looks)], abs=6e-4)
    if looks == 4:
        found = bounds(at, sides=2, spending="pocock")
        assert list(found) == pytest.approx(golden["pocock"]["4"], abs=6e-4)


@pytest.mark.parametrize("looks", [2, 3, 4, 5])
def test_the_classical_constants_spend_exactly_five_percent(looks):
    """The integration itself, against constants that others found with other code."""
    golden, at = DECISIONS["constants"], [(k + 1) / looks for k in range(looks)]
    flat = [golden["pocock"][str(looks)]] * looks
    falling = [golden["obf"][str(looks)] / np.sqrt(t) for t in at]

    assert crossing(flat, at, sides=2).sum() == pytest.approx(0.05, abs=8e-5)
    assert crossing(falling, at, sides=2).sum() == pytest.approx(0.05, abs=8e-5)


def test_a_single_look_is_the_ordinary_test():
    """With nothing to spend on looks, nothing may change."""
    plan = design(40, looks=1)
    d = np.random.default_rng(0).normal(0.02, 0.1, 40)

    found = look(plan, d)

    assert plan.bounds[0] == pytest.approx(scipy_stats.norm.isf(0.05))
    assert scipy_stats.norm.sf(found.z) == pytest.approx(
        scipy_stats.ttest_1samp(d, 0, alternative="greater").pvalue
    )
    assert found.word == ("yes" if found.z > plan.bounds[0] else "undecided")


def test_looks_that_were_not_planned_and_missing_values_are_refused():
    """An extra look "because it is nearly there" is the peeking that this is against."""
    plan = design(100)

    with pytest.raises(StatisticsError, match="no look of this plan; its looks: 25, 50, 75, 100"):
        look(plan, np.zeros(30))
    with pytest.raises(MissingScoresError):
        look(plan, np.full(25, np.nan))
    with pytest.raises(StatisticsError, match="too few"):
        design(12)
    with pytest.raises(StatisticsError, match="rise"):
        bounds([0.5, 0.4, 1.0])


@pytest.mark.parametrize(
    ("value", "margin", "word"), [(0.0, 0.03, "yes"), (-0.05, 0.03, "futile"), (0.0, 0.0, "futile")]
)
def test_differences_that_are_all_alike_are_decided_by_their_sign(value, margin, word):
    """No spread is common where scores are 0 or 1; it must neither crash nor hang."""
    found = look(design(100), np.full(25, value), margin=margin)

    assert found.word == word
    assert (found.low, found.high) == pytest.approx((value, value))


def test_conditional_power_is_one_half_when_the_trend_ends_at_the_bound():
    """By hand: a z of b sqrt(t) at fraction t arrives at b on average."""
    assert conditional_power(1.72 * np.sqrt(0.5), 0.5, 1.72) == pytest.approx(0.5)
    assert conditional_power(-2.0, 0.5, 1.72, sides=2) == pytest.approx(
        conditional_power(2.0, 0.5, 1.72)
    )


def _paths(mean, count, seed=5, n=100):
    """Z of "above -margin" after each number of tasks, shape (worlds, n), from simulated tasks."""
    rng = np.random.default_rng(seed)
    d = rng.normal(mean + MARGIN, SD, (count, n))
    size = np.arange(1, n + 1)
    sums, squares = d.cumsum(axis=1), (d**2).cumsum(axis=1)
    variance = (squares - sums**2 / size) / np.maximum(size - 1, 1)
    return z_scores(sums / size, np.sqrt(np.maximum(variance, 1e-12) / size), np.maximum(size, 2))


def _four_looks(z, *, futility):
    """(share that passes, mean tasks) under the plan of four looks."""
    plan, count = design(100), len(z)
    passed, done, used = (np.zeros(count, t) for t in (bool, bool, float))
    for n, bound in zip(plan.tasks, plan.bounds, strict=True):
        at = z[:, n - 1]
        yes = ~done & (at > bound)
        chance = np.array([conditional_power(x, n / 100, plan.bounds[-1]) for x in at])
        stop = yes | (~done & (n == 100)) | (~done & futility & (chance < 0.10))
        passed |= yes
        used[stop] = n
        done |= stop
    return passed.mean(), used.mean()


@pytest.mark.simulation
@pytest.mark.parametrize("futility", [False, True])
def test_four_looks_pass_what_is_worse_by_the_margin_in_at_most_one_of_twenty(futility):
    """The promise of the gate, however early it stops."""
    count = 5 * worlds()

    passed, _ = _four_looks(_paths(-MARGIN, count), futility=futility)

    assert passed <= 0.05 + noise(0.05, count)


@pytest.mark.simulation
def test_four_looks_cost_no_power_and_save_a_quarter_of_the_tasks():
    """Why anybody should look at all; futility is what ends a hopeless run early."""
    count = 5 * worlds()
    equal = _paths(0.0, count)
    fixed = (equal[:, -1] > scipy_stats.norm.isf(0.05)).mean()

    passed, used = _four_looks(equal, futility=False)
    _, hopeless = _four_looks(_paths(-2 * MARGIN, count), futility=True)

    assert passed > fixed - 0.02 - noise(0.85, count)
    assert used < 82
    assert hopeless < 30


@pytest.mark.simulation
def test_peeking_after_every_five_tasks_passes_far_too_often():
    """The negative control: the same t test at every peek, stopping at the first p < .05."""
    count = 5 * worlds()
    z = _paths(-MARGIN, count)[:, 9::5]

    assert (z > scipy_stats.norm.isf(0.05)).any(axis=1).mean() > 0.15


def _confidence_sequence(mean, count, rho=0.25):
    """(share that passes, mean tasks) of the asymptotic confidence sequence, every 5 from 10.

    Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), Annals of Statistics 52:2613, two-sided
    bound at twice alpha for the one-sided question; rho tuned for about 60 tasks.
    """
    rng = np.random.default_rng(5)
    d, size = rng.normal(mean + MARGIN, SD, (count, 100)), np.arange(1, 101)
    means = d.cumsum(axis=1) / size
    sd = np.sqrt(np.maximum((d**2).cumsum(axis=1) / size - means**2, 1e-12))
    inner = size * rho**2 + 1
    half = sd * np.sqrt(2 * inner / (size**2 * rho**2) * np.log(np.sqrt(inner) / 0.10))
    crossed = (means > half)[:, 9::5]
    first = np.where(crossed.any(axis=1), 10 + 5 * crossed.argmax(axis=1), 100)
    return crossed.any(axis=1).mean(), first.mean()


@pytest.mark.simulation
def test_a_rule_that_allows_any_number_of_looks_has_less_power_than_four_looks():
    """Why there is no anytime-valid rule here; if this fails, there should be one."""
    count = 5 * worlds()

    anytime, _ = _confidence_sequence(0.0, count)
    planned, _ = _four_looks(_paths(0.0, count), futility=False)

    assert anytime < planned - 0.10


@pytest.mark.simulation
def test_repeated_intervals_hold_at_all_looks_together():
    """Whoever reads the interval at an early stop must not be misled more often than 5 %."""
    count, plan = max(300, worlds() // 2), design(100, sides=2)
    rng, missed = np.random.default_rng(6), 0
    for _ in range(count):
        d = rng.normal(0.02, SD, 100)
        missed += any(
            not found.low <= 0.02 <= found.high for found in (look(plan, d[:n]) for n in plan.tasks)
        )

    assert missed / count <= 0.05 + noise(0.05, count)
