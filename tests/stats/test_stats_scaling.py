"""What more runs of the same bring, and what that costs."""

import numpy as np
import pandas as pd
import pytest
from made_ladders import table
from made_worlds import noise, worlds

import fusion_eval as fe
from fusion_eval.errors import StatisticsError
from fusion_eval.stats.ratio import ratio_of_means
from fusion_eval.stats.scaling import per_doubling

SIZES = {"x1": 1, "x2": 2, "x4": 4, "x8": 8}


def _world(rng, n=60, slope=0.02, costs=True):
    base = 0.5 + 0.1 * rng.normal(size=n)
    made = {}
    for name, size in SIZES.items():
        score = base + slope * np.log2(size) + 0.05 * rng.normal(size=n)
        made[name] = {"score": np.clip(score, 0, 1)}
        if costs:
            made[name]["cost_usd"] = 0.1 * size * np.exp(0.3 * rng.normal(size=n))
    return table(made, n)


def test_gains_are_those_of_compare_and_the_slope_that_of_polyfit():
    """A second way to the same number that disagreed would make both worthless."""
    trials = _world(np.random.default_rng(0))

    found = fe.scaling(trials, SIZES).set_index("recipe")

    same = fe.compare(trials, reference="x1").set_index("a")
    for name in ("x2", "x4", "x8"):
        for ours, theirs in (("gain", "difference"), ("gain_low", "low"), ("gain_high", "high"),
                             ("p_adjusted", "p_adjusted")):  # fmt: skip
            assert found.loc[name, ours] == pytest.approx(same.loc[name, theirs], abs=1e-12)
    wide = trials.pivot(index="task", columns="recipe", values="score")[list(SIZES)]
    slopes = np.polyfit(np.log2(list(SIZES.values())), wide.to_numpy().T, 1)[0]
    slope = found.attrs["per_doubling"]
    assert slope.value == pytest.approx(slopes.mean(), abs=1e-12)
    assert slope.high - slope.value == pytest.approx(
        2.0010 * slopes.std(ddof=1) / np.sqrt(60), rel=1e-4
    )
    assert np.isnan(found.loc["x1", "gain"])


def test_points_per_dollar_is_fiellers_set_where_costs_vary_by_task():
    """A ratio of two noisy means has no plus-minus."""
    trials = _world(np.random.default_rng(1), slope=0.05)
    wide = trials.pivot(index="task", columns="recipe", values=["score", "cost_usd"])

    row = fe.scaling(trials, SIZES).set_index("recipe").loc["x8"]

    own = ratio_of_means(
        100 * (wide["score", "x8"] - wide["score", "x4"]),
        wide["cost_usd", "x8"] - wide["cost_usd", "x4"], 1 - 0.05 / 3,
    )  # fmt: skip
    assert row["since"] == "x4"
    assert own.kind == "bounded"
    assert (row["points_per_usd"], row["per_usd_low"], row["per_usd_high"]) == pytest.approx(
        (own.value, own.low, own.high)
    )


def test_unknown_dollars_stay_unknown_and_the_step_goes_over_them():
    """With 0 for what nobody measured, the largest size would look free."""
    trials = _world(np.random.default_rng(2), costs=False)

    found = fe.scaling(trials, SIZES, usd={"x2": 0.2, "x8": 0.7}).set_index("recipe")

    assert found["usd"].isna().to_dict() == {"x1": True, "x2": False, "x4": True, "x8": False}
    row, pair = found.loc["x8"], fe.compare(trials[trials["recipe"].isin(["x2", "x8"])]).iloc[0]
    assert row["since"] == "x2"
    assert row["more_usd"] == pytest.approx(0.5)
    sign = 1 if pair["a"] == "x8" else -1
    assert row["more"] == pytest.approx(sign * pair["difference"])
    assert row["points_per_usd"] == pytest.approx(100 * row["more"] / 0.5)
    assert row["per_usd_low"] == pytest.approx(100 * row["more_low"] / 0.5)
    assert found.loc[["x1", "x2", "x4"], "points_per_usd"].isna().all()


def test_sizes_that_make_no_series_are_refused():
    """One size says nothing about more of it, and a typing error would drop a size silently."""
    trials = _world(np.random.default_rng(3), n=20)
    for sizes, what in (
        ({"x1": 1}, "two or more"), ({"x1": 1, "x9": 9}, "no recipe 'x9'"),
        ({"x1": 0, "x2": 2}, "above 0"),
    ):  # fmt: skip
        with pytest.raises(StatisticsError, match=what):
            fe.scaling(trials, sizes)


def test_a_size_that_misses_tasks_is_compared_on_common_ones_and_says_so():
    """Its mean is over other tasks, and the plain difference of means is no gain."""
    trials = _world(np.random.default_rng(4))
    short = trials[~((trials["recipe"] == "x4") & (trials["task"] == "t3"))]

    found = fe.scaling(short, SIZES).set_index("recipe")

    assert (found.loc["x4", "n"], found.loc["x4", "gain_n"]) == (59, 59)
    assert "x4 misses 1 task (t3)" in found.loc["x4", "caveat"]
    assert found.attrs["per_doubling"].n == 59


@pytest.mark.simulation
def test_the_slope_the_gains_and_points_per_dollar_cover_what_is_true():
    """Intervals that are too short sell runs that bring nothing."""
    rng, count, truth = np.random.default_rng(5), worlds(), 0.02
    hits = {"slope": 0, "gains": 0, "dollars": 0}
    for _ in range(count):
        base = 0.5 + 0.1 * rng.normal(size=(100, 1))
        score = base + truth * np.arange(4) + 0.06 * rng.normal(size=(100, 4))
        slope = per_doubling(score, [1, 2, 4, 8])
        hits["slope"] += slope.low <= truth <= slope.high
        if _ % 8:
            continue
        rows = pd.DataFrame({
            "task": np.repeat(np.arange(100).astype(str), 4), "recipe": np.tile(list(SIZES), 100),
            "score": np.clip(score, 0, 1).ravel(), "cost_usd": (
                np.array([1, 2, 4, 8]) * np.exp(0.4 * rng.normal(size=(100, 4)) - 0.08)).ravel(),
        })  # fmt: skip
        found = fe.scaling(rows, SIZES, flips=999)
        gains = found.iloc[1:]
        true = truth * np.log2(gains["size"])
        hits["gains"] += bool(((gains["gain_low"] <= true) & (true <= gains["gain_high"])).all())
        rate = 100 * truth / np.array([1, 2, 4])
        ends = gains[["per_usd_low", "per_usd_high"]].to_numpy()
        inside = np.isnan(ends[:, 0]) | ((ends[:, 0] <= rate) & (rate <= ends[:, 1]))
        hits["dollars"] += bool(inside.all())

    some = -(-count // 8)
    assert abs(hits["slope"] / count - 0.95) < 0.01 + noise(0.95, count)
    assert hits["gains"] / some > 0.94 - noise(0.95, some)
    assert hits["dollars"] / some > 0.94 - noise(0.95, some)
