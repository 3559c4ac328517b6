"""Which criteria are read a second time, and with what probability."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_eval.core.sampling import chosen, expected_size, full, heavy, inclusion, systematic

SIZES = st.lists(st.floats(0.5, 500), min_size=1, max_size=30)
RUBRIC = {f"c{i}": w for i, w in enumerate([10, 10, 8, 5, -20, -15, 8, 6, 4, 10, 10, 3, 60.0])}


def _exact(chances):
    """Inclusion probabilities of the systematic draw, by walking over all of its outcomes."""
    edges = np.cumsum(chances)
    cuts = sorted({0.0, 1.0, *(float(e % 1) for e in edges)})
    found = np.zeros(len(chances))
    for low, high in pairwise(cuts):
        for i in systematic(chances, (low + high) / 2):
            found[i] += high - low
    return found


@given(SIZES, st.floats(0.1, 12))
def test_every_unit_is_drawn_with_the_probability_that_is_written_down(sizes, count):
    """Each corrected score divides by it; a wrong one is a bias that no interval shows."""
    chances = inclusion(sizes, count)

    assert _exact(chances) == pytest.approx(chances, abs=1e-9)


@given(SIZES, st.integers(1, 12), st.floats(0, 0.999))
def test_the_draw_has_the_size_that_was_asked_for_and_no_unit_twice(sizes, count, start):
    """Somebody pays for each label: ten asked for must not become thirteen."""
    drawn = systematic(inclusion(sizes, count), start)

    assert len(set(drawn)) == len(drawn)
    assert len(drawn) == min(count, len(sizes))


@given(SIZES, st.floats(0.1, 12))
def test_probabilities_add_up_and_are_proportional_to_size_below_certainty(sizes, count):
    """Proportional to |weight| is what makes few labels enough."""
    chances = inclusion(sizes, count)
    below = [(s, p) for s, p in zip(sizes, chances, strict=True) if p < 1]

    assert sum(chances) == pytest.approx(min(count, len(sizes)))
    assert max(chances) <= 1
    assert all(p / s == pytest.approx(below[0][1] / below[0][0]) for s, p in below)


def test_a_textbook_draw_comes_out_as_in_the_book():
    """Madow's systematic draw: sizes 1 to 4, two units, start .5: cumulated .2 .6 1.2 2."""
    assert inclusion([1, 2, 3, 4], 2) == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert systematic([0.2, 0.4, 0.6, 0.8], 0.5) == [1, 3]
    assert systematic([0.2, 0.4, 0.6, 0.8], 0.1) == [0, 2]


def test_the_draw_of_a_task_follows_from_seed_and_hash_and_keeps_its_probabilities():
    """Two machines must choose the same criteria, and 4,000 seeds each as often as they say."""
    drawn = [chosen("a1b2", RUBRIC, (0, 1), seed=s, labels=3) for s in range(4_000)]
    counts, chances = (
        Counter(u for d in drawn for u in d),
        {u: p for d in drawn for u, p in d.items()},
    )

    assert drawn[7] == chosen("a1b2", dict(reversed(RUBRIC.items())), (1, 0), seed=7, labels=3)
    assert drawn[7] != chosen("ffff", RUBRIC, (0, 1), seed=7, labels=3)
    for unit, chance in chances.items():
        assert abs(counts[unit] / 4_000 - chance) <= 4 * math.sqrt(chance * (1 - chance) / 4_000)


def test_heavy_criteria_are_always_chosen_and_on_top_of_the_others():
    """One misread criterion of weight 60 in a rubric of 134 is half of the task."""
    drawn = chosen("a1b2", RUBRIC, (0, 1), seed=3, labels=3)

    assert heavy(RUBRIC) == {"c12"}
    assert drawn[0, "c12"] == drawn[1, "c12"] == 1.0
    assert len(drawn) == 3 + 2


def test_a_share_of_the_criteria_is_drawn_on_average_and_counted_before():
    """`plan` promises a number of calls; the draw has to keep the promise."""
    sizes = [len(chosen("a1b2", RUBRIC, (0,), seed=s, share=0.2)) for s in range(2_000)]

    assert set(sizes) == {3, 4}
    assert np.mean(sizes) == pytest.approx(expected_size(RUBRIC, 1, 0.2), abs=0.05)


def test_rubrics_of_errors_only_and_tiny_rubrics_have_an_answer():
    """All-negative rubrics exist; what is heavy there is measured against all weights."""
    assert full([-3, -1]) == 4
    assert heavy({"a": -3.0, "b": -1.0}) == {"a"}
    assert chosen("t", {"only": 5.0}, seed=0, labels=3) == {(0, "only"): 1.0}
    assert chosen("t", {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}, seed=0, labels=9) == {
        (0, name): 1.0 for name in "abcd"
    }


def test_a_draw_of_nothing_or_of_two_kinds_is_refused():
    """Without a chance for every criterion no correction is unbiased."""
    for wrong in ({}, {"labels": 2, "share": 0.5}, {"labels": 0}, {"share": 0.0}):
        with pytest.raises(ValueError, match=r"labels or share|needs a chance"):
            chosen("t", RUBRIC, seed=0, **wrong)
