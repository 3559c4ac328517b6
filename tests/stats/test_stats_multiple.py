"""Many comparisons at once: adjusted p-values and simultaneous intervals."""

from itertools import combinations

import numpy as np
import pytest
from made_worlds import GOLDEN, noise, worlds
from statsmodels.stats.multitest import multipletests

from fusion_eval.stats.estimates import t_interval
from fusion_eval.stats.multiple import (
    flip_signs,
    holm,
    max_t_adjusted_p,
    simultaneous_intervals,
)
from fusion_eval.stats.paired import sign_flip_p

RNG = np.random.default_rng


def test_step_down_p_of_the_golden_case_is_that_of_all_256_flips():
    """One step of the step-down wrong, and the second-best recipe is judged by the wrong rule."""
    golden = GOLDEN["max_t"]

    p = max_t_adjusted_p(golden["differences"], flip_signs(8, 9_999, RNG(0)))

    assert p == pytest.approx(golden["adjusted"], abs=1e-12)


def test_holm_is_that_of_statsmodels():
    """The fallback that needs nothing but p-values must be the textbook one."""
    p = RNG(1).random(25) ** 3

    assert holm(GOLDEN["holm"]["p"]) == pytest.approx(GOLDEN["holm"]["adjusted"], abs=1e-8)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_few_tasks_get_every_flip_once_and_many_get_the_unflipped_one_first():
    """Without the unflipped pattern a p of 0 could come out."""
    few, many = flip_signs(5, 9_999, RNG(0)), flip_signs(50, 99, RNG(0))

    assert len({tuple(row) for row in few}) == 32
    assert many.shape == (100, 50)
    assert (many[0] == 1).all()


def test_with_one_contrast_the_joint_interval_is_the_paired_t_interval():
    """Comparing two recipes must not cost more than a paired t-test."""
    d = RNG(2).normal(0.1, 0.3, 25)

    joint = simultaneous_intervals(d[:, None], flip_signs(25, 999, RNG(0)))

    assert (joint.low[0], joint.high[0]) == pytest.approx((t_interval(d).low, t_interval(d).high))


def test_joint_intervals_are_wider_than_single_ones_and_narrower_than_bonferroni():
    """Too narrow claims too much; as wide as Bonferroni wastes the pairing."""
    d = RNG(3).normal(0, 1, (40, 1)) + RNG(4).normal(0, 0.5, (40, 10))

    joint = simultaneous_intervals(d, flip_signs(40, 9_999, RNG(0)))

    for k in range(10):
        single, bonferroni = t_interval(d[:, k]), t_interval(d[:, k], 0.995)
        assert single.high - single.low < joint.high[k] - joint.low[k]
        assert joint.high[k] - joint.low[k] < bonferroni.high - bonferroni.low


def test_a_shift_of_one_contrast_moves_its_interval_and_changes_no_width():
    """The critical value must come from the noise, not from how large the differences are."""
    d = RNG(7).normal(0, 0.3, (20, 4))
    shifted = d + np.array([0.0, 0.0, 0.4, 5.0])

    before = simultaneous_intervals(d, flip_signs(20, 999, RNG(0)))
    after = simultaneous_intervals(shifted, flip_signs(20, 999, RNG(0)))

    assert after.high - after.low == pytest.approx(before.high - before.low)
    assert after.low - before.low == pytest.approx([0.0, 0.0, 0.4, 5.0])


def test_a_missing_task_changes_only_the_contrasts_that_miss_it():
    """Dropping the task everywhere would let one broken recipe change all comparisons."""
    d = RNG(5).normal(0.1, 0.3, (20, 3))
    holed = d.copy()
    holed[4, 2] = np.nan

    whole = simultaneous_intervals(d, flip_signs(20, 999, RNG(0)))
    gap = simultaneous_intervals(holed, flip_signs(20, 999, RNG(0)))

    assert list(gap.n) == [20, 20, 19]
    assert gap.mean[:2] == pytest.approx(whole.mean[:2])
    assert gap.mean[2] == pytest.approx(np.delete(d[:, 2], 4).mean())


def test_contrasts_without_tasks_or_without_spread_do_not_break_the_family():
    """A recipe that failed everywhere must not take the others' results with it."""
    d = np.column_stack([RNG(6).normal(0.5, 0.3, 12), np.zeros(12), np.full(12, np.nan)])

    p = max_t_adjusted_p(d, flip_signs(12, 9_999, RNG(0)))

    assert p[0] < 0.05
    assert p[1] == 1.0
    assert np.isnan(p[2])


def _world(rng, n=20, recipes=4, lost=0.15, truth=None):
    """Scores of recipes that share the difficulty of tasks; each misses some; all pairs."""
    scores = rng.normal(0, 1, (n, 1)) + rng.normal(0, 0.6, (n, recipes))
    scores += 0 if truth is None else np.asarray(truth)
    scores[rng.random((n, recipes)) < lost] = np.nan
    return np.column_stack(
        [scores[:, i] - scores[:, j] for i, j in combinations(range(recipes), 2)]
    )


@pytest.mark.simulation
@pytest.mark.parametrize("lost", [0.0, 0.15])
def test_any_false_claim_in_a_table_of_equal_recipes_happens_in_one_of_twenty(lost):
    """Of six uncorrected pairs one is "significant" in every fifth table of equal recipes."""
    rng, count = RNG(10), worlds()
    wrong = sum(
        bool((max_t_adjusted_p(_world(rng, lost=lost), flip_signs(20, 399, rng)) <= 0.05).any())
        for _ in range(count)
    )

    assert abs(wrong / count - 0.05) <= noise(0.05, count) + 0.005


@pytest.mark.simulation
def test_uncorrected_pairs_do_make_false_claims():
    """The negative control: if this is below 15 %, the test above proves nothing."""
    rng, count = RNG(11), min(400, worlds())
    wrong = 0
    for _ in range(count):
        columns = _world(rng, lost=0.0).T
        wrong += any(sign_flip_p(d, rng=rng, exact_up_to=20) <= 0.05 for d in columns)

    assert wrong / count > 0.15


@pytest.mark.simulation
@pytest.mark.parametrize("lost", [0.0, 0.15])
def test_all_intervals_of_a_table_cover_at_once_as_often_as_they_say(lost):
    """A reader scans the whole table, so the promise must hold for the whole table."""
    rng, count = RNG(12), worlds()
    truth = [0.0, 0.1, 0.3, 1.0]
    true_differences = [a - b for a, b in combinations(truth, 2)]
    hits = 0
    for _ in range(count):
        joint = simultaneous_intervals(
            _world(rng, lost=lost, truth=truth), flip_signs(20, 399, rng)
        )
        hits += bool(((joint.low <= true_differences) & (true_differences <= joint.high)).all())

    assert 0.95 - noise(0.95, count) - 0.01 <= hits / count <= 0.95 + noise(0.95, count) + 0.01
