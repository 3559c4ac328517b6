"""Answers that are good enough: how many, what one costs, and how bad the others are."""

import numpy as np
import pandas as pd
import pytest
from made_worlds import noise, worlds

import fusion_eval as fe
from fusion_eval.errors import StatisticsError


def _table(scores, cost=0.02, repeats=1):
    """scores : recipe -> one value per task and repeat, tasks first."""
    rows = [
        {"task": f"t{i // repeats}", "recipe": name, "repeat": i % repeats, "score": value,
         "cost_usd": cost, "failure": None if value is not None else "timeout"}
        for name, values in scores.items() for i, value in enumerate(values)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_an_acceptable_answer_costs_the_dollars_of_all_over_the_acceptable_ones():
    """By hand: 15 of 20 answers pass at 2 cents each, so each that passes costs 2.67 cents."""
    row = fe.acceptable(_table({"a": [0.8] * 15 + [0.3] * 5, "b": [0.5] * 20}), 0.7).iloc[0]

    assert row["below"] == pytest.approx(0.25)
    assert row["usd_per_acceptable"] == pytest.approx(0.02 / 0.75)
    assert row["below_low"] < 0.25 < row["below_high"]
    assert row["usd_low"] < 0.02 / 0.75 < row["usd_high"]
    assert np.isnan(row["below_twice"])
    assert row["worst_tenth"] == pytest.approx(0.3)


def test_a_failed_answer_is_not_acceptable_and_none_seen_below_may_still_be():
    """Thirty good answers of thirty allow one bad one in ten, and a price without limits lies."""
    table = fe.acceptable(_table({"a": [0.9] * 30, "b": [0.9] * 29 + [None]}), 0.7)
    a, b = (table.set_index("recipe").loc[name] for name in "ab")

    assert (a["below"], b["below"]) == (0, pytest.approx(1 / 30))
    assert 0.08 < a["below_high"] < 0.15
    assert a["usd_high"] == pytest.approx(0.02 / (1 - a["below_high"]))
    assert b["worst_tenth"] == pytest.approx(0.6)


def test_a_retry_helps_where_the_same_task_does_not_fail_again():
    """Two repeats: one recipe fails on the same tasks twice, the other never twice in a row."""
    same, other = [0.9, 0.9] * 8 + [0.1, 0.1] * 4, [0.9, 0.9] * 4 + [0.1, 0.9] * 8
    table = fe.acceptable(_table({"same": same, "other": other}, repeats=2), 0.7)
    same, other = (table.set_index("recipe").loc[name] for name in ("same", "other"))

    assert same["below"] == pytest.approx(other["below"]) == pytest.approx(1 / 3)
    assert (same["below_twice"], other["below_twice"]) == (pytest.approx(1 / 3), 0)
    assert same["usd_with_retry"] == pytest.approx(0.02 * (4 / 3) / (2 / 3))
    assert other["usd_with_retry"] == pytest.approx(0.02 * 4 / 3)


def test_reliability_has_its_own_frontier_and_thresholds_outside_the_scale_are_refused():
    """The mean prefers the recipe that is brilliant or useless; a deployment may not."""
    steady, wild = [0.75] * 30, [1.0] * 24 + [0.2] * 6
    table = _table({"steady": steady, "wild": wild})

    found = fe.acceptable(table, 0.7).set_index("recipe")

    assert fe.pareto(table).set_index("recipe").loc["steady", "on_frontier"] is False
    assert dict(found["on_frontier"]) == {"steady": True, "wild": False}
    with pytest.raises(StatisticsError, match="threshold=70"):
        fe.acceptable(table, 70)


@pytest.mark.simulation
def test_the_price_of_an_acceptable_answer_and_the_worst_tenth_cover():
    """At 60 tasks with skewed costs; the tail of few tasks is known to be short of 95 %."""
    rng, count = np.random.default_rng(5), min(200, worlds() // 2)
    price = tail = 0
    true_tail = 0.7 - 0.15 * 1.754983  # mean of the lowest tenth of a normal
    for _ in range(count):
        x = rng.normal(0.7, 0.15, 60)
        table = _table({"a": np.clip(x, 0, 1), "b": [0.5] * 60})
        table.loc[table["recipe"] == "a", "cost_usd"] = 0.02 * rng.lognormal(-0.125, 0.5, 60)
        row = fe.acceptable(table, 0.7, resamples=50).iloc[0]
        price += row["usd_low"] <= 0.04 <= row["usd_high"]
        tail += row["worst_low"] <= true_tail <= row["worst_high"]

    assert price / count > 0.95 - noise(0.95, count)
    assert tail / count > 0.85 - noise(0.85, count)
