"""How alike two members are: agreement and common errors, by hand and by pair."""

import numpy as np
import pandas as pd
import pytest
from made_runs import task_hash

import fusion_eval as fe
from fusion_eval.errors import StatisticsError
from fusion_eval.stats.headroom import error_correlation


def _verdicts(answers):
    """Verdicts of recipes on tasks: recipe -> one row of 0 and 1 per task."""
    rows = [
        {
            "task": f"t{t}", "task_hash": task_hash(f"t{t}"), "recipe": recipe, "repeat": 0,
            "criterion": f"c{c}", "weight": 5.0 if c else -5.0, "value": float(value),
        }
        for recipe, tasks in answers.items()
        for t, values in enumerate(tasks)
        for c, value in enumerate(values)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_agreement_is_the_share_of_criteria_that_both_meet_or_both_do_not():
    """Errors count as well as points: two members with the same myth agree on it."""
    table = fe.alike(_verdicts({"a": [[1, 1, 0], [0, 1, 1]], "b": [[1, 0, 0], [0, 1, 0]]}),
                     ["a", "b"]).set_index("quantity")  # fmt: skip

    assert table.loc["agreement", "value"] == pytest.approx(4 / 6)
    assert table.loc["agreement", "n"] == 2


def test_the_correlation_of_a_pair_is_that_of_headroom_and_of_its_misses():
    """One word, one number: the report prints both."""
    rng = np.random.default_rng(0)
    shared = rng.integers(0, 2, (30, 6))
    answers = {name: np.where(rng.random((30, 6)) < 0.6, shared, rng.integers(0, 2, (30, 6)))
               for name in "abc"}  # fmt: skip
    verdicts = _verdicts(answers)

    table = fe.alike(verdicts, ["a", "b", "c"])

    assert len(table) == 6
    rows = table[table["quantity"] == "error correlation"].set_index(["a", "b"])
    expected = np.corrcoef(answers["a"][:, 1:].ravel(), answers["b"][:, 1:].ravel())[0, 1]
    assert rows.loc[("a", "b"), "value"] == pytest.approx(expected)
    whole = error_correlation(verdicts, ["a", "b", "c"])
    assert rows["value"].mean() == pytest.approx(whole.value)
    assert (rows["low"] < rows["value"]).all()


def test_the_interval_of_agreement_covers_the_truth():
    """95 % must be 95 %, with tasks that differ in how alike the answers are."""
    rng, covered = np.random.default_rng(3), 0
    for _ in range(300):
        alike = rng.beta(8, 4, 25)
        same = rng.random((25, 8)) < alike[:, None]
        a = rng.integers(0, 2, (25, 8))
        row = fe.alike(_verdicts({"a": a, "b": np.where(same, a, 1 - a)}), ["a", "b"]).iloc[0]
        covered += row["low"] <= 8 / 12 <= row["high"]
    assert 0.95 - 0.038 <= covered / 300 <= 0.95 + 0.038


def test_a_member_alone_or_without_verdicts_is_refused():
    """An empty table would read as "nothing in common"."""
    verdicts = _verdicts({"a": [[1, 0]], "b": [[1, 1]]})

    with pytest.raises(StatisticsError, match="two members"):
        fe.alike(verdicts, ["a"])
    with pytest.raises(StatisticsError, match="no verdict on z"):
        fe.alike(verdicts, ["a", "z"])
