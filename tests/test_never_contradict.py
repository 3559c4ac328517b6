"""Whatever the table, no two of our tables say the opposite of each other."""

import numpy as np
import pandas as pd
import pytest

import fusion_eval as fe
from fusion_eval.errors import StatisticsError, TooFewTasksError
from fusion_eval.stats.common import common
from fusion_eval.stats.tables import tidied


def _random_table(seed):
    """Missing (also hard) tasks, clusters, ties, unknown costs, 1 to 60 recipes."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(3, 45)), int(rng.choice([1, 2, 3, 5, 9, 60], p=[0.1, *[0.2] * 4, 0.1]))
    level, lead = rng.normal(0.55, 0.15, (n, 1)), rng.choice([0.0, 0.01, 0.05]) * rng.normal(size=k)
    score = np.clip(level + lead + rng.normal(0, 0.08, (n, k)), 0, 1)
    score = score.round() if rng.random() < 0.3 else score.round(int(rng.integers(1, 4)))
    cost = 0.01 * rng.lognormal(0, 1, k) * rng.lognormal(0, rng.choice([0.0, 0.5, 1.5]), (n, k))
    rows = pd.DataFrame({
        "task": np.repeat([f"t{i}" for i in range(n)], k),
        "recipe": np.tile([f"r{j}" for j in range(k)], n), "repeat": 0,
        "score": score.ravel(), "cost_usd": cost.ravel(), "latency_s": 1 + cost.ravel(),
        "strategy": np.tile(["solo" if j < max(1, k // 2) else "panel" for j in range(k)], n),
    })  # fmt: skip
    if rng.random() < 0.4:
        rows["cluster"] = (rows["task"].str[1:].astype(int) // int(rng.integers(2, 5))).astype(str)
    if k > 1 and rng.random() < 0.6:
        who, hard = f"r{rng.integers(k)}", np.argsort(score.mean(axis=1))
        lost = {f"t{i}" for i in hard[: int(rng.integers(1, max(2, n // 2)))]}
        rows = rows[~((rows["recipe"] == who) & rows["task"].isin(lost))]
    if rng.random() < 0.4:
        who = rows["recipe"] == f"r{rng.integers(k)}"
        rows.loc[who & (rng.random(len(rows)) < rng.choice([0.1, 1.1])), "cost_usd"] = np.nan
    return rows.reset_index(drop=True)


def _told_apart(table):
    """Pairs (better, worse) when all pairs are looked at."""
    try:
        pairs = fe.compare(table)
    except StatisticsError:
        return set()
    up, down = pairs["conclusion"] == "better", pairs["conclusion"] == "worse"
    return {*zip(pairs.loc[up, "a"], pairs.loc[up, "b"], strict=True),
            *zip(pairs.loc[down, "b"], pairs.loc[down, "a"], strict=True)}  # fmt: skip


@pytest.mark.parametrize("seed", range(24))
def test_choice_frontier_ranks_best_and_comparisons_agree_on_any_table(seed):
    """One report said "take old (100 %)" while `compare` on the same run called it worse."""
    table = _random_table(seed)
    shared = common(tidied(table))
    rows = shared.of(tidied(table))
    apart = _told_apart(rows)
    taken, place = fe.decisions(table, resamples=300), fe.pareto(table, resamples=300)
    place = place.set_index("recipe")

    assert set(taken["recipe"]) <= set(shared.recipes)
    assert set(place.index[place["status"] == "not compared"]) == set(shared.left_out)
    assert (taken["probability"] < 1).all() or len(shared.recipes) == 1
    assert (taken["regret_usd"] >= 0).all()
    cost, known = place["cost_usd"], place["cost_unknown"] == 0
    for name in taken["recipe"]:
        assert place.loc[name, "status"] != "dominated"
        beaten_by = [a for a, b in apart if b == name and known[a] and known[name]]
        assert not any(cost[a] <= cost[name] for a in beaten_by)
    for name, row in place.iterrows():
        for other in filter(None, row["dominated_by"].split(", ")):
            assert row["on_frontier"] is False
            assert place.loc[other, "score"] > row["score"]
            assert place.loc[other, "cost_usd"] < row["cost_usd"]
            assert (name, other) not in apart
        assert row["status"] != "on" or row["on_frontier"] is True
    if len(shared.recipes) < 2 or not len(shared.tasks):
        return
    _check_ranks(table, apart, taken, known)


def _check_ranks(table, apart, taken, known):
    ranks = fe.ranks(table).set_index("recipe")
    assert ((ranks["rank_low"] == 1) == ranks["maybe_best"]).all()
    for a, b in apart:
        assert ranks.loc[a, "score"] > ranks.loc[b, "score"]
        assert not ranks.loc[a, "rank_low"] > ranks.loc[b, "rank_high"]
    if len(taken) and known.all():
        assert ranks.loc[taken["recipe"].iloc[-1], "score"] == ranks["score"].max()
        assert ranks.loc[taken["recipe"].iloc[-1], "maybe_best"]
    try:
        best = fe.best(table).iloc[0]
    except TooFewTasksError:
        return
    assert ranks.loc[best["recipe"], "score"] == ranks["score"].max()
    assert set(best["maybe_best"].split(", ")) == set(ranks.index[ranks["maybe_best"]])
    if best["maybe_best"].count(",") == 0:
        assert not any(b == best["recipe"] for _, b in apart)


@pytest.mark.parametrize("seed", [1, 5])
def test_names_and_the_order_of_rows_change_no_number(seed):
    """Figures that depend on what a task is called are figures of a name."""
    table = _random_table(seed)
    tasks, recipes = table["task"].unique(), table["recipe"].unique()
    rng = np.random.default_rng(seed)
    new = dict(zip(tasks, rng.permutation([f"q{k}" for k in range(len(tasks))]), strict=True))
    names = dict(zip(recipes, rng.permutation([f"p{k}" for k in range(len(recipes))]), strict=True))
    other = table.assign(task=table["task"].map(new), recipe=table["recipe"].map(names))
    other = other.sample(frac=1, random_state=seed)

    for make in (fe.decisions, fe.pareto, lambda t: fe.acceptable(t, 0.6), fe.deadlines):
        one, two = make(table), make(other)
        one = one.assign(recipe=one["recipe"].map(names))
        keys = [c for c in ("limit_s", "recipe") if c in one]
        numbers = [c for c in one.select_dtypes("number").columns if c not in keys]
        one, two = (t.sort_values(keys).reset_index(drop=True) for t in (one, two))
        assert len(one) == len(two)
        np.testing.assert_allclose(
            one[numbers].astype(float), two[numbers].astype(float), rtol=1e-6, atol=1e-9
        )
