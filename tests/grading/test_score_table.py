"""The score of a table of verdicts against the readable formula, for every policy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_policies import POSITIVE_ONLY, verdicts

from fusion_eval.core import POLICIES, score_of, section_scores
from fusion_eval.core.score_table import GRADING, mean_scores, score_table
from fusion_eval.core.scoring import score

VALUES = st.sampled_from([None, 0.0, 0.25, 0.5, 1.0])


@st.composite
def gradings(draw):
    """(policy, its verdicts): one to six criteria, some unread, in up to three sections."""
    name = draw(st.sampled_from(sorted(POLICIES)))
    least = 1 if name in POSITIVE_ONLY else -24
    weights = [w / 4 for w in draw(st.lists(st.integers(least, 24).filter(bool), min_size=1,
                                            max_size=6))]  # fmt: skip
    many = len(weights)
    values, references = (draw(st.lists(VALUES, min_size=many, max_size=many)) for _ in range(2))
    sections = draw(st.lists(st.sampled_from("xyz"), min_size=many, max_size=many))
    return name, verdicts(weights, values, sections, references)


def rows_of(made, **more):
    """Rows of a table, as `frames.verdicts` has them."""
    names = ("criterion", "section", "weight", "grader", "grader_pass", "value", "reference_value")
    return [{**{name: getattr(v, name) for name in names}, **more} for v in made]


def as_row(made):
    """A score as the table writes it."""
    numbers = [made.value, made.raw, made.low, made.high, made.coverage]
    return [np.nan if x is None else x for x in numbers]


SCORES = ["score", "score_raw", "score_min", "score_max", "coverage"]


@given(st.lists(gradings(), min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_every_grading_of_a_table_has_the_score_of_the_readable_formula(many):
    """Variance, gate, sections and controls all take their scores from the table."""
    rows = [
        row
        for task, (name, part) in enumerate(many)
        for row in rows_of(part, recipe="r", task=str(task), repeat=0, policy=name)
    ]
    table = pd.DataFrame(rows).sample(frac=1, random_state=0)
    found = score_table(table, table["policy"]).set_index("task")
    for task, (name, part) in enumerate(many):
        expected = as_row(score(POLICIES[name], part))
        assert found.loc[str(task), SCORES].tolist() == pytest.approx(expected, nan_ok=True)


@given(gradings(), gradings())
@settings(max_examples=100, deadline=None)
def test_sections_are_scored_alone_and_gradings_are_averaged_inside_their_bounds(one, two):
    """A second road to the score of an answer must lead to the same place."""
    name = one[0]
    part = one[1]
    again = [v for v in two[1] if name not in POSITIVE_ONLY or v.weight > 0]
    both = part + [type(v)(**{f: getattr(v, f) for f in v.__slots__} | {"grader_pass": 1})
                   for v in again]  # fmt: skip
    table = pd.DataFrame(rows_of(both, recipe="r", task="t", repeat=0))
    whole = mean_scores(score_table(table, name), ["recipe", "task", "repeat"])
    expected = as_row(score_of(POLICIES[name], both))
    assert whole.loc[("r", "t", 0), SCORES].tolist() == pytest.approx(expected, nan_ok=True)
    parts = mean_scores(score_table(table, name, [*GRADING, "section"]), ["section"])
    for section, made in section_scores(POLICIES[name], both).items():
        assert parts.loc[section, SCORES].tolist() == pytest.approx(as_row(made), nan_ok=True)
