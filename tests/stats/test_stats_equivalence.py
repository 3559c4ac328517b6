"""Equal enough, not worse, wins and ties, and how many tasks would decide."""

import numpy as np
import pandas as pd
import pytest
from made_worlds import GOLDEN, noise, worlds
from scipy import stats as scipy_stats
from statsmodels.stats.weightstats import ttost_paired

import fusion_eval as fe
from fusion_eval.stats.equivalence import (
    equivalence_p,
    noninferiority_p,
    win_tie_loss,
)
from fusion_eval.stats.means import plain

RNG = np.random.default_rng
PAIRED = GOLDEN["paired"]


def test_equivalence_and_noninferiority_are_the_golden_ones():
    """The gate passes or fails on these two numbers."""
    d = plain(PAIRED["differences"])

    assert equivalence_p(d, PAIRED["margin"]) == pytest.approx(PAIRED["tost_p"], abs=1e-8)
    found = noninferiority_p(d, PAIRED["margin"])
    assert found == pytest.approx(PAIRED["noninferiority_p"], abs=1e-8)
    assert d.p() == pytest.approx(PAIRED["t_p"], abs=1e-8)
    assert list(win_tie_loss(PAIRED["differences"], PAIRED["band"])) == PAIRED["win_tie_loss"]


def test_p_values_of_students_sleep_and_darwins_maize_are_the_printed_ones():
    """R prints p = 0.002833 for the one, Fisher t = 2.148 for the other."""
    sleep, maize = plain(GOLDEN["sleep"]["differences"]), plain(GOLDEN["darwin"]["differences"])

    assert sleep.p() == pytest.approx(GOLDEN["sleep"]["p"], abs=5e-7)
    assert maize.value / maize.se == pytest.approx(GOLDEN["darwin"]["t"], abs=5e-4)


def test_equivalence_is_what_statsmodels_gives_and_noninferiority_what_scipy_gives():
    """Reference libraries, on numbers that nobody chose."""
    a, b = RNG(1).normal(0.6, 0.1, 30), RNG(2).normal(0.6, 0.1, 30)

    theirs = ttost_paired(a, b, -0.05, 0.05)[0]
    assert equivalence_p(plain(a - b), 0.05) == pytest.approx(theirs, abs=1e-12)
    single = scipy_stats.ttest_1samp(a - b, -0.05, alternative="greater").pvalue
    assert noninferiority_p(plain(a - b), 0.05) == pytest.approx(single, abs=1e-12)


def _table(d, base=0.5):
    rows = [(f"t{k}", r, base + (x if r == "a" else 0)) for k, x in enumerate(d) for r in "ab"]
    return pd.DataFrame(rows, columns=["task", "recipe", "score"])


def test_with_one_pair_equivalent_is_the_ninety_percent_interval_inside_the_margin():
    """Two one-sided tests at 5 %: a 95 % interval would ask for more than was promised."""
    d = RNG(3).normal(0, 0.05, 40)
    half90 = scipy_stats.t.ppf(0.95, 39) * d.std(ddof=1) / np.sqrt(40)
    edge = 100 * (abs(d.mean()) + half90)

    inside = fe.compare(_table(d), margin=edge + 0.01).iloc[0]
    outside = fe.compare(_table(d), margin=edge - 0.01).iloc[0]

    assert (inside["conclusion"], outside["conclusion"]) == ("equivalent", "undecided")
    assert inside["p_equivalent"] < 0.05 < outside["p_equivalent"]
    assert "one-sided" in inside["method"]
    assert np.isnan(fe.compare(_table(d)).loc[0, "p_equivalent"])


def test_a_difference_no_larger_than_what_repeats_differ_by_is_a_tie():
    """Otherwise noise is counted as wins, and 52 to 48 looks like a lead."""
    rows = [
        ("t0", "a", 0, 0.50),
        ("t0", "a", 1, 0.60),
        ("t0", "b", 0, 0.52),
        ("t0", "b", 1, 0.62),
        ("t1", "a", 0, 0.80),
        ("t1", "a", 1, 0.90),
        ("t1", "b", 0, 0.10),
        ("t1", "b", 1, 0.20),
    ]
    table = pd.DataFrame(rows, columns=["task", "recipe", "repeat", "score"])

    row = fe.compare(table, reference="b").iloc[0]

    assert (row["wins"], row["ties"], row["losses"]) == (1, 1, 0)
    once = fe.compare(table[table["repeat"] == 0], reference="b").iloc[0]
    assert (once["wins"], once["ties"], once["losses"]) == (1, 0, 1)


@pytest.mark.simulation
def test_recipes_that_differ_by_the_margin_are_called_equivalent_in_one_of_twenty_worlds():
    """The consumer's risk; more than that and a worse recipe passes as equal."""
    rng, count = RNG(5), worlds()
    wrong = sum(equivalence_p(plain(rng.normal(0.05, 0.08, 30)), 0.05) < 0.05 for _ in range(count))

    assert abs(wrong / count - 0.05) <= noise(0.05, count)
