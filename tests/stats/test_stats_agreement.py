"""How far graders agree, against reference libraries, textbooks, and worlds with known truth."""

import json

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_worlds import noise, worlds
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa

from fusion_eval.errors import StatisticsError
from fusion_eval.stats.agreement import agreement, coefficients, estimates
from fusion_eval.stats.jackknife import proportion, slope

NONE = float("nan")
KRIPPENDORFF = np.array(
    [
        [1, 1, NONE, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
        [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [NONE, 5, 5, 5], [NONE, NONE, 1, 1],
        [NONE, 3, NONE, NONE],
    ]
)  # fmt: skip
"""Twelve units, four observers: Krippendorff's example, which Gwet uses too."""
RATINGS = arrays(
    np.float64, st.tuples(st.integers(4, 20), st.just(3)), elements=st.sampled_from([0.0, 1.0])
)


def test_the_published_example_gives_the_published_coefficients():
    """Krippendorff prints .743 and .849, Gwet .775; another number is another coefficient."""
    found = coefficients(KRIPPENDORFF)

    assert found["alpha"] == pytest.approx(0.7434210526, abs=1e-9)
    assert found["ac1"] == pytest.approx(0.7754440681, abs=1e-9)
    assert coefficients(KRIPPENDORFF, "interval")["alpha"] == pytest.approx(0.8491071429, abs=1e-9)


@given(RATINGS)
def test_kappas_and_alpha_are_those_of_the_reference_libraries(ratings):
    """People compare our kappa with one from elsewhere."""
    assume(len(np.unique(ratings)) == 2)
    found, two = coefficients(ratings), coefficients(ratings[:, :2])
    table, _ = aggregate_raters(ratings.astype(int), 2)
    joint = np.histogram2d(ratings[:, 0], ratings[:, 1], bins=2, range=[[0, 1], [0, 1]])[0]

    assert found["fleiss"] == pytest.approx(fleiss_kappa(table), abs=1e-9)
    assert found["alpha"] == pytest.approx(
        krippendorff.alpha(ratings.T, level_of_measurement="nominal"), abs=1e-9
    )
    if len(np.unique(ratings[:, :2])) == 2:
        assert two["cohen"] == pytest.approx(cohens_kappa(joint).kappa, abs=1e-9, nan_ok=True)


def test_ninety_percent_agreement_means_less_where_nine_in_ten_are_alike():
    """The paradox that makes us print all of them: kappa .44 and AC1 .88 for the same verdicts."""
    pairs = [(1, 1)] * 5 + [(1, 0)] * 5 + [(0, 1)] * 5 + [(0, 0)] * 85
    found = coefficients(np.array(pairs, dtype=float))

    assert found["raw"] == pytest.approx(0.90)
    assert found["cohen"] == pytest.approx(0.4444, abs=1e-4)
    assert found["ac1"] == pytest.approx(0.878, abs=1e-3)


def _verdicts(values, *, passes=False, weight=1.0):
    """Values of shape (tasks, criteria, raters)."""
    rows = [
        {"task": f"t{t}", "task_hash": f"t{t}", "recipe": "r", "repeat": 0, "criterion": f"c{c}",
         "section": "", "weight": weight if c % 2 else -weight, "value": value,
         "grader": "g" if passes else f"g{k}", "grader_pass": k if passes else 0,
         "verdict": "unreadable" if np.isnan(value) else "met"}
        for t, task in enumerate(values)
        for c, raters in enumerate(task)
        for k, value in enumerate(raters)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_table_says_agreement_for_both_signs_and_each_pair_of_graders():
    """What is good on average can be useless on errors."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, (6, 8, 3)).astype(float)
    table = agreement(_verdicts(values))

    assert set(table["between"]) == {"all 3 graders", "g0 and g1", "g0 and g2", "g1 and g2"}
    assert set(table["sign"]) == {"all", "positive", "negative"}
    pair = table[(table["between"] == "g0 and g2") & (table["sign"] == "negative")]
    expected = coefficients(values[:, ::2][:, :, [0, 2]].reshape(-1, 2))
    assert dict(zip(pair["measure"], pair["value"], strict=True)) == pytest.approx(expected)
    assert set(pair["n"]) == {6}
    assert set(pair["units"]) == {24}


def test_degenerate_tables_have_an_answer_and_never_a_false_certainty():
    """All verdicts alike, one task, one grader, nothing read: each happens on small runs."""
    alike = agreement(_verdicts(np.zeros((10, 4, 2)), passes=True)).set_index("measure")
    assert alike.empty
    table = agreement(_verdicts(np.zeros((10, 4, 2)), passes=True), "pass")
    rows = table[table["sign"] == "all"].set_index("measure")
    assert rows.loc["raw", "value"] == 1
    assert rows.loc["raw", "low"] < 0.8, "ten tasks without a flip are no proof"
    assert np.isnan(rows.loc["cohen", "value"])
    assert rows.loc["ac1", ["value", "high"]].tolist() == [1, 1]
    assert rows.loc["ac1", "low"] < 0.8
    mixed = np.repeat(np.random.default_rng(1).integers(0, 2, (10, 4, 1)).astype(float), 2, axis=2)
    perfect = agreement(_verdicts(mixed)).query("sign == 'all'").set_index("measure")
    assert (perfect["value"] == 1).all()
    assert (perfect["low"] < 0.8).all()
    assert agreement(_verdicts(np.full((3, 2, 2), NONE))).empty
    one = agreement(_verdicts(np.random.default_rng(2).integers(0, 2, (1, 9, 2)).astype(float)))
    assert one.set_index("measure").loc["cohen", "low"].isna().all()
    with pytest.raises(StatisticsError, match="grader"):
        agreement(_verdicts(mixed), "judge")


def test_proportions_and_slopes_of_nothing_are_none():
    """A rate out of no verdicts is unknown, not 0."""
    assert proportion(np.zeros(3), np.zeros(3), 0.95) is None
    assert slope({"xy": np.ones(1), "xx": np.ones(1)}, 0.95) is None
    assert slope({"xy": np.zeros(5), "xx": np.zeros(5)}, 0.95) is None
    found = proportion(np.array([1.0]), np.array([3.0]), 0.95)
    assert (found.low, found.high, found.n) == (0, 1, 1)


@pytest.mark.simulation
@pytest.mark.parametrize("n", [20, 100])
def test_intervals_of_agreement_cover_with_the_task_as_unit_and_not_with_the_verdict(n):
    """Verdicts of one task err together; counted one by one they look surer than they are."""
    rng, count, criteria = np.random.default_rng(n), worlds(), 20
    hits = dict.fromkeys(("raw", "cohen", "alpha", "ac1", "by verdict"), 0)

    def draw(tasks):
        hard = rng.beta(1.2, 6, tasks)[:, None]  # chance that two graders differ, by task
        first = rng.random((tasks, criteria)) < rng.beta(4, 3, tasks)[:, None]
        other = first ^ (rng.random((tasks, criteria)) < hard)
        return np.stack([first, other], axis=2).astype(float)

    truth = coefficients(draw(100_000).reshape(-1, 2))
    for _ in range(count):
        values = draw(n)
        found = estimates(values.reshape(-1, 2), np.repeat(np.arange(n), criteria))
        for name in ("raw", "cohen", "alpha", "ac1"):
            hits[name] += found[name].low <= truth[name] <= found[name].high
        p = found["raw"].value
        hits["by verdict"] += abs(p - truth["raw"]) <= 1.96 * np.sqrt(p * (1 - p) / (n * criteria))

    assert hits.pop("by verdict") / count < 0.80
    for name, hit in hits.items():
        assert hit / count > 0.95 - noise(0.95, count) - (0.03 if n < 50 else 0.01), name


def test_the_golden_file_agrees():
    """The numbers of the reference that the whole toolkit is held to."""
    flat = json.loads('{"a": [1,1,0,1,0,0,1,1,0,1], "b": [1,0,0,1,0,1,1,1,0,1]}')
    three = [[1, 1, 1], [1, 1, 0], [0, 0, 0], [1, 0, 0], [1, 1, 1], [0, 0, 1]]

    assert coefficients(np.c_[flat["a"], flat["b"]])["cohen"] == pytest.approx(0.5833333333)
    assert coefficients(three)["fleiss"] == pytest.approx(0.325)
