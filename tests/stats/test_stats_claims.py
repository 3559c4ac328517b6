"""Published claims against graded answers; and the tasks that all recipes have."""

import numpy as np
import pandas as pd
import pytest
from made_ladders import table
from made_worlds import noise, worlds

import fusion_eval as fe
from fusion_eval.errors import StatisticsError
from fusion_eval.stats.common import common
from fusion_eval.stats.tables import tidied

MEANS = {"top": 0.70, "near": 0.695, "low": 0.55, "twin": 0.70}


@pytest.fixture(scope="module")
def trials():
    rng = np.random.default_rng(0)
    hard = 0.1 * rng.normal(size=100)
    noisy = {name: mean + hard + 0.03 * rng.normal(size=100) for name, mean in MEANS.items()}
    exact = {n: np.clip(x - x.mean() + MEANS[n], 0, 1) for n, x in noisy.items()}
    return table({name: {"score": x} for name, x in exact.items()}, 100)


def _check(trials, *rows, **options):
    names = ["claim", "says", "a", "b", "points", "why"]
    listed = [dict(zip(names, ["c", *row], strict=False)) for row in rows]
    return fe.claims(trials, pd.DataFrame(listed), **options)


def test_each_claim_is_supported_contradicted_or_left_open(trials):
    """The field calls a gap of half a point a win, and its absence a proof that two are equal."""
    found = _check(
        trials, ("above", "top", "low"), ("above", "low", "top"), ("above", "top", "near"),
        ("at least", "top", "low", 10), ("at least", "top", "low", 20),
        ("at least", "top", "low", 15), ("equal", "top", "twin", 3), ("equal", "top", "low", 3),
        ("equal", "top", "twin", 0.1), ("best", "top", ""), ("best", "top", "low"),
        ("best", "low", "top;near"), ("score", "top", "", 70.0), ("score", "top", "", 71.0),
        ("untestable", "", "", np.nan, "no verdicts"),
    )  # fmt: skip

    assert list(found["verdict"]) == [
        "supported", "contradicted", "undecided",
        "supported", "contradicted",
        "undecided", "supported", "contradicted",
        "undecided", "undecided", "supported",
        "contradicted", "supported", "contradicted",
        "cannot be tested",
    ]  # fmt: skip
    assert found.iloc[0]["value"] == pytest.approx(0.15, abs=0.003)
    assert found.iloc[-1]["reason"] == "no verdicts"
    assert pd.isna(found.iloc[-1]["n"])
    assert "to twin" in found.iloc[9]["reason"] or "to near" in found.iloc[9]["reason"]


def test_a_longer_list_of_claims_must_show_more():
    """Whoever claims twenty things is right about one of them by luck."""
    rng = np.random.default_rng(1)
    made = {f"r{k}": {"score": 0.5 + 0.1 * rng.normal(size=60)} for k in range(8)}
    trials = table(made, 60)
    one = _check(trials, ("above", "r0", "r1"))
    many = _check(trials, *[("above", "r0", f"r{k}") for k in range(1, 8)])

    assert many.attrs["family"] == 7
    assert many.iloc[0]["high"] - many.iloc[0]["low"] > 1.2 * (
        one.iloc[0]["high"] - one.iloc[0]["low"]
    )
    paired = fe.compare(trials[trials["recipe"].isin(["r0", "r1"])]).iloc[0]
    assert abs(one.iloc[0]["value"]) == pytest.approx(abs(paired["difference"]))
    assert one.iloc[0]["high"] - one.iloc[0]["low"] == pytest.approx(paired["high"] - paired["low"])


def test_a_list_with_errors_is_refused_with_all_of_them(trials):
    """A claim about a recipe that is misspelled would be left out, and look untested."""
    with pytest.raises(StatisticsError) as caught:
        _check(
            trials, ("above", "tpo", "low"), ("over", "top", "low"), ("equal", "top", "low"),
            ("above", "top"), ("untestable",),
        )  # fmt: skip
    text = str(caught.value)
    for part in ("did you mean 'top'", "says 'over'", "in `points`", "give b", "in `why`"):
        assert part in text


def test_common_tasks_are_those_that_every_recipe_was_graded_on(trials):
    """One recipe that skipped six tasks was ranked on easier ones."""
    lost = (trials["recipe"] == "low") & trials["task"].isin([f"t{k}" for k in range(30)])
    failed = (trials["recipe"] == "near") & (trials["task"] == "t99")
    short = trials[~lost].assign(failure=np.where(failed[~lost], "timeout", None))
    short.attrs = {"simulated": True, "run_id": "r"}

    found = fe.common_tasks(short, 99)

    assert found.groupby("recipe")["task"].nunique().to_dict() == dict.fromkeys(
        ("near", "top", "twin"), 99
    )
    assert found.attrs["left_out"] == {"recipes": ["low"], "tasks": ["t99"]}
    assert found.attrs["simulated"]
    assert found.attrs["run_id"] == "r"
    assert fe.common_tasks(short)["task"].nunique() == 69
    with pytest.raises(StatisticsError, match="the most is 100"):
        fe.common_tasks(short, 101)
    apart = pd.DataFrame({"task": ["x", "y"], "recipe": ["a", "b"], "score": [0.1, 0.2]})
    with pytest.raises(StatisticsError, match="no graded task in common"):
        fe.common_tasks(apart)


@pytest.mark.simulation
def test_a_list_of_claims_about_equal_recipes_is_rarely_decided():
    """The family-wise rate: any verdict but undecided is wrong where nobody differs."""
    rng, count, wrong = np.random.default_rng(2), max(100, worlds() // 4), 0
    listed = [("above", f"r{k}", f"r{k + 1}") for k in range(5)] + [("best", "r0", "")]
    for _ in range(count):
        hard = 0.1 * rng.normal(size=(60, 1))
        score = np.clip(0.5 + hard + 0.08 * rng.normal(size=(60, 6)), 0, 1)
        made = {f"r{k}": {"score": score[:, k]} for k in range(6)}
        found = _check(table(made, 60), *listed, flips=999)
        wrong += bool((found["verdict"] != "undecided").any())

    assert wrong / count < 0.05 + noise(0.05, count)


def test_a_recipe_that_lacks_many_tasks_costs_the_others_none_of_theirs():
    """Otherwise one recipe that skipped the hard half would choose the tasks for all."""
    rows = [(t, r, 0.5) for r in ("solo", "panel") for t in range(10)]
    rows += [(t, "skips", 0.9) for t in range(5)] + [(t, "nearly", 0.4) for t in range(9)]
    table = pd.DataFrame(rows, columns=["task", "recipe", "score"])
    kept = common(tidied(table))
    assert kept.recipes == ("solo", "panel", "nearly")
    assert (kept.left_out, kept.dropped, len(kept.tasks)) == ({"skips": 5}, ("9",), 9)
    everyone = common(tidied(table), lacking=1.0)
    assert everyone.recipes == ("solo", "panel", "skips", "nearly")
    assert list(everyone.tasks) == ["0", "1", "2", "3", "4"]
    assert set(everyone.of(tidied(table))["task"]) == {0, 1, 2, 3, 4}
