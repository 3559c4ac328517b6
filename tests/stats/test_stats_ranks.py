"""Ranks as sets, who is not excluded from being best, and the best without its luck."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from made_worlds import noise, worlds

import fusion_eval as fe
from fusion_eval.errors import StatisticsError, TooFewTasksError
from fusion_eval.stats.best import cross_fitted
from fusion_eval.stats.multiple import flip_signs, max_t_p, simultaneous_intervals
from fusion_eval.stats.paired import sign_flip_p
from fusion_eval.stats.points import points
from fusion_eval.stats.ranks import p_best, rank_sets
from fusion_eval.stats.tables import tidied

RNG = np.random.default_rng


def _table(x):
    count = x.shape[1]
    return pd.DataFrame(
        {
            "task": np.repeat(np.arange(len(x)), count).astype(str),
            "recipe": np.tile([f"r{k}" for k in range(count)], len(x)),
            "score": np.clip(x, 0, 1).ravel(),
        }
    )


def _scores(n=40, steps=(0.0, 0.0, 0.2, 0.4), seed=0, noise=0.05):
    rng = RNG(seed)
    return (
        0.2 + np.array(steps) + rng.normal(0, 0.1, (n, 1)) + rng.normal(0, noise, (n, len(steps)))
    )


def test_rank_sets_follow_from_the_intervals_of_all_pairs():
    """A rank too narrow by one is a place in a league that nobody has earned."""
    x = _scores(25, (0.0, 0.03, 0.05, 0.2), noise=0.08)
    signs = flip_signs(25, 999, RNG(0))
    pairs = list(combinations(range(4), 2))
    joint = simultaneous_intervals(np.column_stack([x[:, i] - x[:, j] for i, j in pairs]), signs)
    ahead = np.zeros((4, 4), dtype=bool)
    for (i, j), low, high in zip(pairs, joint.low, joint.high, strict=True):
        ahead[i, j], ahead[j, i] = low > 0, high < 0

    low, high = rank_sets(x, signs)

    assert list(low) == [1 + int(ahead[:, i].sum()) for i in range(4)]
    assert list(high) == [4 - int(ahead[i].sum()) for i in range(4)]
    assert (low[3], high[3]) == (1, 1)


def test_the_table_of_ranks_shows_sets_and_excludes_only_who_is_behind():
    """A table that prints 1, 2, 3, 4 claims six things that the tasks do not show."""
    table = fe.ranks(_table(_scores())).set_index("recipe")

    assert list(table.index)[:2] == ["r3", "r2"]
    assert tuple(table.loc["r3", ["rank_low", "rank_high"]]) == (1, 1)
    assert tuple(table.loc["r0", ["rank_low", "rank_high"]]) == (3, 4)
    assert list(table["maybe_best"]) == [True, False, False, False]
    assert table["p_best"].sum() == pytest.approx(1)
    assert "new tasks" in table.loc["r0", "estimand"]


def test_equal_recipes_share_the_chance_of_being_best_and_all_may_be():
    """Ties counted for the first in the alphabet would make names matter."""
    x = np.repeat(RNG(1).random((20, 1)), 3, axis=1)

    table = fe.ranks(_table(x))

    assert table["maybe_best"].all()
    assert list(table["p_best"]) == pytest.approx([1 / 3] * 3)
    assert list(table["rank_low"]) == [1, 1, 1]
    assert list(table["rank_high"]) == [3, 3, 3]


def test_a_constant_lead_decides_with_many_tasks_and_not_with_few():
    """No spread was seen; on five tasks that is luck."""
    x = np.repeat(RNG(2).random((20, 1)) * 0.5, 2, axis=1) + np.array([0.0, 0.1])

    assert list(rank_sets(x, flip_signs(20, 99, RNG(0)))[0]) == [2, 1]
    assert list(rank_sets(x[:5], flip_signs(5, 99, RNG(0)))[0]) == [1, 1]


def test_the_probability_of_being_best_is_drawn_together_and_names_who_may_be():
    """Of twelve equal recipes the luckiest was called the best with .6, and of two tasks with 1."""
    rng = np.random.default_rng(3)
    level = rng.normal(0.5, 0.1, 30)
    rows = [
        {"task": f"t{k}", "recipe": f"r{j}", "score": float(np.clip(level[k] + e, 0, 1))}
        for j in range(12)
        for k, e in enumerate(rng.normal(0, 0.08, 30))
    ]
    table = pd.DataFrame(rows)

    shares = p_best(points(tidied(table)))

    assert shares.sum() == pytest.approx(1)
    assert shares.max() < 0.35
    few = table[table["task"].isin([f"t{k}" for k in range(7)])]
    assert np.isnan(p_best(points(tidied(few)))).all()


def test_p_without_adjustment_is_the_sign_flip_p_of_each_pair():
    """The two p columns must come from one reading of the same flips."""
    d = RNG(3).normal(0.1, 0.3, (10, 4))

    alone, adjusted = max_t_p(d, flip_signs(10, 9_999, RNG(0)))

    each = [sign_flip_p(column, rng=RNG(0)) for column in d.T]
    assert alone == pytest.approx(each, abs=1e-12)
    assert (adjusted >= alone - 1e-12).all()


def test_random_flips_of_many_tasks_agree_between_single_and_double_precision():
    """Random flips are counted in single precision; constant leads must not fall off its end."""
    d = np.column_stack([RNG(4).normal(0.05, 0.2, 60), np.full(60, 0.1), RNG(5).normal(0, 1, 60)])

    alone, _ = max_t_p(d, flip_signs(60, 4_999, RNG(0)))

    assert alone[1] == pytest.approx(1 / 5_000)
    signs = flip_signs(60, 4_999, RNG(0)).astype(float)
    slow = [(np.abs(signs @ c) >= abs(c.sum()) - 1e-9).mean() for c in d.T]
    assert alone == pytest.approx(slow, abs=4 / 5_000)


def test_the_best_is_worth_less_than_it_looks_when_all_are_equal():
    """The winner's curse: 8 equal recipes, and the table reports a winner."""
    row = fe.best(_table(_scores(30, (0.3,) * 8, noise=0.1))).iloc[0]

    assert row["optimism"] > 0.005
    assert row["low"] < row["corrected"] < row["high"]
    assert len(row["maybe_best"].split(", ")) > 4


