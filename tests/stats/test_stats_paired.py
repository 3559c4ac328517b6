"""Two recipes on the same tasks."""

import numpy as np
import pytest
from made_runs import trial, trials_of
from made_worlds import GOLDEN, noise, worlds
from scipy import stats as scipy_stats

from fusion_eval.errors import TooFewTasksError, UnpairedTasksError
from fusion_eval.stats.paired import paired_difference, sign_flip_p


def _p(differences, **options):
    return sign_flip_p(differences, rng=np.random.default_rng(0), **options)


def test_the_sign_flip_p_of_darwins_maize_is_fishers():
    """Fisher counted these 32,768 sums in 1935; a tie counted wrongly would show here."""
    assert _p(GOLDEN["darwin"]["differences"]) == pytest.approx(GOLDEN["darwin"]["p"], abs=1e-12)


def test_the_sign_flip_p_of_the_golden_case_counts_ties_that_rounding_hides():
    """0.04 + 0.02 is not 0.06 in binary; missing such ties makes p too small."""
    golden = GOLDEN["paired"]

    assert _p(golden["differences"]) == pytest.approx(golden["sign_flip_p"], abs=1e-12)


def test_counting_all_flips_agrees_with_scipy_and_with_random_flips():
    """Three roads to one number; meeting in the middle is the one that is easy to get wrong."""
    d = np.random.default_rng(3).normal(0.2, 0.5, 11)
    theirs = scipy_stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=np.inf
    )

    assert _p(d) == pytest.approx(theirs.pvalue, abs=1e-12)
    assert _p(d, exact_up_to=0, flips=99_999) == pytest.approx(_p(d), abs=0.006)


def test_forty_tasks_are_counted_exactly_within_a_second():
    """The exact p of 2^40 flips must not depend on the seed, or reports differ from run to run."""
    d = np.random.default_rng(4).normal(0.1, 0.3, 40)

    assert _p(d) == sign_flip_p(d, rng=np.random.default_rng(99))


def test_no_difference_at_all_is_no_evidence_and_random_p_is_never_zero():
    """p = 0 from random flips would claim more than 9,999 flips can show."""
    assert _p([0.0, 0.0, 0.0]) == 1.0
    assert _p(np.ones(60)) == pytest.approx(1 / 10_000)


def test_the_paired_interval_averages_repeats_before_it_counts_tasks(tmp_path):
    """Repeats counted as tasks make intervals too narrow: 7 to 20 % false alarms."""
    rows = [
        trial(f"t{k}", recipe, 0.5 + gain * (recipe == "a") + wobble * (-1) ** repeat,
              repeat=repeat)
        for k, gain in enumerate(GOLDEN["paired"]["differences"])
        for recipe, wobble in (("a", 0.02), ("b", 0.0))
        for repeat in range(2)
    ]  # fmt: skip

    found = paired_difference(trials_of(tmp_path, rows), "a", "b")

    expected = scipy_stats.ttest_1samp(GOLDEN["paired"]["differences"], 0).confidence_interval()
    assert found.n == 10
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)


def test_a_task_under_only_one_recipe_is_an_error_that_names_it(tmp_path):
    """Silently using the common tasks is how published means hid their gaps."""
    rows = [trial("x", "a", 0.5), trial("x", "b", 0.4), trial("only-here", "a", 0.9)]

    with pytest.raises(UnpairedTasksError, match="only-here"):
        paired_difference(trials_of(tmp_path / "1", rows), "a", "b")
    with pytest.raises(TooFewTasksError):
        paired_difference(trials_of(tmp_path / "2", rows[:2]), "a", "b")


@pytest.mark.simulation
@pytest.mark.parametrize("n", [10, 30, 100])
def test_equal_recipes_are_called_different_in_one_of_twenty_worlds(n):
    """A wrong rate here is a false claim about somebody's model."""
    rng, count = np.random.default_rng(8), worlds()
    p = [
        sign_flip_p(rng.standard_t(4, n), rng=rng, flips=999, exact_up_to=20) for _ in range(count)
    ]

    assert abs(np.mean(np.array(p) <= 0.05) - 0.05) <= noise(0.05, count) + 0.002


@pytest.mark.simulation
def test_treating_two_repeats_as_two_tasks_raises_false_alarms():
    """The negative control: the mistake that averaging within tasks avoids must show here."""
    rng, count = np.random.default_rng(9), worlds()
    false_alarms = 0
    for _ in range(count):
        interaction = rng.normal(0, 1, 30)
        pooled = np.concatenate([interaction + rng.normal(0, 0.5, 30) for _ in range(2)])
        false_alarms += scipy_stats.ttest_1samp(pooled, 0).pvalue <= 0.05

    assert false_alarms / count > 0.09
