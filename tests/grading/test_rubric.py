"""DRACO's score and the bounds that unread verdicts leave open."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_eval.core import Verdict
from fusion_eval.core.rubric import draco

OPEN = None


def verdicts(weights, met):
    """One verdict per weight; `met` is 1, 0 or None where nothing could be read."""
    words = {1: "met", 0: "unmet", None: "unreadable"}
    return [
        Verdict(
            criterion=f"c{i}",
            section="",
            weight=float(weight),
            grader="g",
            grader_pass=0,
            verdict=words[value],
            value=None if value is None else float(value),
        )
        for i, (weight, value) in enumerate(zip(weights, met, strict=True))
    ]


def completions(weights, met):
    """The score of every way in which the open verdicts could have come out."""
    choices = [(0, 1) if value is None else (value,) for value in met]
    for filled in itertools.product(*choices):
        yield draco(verdicts(weights, filled))


WEIGHTS = [10, 8, 12, 10, 5, -15, -20, 15]
MET = [1, 0, 1, OPEN, 1, 1, OPEN, 0]

rubrics = st.lists(
    st.tuples(
        st.integers(-20, 20).filter(bool), st.sampled_from([0, 1, OPEN])
    ),
    min_size=1,
    max_size=9,
)  # fmt: skip


def test_the_golden_bounds_of_draco_hold():
    """Worked out by hand from the paper's formula: a sign turned round would show here first."""
    score = draco(verdicts(WEIGHTS, MET))

    raw = [completed.raw for completed in completions(WEIGHTS, MET)]
    assert (score.low, score.high) == pytest.approx((0.0, 22 / 60))
    assert (min(raw), max(raw)) == pytest.approx((-8 / 60, 22 / 60))
    assert score.raw == score.value == pytest.approx(12 / 50)
    assert score.coverage == 6 / 8


@pytest.mark.parametrize(
    ("weights", "met", "value", "raw"),
    [
        ([10, 10, -5], [1, 1, 0], 1.0, 1.0),
        ([10, 10, -5], [1, 0, 1], 0.25, 0.25),
        ([10, -30], [1, 1], 0.0, -2.0),
        ([10, -30], [0, 0], 0.0, 0.0),
        ([-10, -30], [0, 0], 1.0, 1.0),
        ([-10, -30], [1, 0], 0.75, 0.75),
        ([-10, -30], [1, 1], 0.0, 0.0),
        ([10, 10, 20], [1, OPEN, 0], 1 / 3, 1 / 3),
        ([-10, -30, -10], [1, OPEN, 0], 0.5, 0.5),
    ],
)
def test_scores_follow_the_formula(weights, met, value, raw):
    """Also for rubrics of errors alone, which have no positive weight to divide by."""
    score = draco(verdicts(weights, met))
    assert (score.value, score.raw) == pytest.approx((value, raw))


@pytest.mark.parametrize("met", [[OPEN, OPEN, OPEN], [OPEN, OPEN, 0], [OPEN, OPEN, 1]])
def test_without_a_read_positive_criterion_there_is_no_score(met):
    """A 0 there would say that the answer was bad, when nobody knows."""
    score = draco(verdicts([10, 5, -5], met))
    assert score.value is None
    assert score.raw is None
    assert score.low == 0.0
    assert score.high > 0.5


def test_no_verdict_at_all_leaves_everything_open():
    """An answer that was never graded must not look like one that was."""
    score = draco([])
    assert (score.value, score.low, score.high, score.coverage) == (None, 0.0, 1.0, 0.0)


@given(rubrics)
def test_the_bounds_hold_every_possible_completion_and_are_reached(rubric):
    """Bounds that a better grader could leave are no bounds; wider ones would decide nothing."""
    weights, met = zip(*rubric, strict=True)
    score = draco(verdicts(weights, met))
    possible = [completed.value for completed in completions(weights, met)]
    assert (score.low, score.high) == pytest.approx((min(possible), max(possible)))


@given(rubrics)
def test_the_score_lies_within_its_bounds(rubric):
    """A headline outside of its own bounds convinces nobody."""
    score = draco(verdicts(*zip(*rubric, strict=True)))
    assert 0.0 <= score.low <= score.high <= 1.0
    if score.value is not None:
        assert score.low - 1e-12 <= score.value <= score.high + 1e-12


@given(rubrics)
def test_unread_verdicts_are_left_out_of_the_score(rubric):
    """Counting them as unmet would punish the answer for its grader."""
    read = [(weight, met) for weight, met in rubric if met is not OPEN]
    score = draco(verdicts(*zip(*rubric, strict=True)))
    assert score.coverage == len(read) / len(rubric)
    if score.value is not None:
        assert score.value == draco(verdicts(*zip(*read, strict=True))).value


@given(rubrics, st.data())
def test_meeting_one_more_criterion_moves_the_score_by_the_sign_of_its_weight(rubric, data):
    """For a negative criterion MET means the error is there."""
    weights, met = map(list, zip(*rubric, strict=True))
    met = [value or 0 for value in met]
    i = data.draw(st.integers(0, len(met) - 1))
    without, with_it = (draco(verdicts(weights, [*met[:i], v, *met[i + 1 :]])).raw for v in (0, 1))
    assert (with_it - without) * weights[i] > 0
