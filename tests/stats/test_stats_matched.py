"""At equal dollars: a recipe against the best mixture of baselines, and what a time limit does."""

import numpy as np
import pytest
from made_ladders import best_for, priced_world, table
from made_worlds import noise, worlds

import fusion_eval as fe
from fusion_eval.errors import StatisticsError
from fusion_eval.stats.deadline import choices
from fusion_eval.stats.matched import best_mixture, matched_difference

LADDERS = {
    "two": ([0.65, 0.5, 0.7], [0.02, 0.01, 0.05]),
    "many on one line": ([0.62, 0.5, 0.6, 0.7, 0.75], [0.02, 0.01, 0.02, 0.03, 0.035]),
    "above all": ([0.8, 0.7, 0.72, 0.71], [0.1, 0.01, 0.02, 0.05]),
    "steep": ([0.70, 0.3, 0.8], [0.02, 0.015, 0.03]),
}
"""The recipe comes first, its baselines after it."""


def _trials(score, cost, n=60, seed=0, strategies=None):
    scores, costs = priced_world(score, cost, n, np.random.default_rng(seed), spread=0.3)
    names = ["fused", "low", "high", "third", "fourth"]
    return table(
        {names[k]: {"score": np.clip(scores[:, k], 0, 1), "cost_usd": costs[:, k],
                    "strategy": "solo" if k else "panel"} for k in range(len(score))},
        n,
    )  # fmt: skip


def test_the_mixture_of_two_recipes_is_the_point_on_the_chord_between_them():
    """By hand: $0.02 lies a quarter of the way from $0.01 to $0.05."""
    score, cost = np.array([0.5, 0.7, 0.55]), np.array([0.01, 0.05, 0.045])

    assert best_mixture(score, cost, 0.02) == pytest.approx((0, 1, 0.25))
    assert best_mixture(score, cost, 0.05) == (1, 1, 0.0)
    assert best_mixture(score, cost, 0.01) == (0, 0, 0.0)
    assert best_mixture(score, cost, 1.0) == (1, 1, 0.0)


def test_the_difference_is_that_of_the_means_to_the_best_mixture():
    """The dual must give the very number that the hull gives."""
    for score, cost in LADDERS.values():
        scores, costs = priced_world(score, cost, 200, np.random.default_rng(1), spread=0.3)
        mean, paid = scores.mean(axis=0), costs.mean(axis=0)

        value, low, high = matched_difference(
            scores[:, [0]] - scores[:, 1:], costs[:, [0]] - costs[:, 1:],
            rng=np.random.default_rng(2),
        )  # fmt: skip

        assert value == pytest.approx(mean[0] - best_for(mean[1:], paid[1:], paid[0]), abs=1e-9)
        assert low < value < high


def test_a_recipe_that_is_only_dearer_does_not_win_at_equal_dollars():
    """The whole point: 62 points for $0.02 are no gain when a mixture has them for $0.02."""
    trials = _trials([0.62, 0.5, 0.8], [0.02, 0.01, 0.05])
    compared = fe.compare(trials.assign(score=trials["score"].clip(0, 1)), "low")

    row = fe.matched(trials).iloc[0]

    assert compared.set_index("a").loc["fused", "conclusion"] == "better"
    assert row["conclusion"] != "better"
    assert row["mix"].startswith("7")
    assert row["mix"].endswith("high")
    assert row["mix_cost_usd"] == pytest.approx(row["cost_usd"])
    assert row["place"] == "inside"


def test_a_recipe_above_the_line_between_its_baselines_wins():
    """And by seconds the same question has its own answer."""
    trials = _trials([0.75, 0.5, 0.8], [0.02, 0.01, 0.05])
    slow = trials.assign(latency_s=trials["recipe"].map({"fused": 60.0, "low": 2.0, "high": 30.0}))

    row, by_time = fe.matched(trials).iloc[0], fe.matched(slow, by="latency_s").iloc[0]

    assert row["conclusion"] == "better"
    assert row["low"] < 0.75 - 0.575 < row["high"]
    assert by_time["place"] == "above"
    assert by_time["conclusion"] == "worse"
    assert by_time["mix"] == "high"
    assert "dearer than every baseline" in by_time["caveat"]


def test_what_costs_less_than_every_mixture_or_an_unknown_sum_is_not_matched():
    """An unknown bill read as nothing would be matched with the cheapest baseline."""
    cheap = fe.matched(_trials([0.6, 0.5, 0.8], [0.005, 0.01, 0.05])).iloc[0]
    trials = _trials([0.6, 0.5, 0.8], [0.02, 0.01, 0.05])
    trials.loc[trials["recipe"] == "fused", "cost_usd"] = np.nan
    unknown = fe.matched(trials).iloc[0]
    trials = _trials([0.6, 0.5, 0.8, 0.5], [0.02, 0.01, 0.05, 0.01])
    trials.loc[trials["recipe"] == "third", "cost_usd"] = np.nan
    lost = fe.matched(trials).iloc[0]

    assert (cheap["place"], cheap["conclusion"]) == ("below", "undecided")
    assert np.isnan(cheap["difference"])
    assert np.isnan(unknown["difference"])
    assert "not wholly known" in unknown["caveat"]
    assert "left out as baselines, cost not wholly known: third" in lost["caveat"]
    with pytest.raises(StatisticsError, match="baselines"):
        fe.matched(trials, baselines=["third"])
    with pytest.raises(StatisticsError, match="no recipe 'nobody'"):
        fe.matched(trials, recipes=["nobody"])


