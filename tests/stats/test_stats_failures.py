"""Failures read in every way there is, beside each other."""

import numpy as np
import pandas as pd
import pytest
from made_runs import trial, trials_of
from made_worlds import GOLDEN, noise, worlds
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar

import fusion_eval as fe
from fusion_eval.errors import StatisticsError
from fusion_eval.stats.failing import clopper_pearson


@pytest.mark.parametrize(("k", "n", "low", "high"), GOLDEN["clopper_pearson"]["cases"])
def test_exact_intervals_are_those_of_newcombes_table(k, n, low, high):
    """No failure in 20 answers leaves 17 %, and a release note should say so."""
    found = clopper_pearson(k, n)

    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)
    theirs = scipy_stats.binomtest(k, n).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-10)


@pytest.mark.parametrize(("n", "most"), [(10, 0.2589), (30, 0.0950), (100, 0.0295)])
def test_no_failure_at_all_leaves_what_the_rule_of_three_says(n, most):
    """1 - .05^(1/n): what a gate on failures can promise at all."""
    assert clopper_pearson(0, n, level=0.90).high == pytest.approx(most, abs=5e-5)


def _run(tmp_path, n=20):
    rows = [trial(f"t{k}", "steady", 0.5, finish="stop") for k in range(n)]
    rows += [trial(f"t{k}", "frail", 0.8, finish="stop") for k in range(n)]
    for k in range(n, n + 5):  # the last five
        rows[k + n - 5] |= {"score": None, "failure": "timeout", "finish": None,
                            "score_min": None, "score_max": None}  # fmt: skip
    rows[n] |= {"finish": "length"}
    rows[n + 1] |= {"finish": "refusal", "score": 0.0, "score_min": 0.0, "score_max": 0.0}
    rows[n + 2] |= {"score_min": 0.4, "score_max": 1.0, "coverage": 0.7}
    return trials_of(tmp_path, rows)


def test_every_reading_of_what_is_missing_stands_in_the_table(tmp_path):
    """Whoever reads only one of them takes our word for it."""
    table = fe.failures(_run(tmp_path))
    frail = table[table["recipe"] == "frail"].set_index("reading")

    whole = 13 * 0.8 + 0.8  # thirteen plain ones and the one with open verdicts; one refusal of 0
    expected = {
        "failure rate": 5 / 20,
        "cut rate": 1 / 15,  # how failed ones ended is not known
        "as deployed": whole / 20,
        "complete cases": whole / 15,
        "worst case": (whole - 0.4) / 20,
        "best case": (whole + 0.2 + 5) / 20,
        "cut answers as 0": (whole - 0.8) / 20,
        "cut answers left out": (whole - 0.8) / 19,
        "refusals left out": whole / 19,
    }
    assert dict(frail["value"]) == pytest.approx(expected)
    assert (frail["low"] <= frail["value"]).all()
    assert (frail["value"] <= frail["high"]).all()
    assert dict(frail["answers"])["worst case"] == 6
    assert frail.loc["complete cases", "caveat"] == "5 tasks left out"
    assert list(table.loc[table["recipe"] == "steady", "reading"]) == [
        "failure rate", "cut rate", "as deployed", "complete cases", "worst case", "best case"
    ]  # fmt: skip


def test_failure_rates_are_compared_by_mcnemars_exact_test(tmp_path):
    """Of two recipes, only tasks on which one failed and the other did not say anything."""
    rows = []
    for k in range(40):
        for recipe, fails in (("a", k < 9), ("b", 7 <= k < 10)):
            rows.append(trial(f"t{k}", recipe, None if fails else 0.5,
                              failure="timeout" if fails else None))  # fmt: skip
    table = fe.failures(trials_of(tmp_path, rows), reference="b")

    p = table[(table["recipe"] == "a") & (table["reading"] == "failure rate")]["p"].item()

    theirs = mcnemar([[2, 7], [1, 30]], exact=True).pvalue
    assert p == pytest.approx(theirs, abs=1e-12)
    with pytest.raises(StatisticsError, match="no recipe"):
        fe.failures(trials_of(tmp_path / "again", rows), reference="c")


def test_repeats_of_a_task_that_fail_together_are_not_counted_as_independent():
    """Three time-outs on the one long task are one fact."""
    rows = [
        {"task": f"t{k}", "recipe": "a", "repeat": r, "score": np.nan if k < 4 else 0.5,
         "failure": "timeout" if k < 4 else None}
        for k in range(20) for r in range(5)
    ]  # fmt: skip
    row = fe.failures(pd.DataFrame(rows)).iloc[0]

    assert (row["n"], row["answers"], row["value"]) == (20, 20, 0.2)
    naive = clopper_pearson(20, 100)
    assert row["high"] - row["low"] > 1.7 * (naive.high - naive.low)


def test_a_recipe_that_never_answered_has_a_rate_and_no_complete_case():
    """Everything of it failed; a crash of the report would be the third misfortune."""
    table = fe.failures(
        pd.DataFrame({"task": ["x", "y"], "recipe": "a", "score": np.nan, "failure": "timeout"})
    ).set_index("reading")

    assert table.loc["failure rate", "value"] == 1
    assert np.isnan(table.loc["complete cases", "value"])
    assert table.loc["as deployed", "value"] == 0
    assert table.loc["best case", "value"] == 1


@pytest.mark.simulation
def test_dropping_failures_misses_what_users_get_and_counting_them_does_not():
    """The negative control of the headline: with failures on hard tasks, dropping covers .4."""
    rng, count = np.random.default_rng(3), min(400, worlds())
    hits = {"as deployed": 0, "complete cases": 0}
    for _ in range(count):
        hard = rng.random(100)
        score = np.clip(0.85 - 0.4 * hard + rng.normal(0, 0.05, 100), 0, 1)
        fails = rng.random(100) < 0.18 * hard**2
        rows = pd.DataFrame({
            "task": [str(k) for k in range(100)], "recipe": "a",
            "score": np.where(fails, np.nan, score), "failure": np.where(fails, "timeout", None),
        })  # fmt: skip
        table = fe.failures(rows).set_index("reading")
        truth = 0.85 * (1 - 0.06) - 0.4 * (0.5 - 0.18 / 4)
        for word in hits:
            hits[word] += table.loc[word, "low"] <= truth <= table.loc[word, "high"]

    assert abs(hits["as deployed"] / count - 0.95) < 0.02 + noise(0.95, count)
    assert hits["complete cases"] / count < 0.7