def test_the_best_of_very_different_recipes_loses_nothing():
    """Without doubt about who wins there is no luck to take off."""
    row = fe.best(_table(_scores())).iloc[0]

    assert (row["recipe"], row["maybe_best"]) == ("r3", "r3")
    assert row["optimism"] == pytest.approx(0, abs=1e-9)


def test_too_little_to_rank_or_choose_from_is_refused():
    """One recipe is the best of one."""
    x = _scores(3, (0.1, 0.2))
    with pytest.raises(TooFewTasksError, match="four are needed"):
        fe.best(_table(x))
    with pytest.raises(StatisticsError):
        fe.ranks(_table(x[:, :1]))


@pytest.mark.simulation
def test_the_corrected_best_of_equal_recipes_has_no_bias_and_the_plain_one_has():
    """Selection makes the plain winner look better than every one of them is."""
    rng, count = RNG(6), min(400, worlds())
    plain, corrected = [], []
    for _ in range(count):
        x = rng.normal(0, 1, (30, 1)) + rng.normal(0, 0.6, (30, 8))
        plain.append(x.mean(axis=0).max())
        corrected.append(cross_fitted(x, rng, splits=20))

    error = np.std(corrected) / np.sqrt(count)
    assert abs(np.mean(corrected)) < 3 * error
    assert np.mean(plain) > 3 * error + 0.05


@pytest.mark.simulation
def test_all_true_ranks_lie_in_their_sets_as_often_as_promised():
    """Also where recipes are close: the promise is for the whole table."""
    rng, count = RNG(7), min(1_000, worlds())
    hits = 0
    for _ in range(count):
        x = rng.normal(0, 1, (20, 1)) + rng.normal(0, 0.5, (20, 5)) - 0.02 * np.arange(5)
        low, high = rank_sets(x, flip_signs(20, 399, rng))
        hits += bool(((low <= np.arange(1, 6)) & (np.arange(1, 6) <= high)).all())

    assert hits / count >= 0.95 - noise(0.95, count)