@pytest.mark.parametrize("n", [1, 2, 4])
def test_few_tasks_leave_equal_dollars_undecided(n):
    """Two tasks whose differences are alike would otherwise be a proof."""
    row = fe.matched(_trials([0.9, 0.5, 0.6], [0.02, 0.01, 0.05], n=n)).iloc[0]

    assert row["conclusion"] == "undecided"
    assert row["caveat"]


def _misses(score, cost, n, spread, count):
    """Share of worlds whose truth lies below, and above, the interval."""
    rng = np.random.default_rng(11)
    truth = score[0] - best_for(score[1:], cost[1:], cost[0])
    below = above = 0
    for _ in range(count):
        s, c = priced_world(score, cost, n, rng, spread)
        _, low, high = matched_difference(s[:, [0]] - s[:, 1:], c[:, [0]] - c[:, 1:], rng=rng)
        below, above = below + (truth < low), above + (truth > high)
    return below / count, above / count


@pytest.mark.simulation
@pytest.mark.parametrize("name", LADDERS)
@pytest.mark.parametrize(("n", "spread"), [(10, 0.8), (30, 0.4), (30, 1.2), (100, 0.8)])
def test_the_interval_at_equal_dollars_covers_whatever_the_ladder(name, n, spread):
    """Neither the estimated costs nor the choice of the best mixture may cost coverage."""
    count = max(100, worlds() // 4)

    below, above = _misses(*LADDERS[name], n, spread, count)

    assert below <= 0.025 + noise(0.025, count)
    assert above <= 0.025 + noise(0.025, count)


@pytest.mark.simulation
def test_taking_the_best_looking_mixture_at_known_costs_misses_far_too_often():
    """The reason for the dual: the shortcut that first comes to mind, and its price."""
    score, cost = LADDERS["many on one line"]
    rng, count, missed = np.random.default_rng(12), max(200, worlds() // 4), 0
    truth = score[0] - best_for(score[1:], cost[1:], cost[0])
    for _ in range(count):
        s, c = priced_world(score, cost, 30, rng, 1.2)
        if c[:, 0].mean() < c[:, 1:].mean(axis=0).min():
            continue  # the shortcut has no answer
        i, j, share = best_mixture(s[:, 1:].mean(axis=0), c[:, 1:].mean(axis=0), c[:, 0].mean())
        d = s[:, 0] - (1 - share) * s[:, 1 + i] - share * s[:, 1 + j]
        missed += abs(d.mean() - truth) > 2.045 * d.std(ddof=1) / np.sqrt(30)

    assert missed / count > 0.15


def test_a_late_answer_counts_nothing_and_the_choice_changes_with_the_limit():
    """The slow best recipe must lose at five seconds and win at fifty."""
    fast = {"score": np.full(20, 0.5), "latency_s": 2.0}
    slow = {"score": np.full(20, 0.8), "latency_s": np.where(np.arange(20) < 10, 10.0, 40.0)}
    trials = table({"fast": fast, "slow": slow}, 20)

    found = fe.deadlines(trials, [1, 5, 20, 50]).set_index(["limit_s", "recipe"])

    assert found.loc[(5, "slow"), "score"] == 0.0
    assert found.loc[(20, "slow"), "score"] == pytest.approx(0.4)
    assert found.loc[(20, "slow"), "in_time"] == 0.5
    chosen = choices(found.reset_index())
    assert list(chosen["recipe"]) == ["fast", "slow"]
    assert list(chosen["from_s"]) == [5, 50]
    assert 0.5 < chosen["probability"][0] < 1  # at 20 s half of the slow answers are there


def test_an_unknown_latency_is_never_in_time_and_without_any_there_is_no_answer():
    """Unknown is not fast."""
    trials = table({"a": {"score": 0.5, "latency_s": 1.0}, "b": {"score": 0.9}}, 8)

    row = fe.deadlines(trials, [100]).set_index("recipe")

    assert row.loc["a", "chosen"]
    assert (row.loc["b", "score"], row.loc["b", "unknown"]) == (0.0, 8)
    with pytest.raises(StatisticsError, match="no latency"):
        fe.deadlines(trials.assign(latency_s=np.nan))
    with pytest.raises(StatisticsError, match="above 0"):
        fe.deadlines(trials, [0])


def test_limits_are_judged_on_common_tasks_by_one_clock_and_not_from_a_few():
    """Simulated seconds beside measured ones made the recommendation "up to 36 s take ll-auto"."""
    hard = np.where(np.arange(20) < 10, 0.9, 0.1)
    trials = table(
        {name: {"score": np.clip(hard + gain, 0, 1), "latency_s": 2.0, "latency_source": source}
         for name, gain, source in (("skips", -0.05, "measured"), ("good", 0.0, "measured"),
                                    ("fair", -0.1, "measured"), ("toy", 0.05, "simulated"))},
        20,
    )  # fmt: skip
    easy = trials["task"].isin(trials["task"].unique()[:10])
    lost = trials[(trials["recipe"] != "skips") | easy]

    found = fe.deadlines(lost, [5.0])

    assert set(found["recipe"]) == {"good", "fair"}
    assert choices(found)["recipe"].tolist() == ["good"]
    few = fe.deadlines(trials[trials["task"].isin(trials["task"].unique()[:7])], [5.0])
    assert not few["chosen"].any()
    assert "1 more" in few.attrs["lacking"]
