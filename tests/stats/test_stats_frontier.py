"""Score against cost: the frontier, how sure it is, and what to take at which price of a point."""

import moocore
import numpy as np
import pandas as pd
import pytest
from made_runs import NINE, made_run, trial, trials_of
from made_worlds import GOLDEN, noise, worlds

import fusion_eval as fe
from fusion_eval import frames, stats
from fusion_eval.errors import StatisticsError
from fusion_eval.stats.bootstrap import task_weights
from fusion_eval.stats.dominance import dominators, hull, membership, on_frontier
from fusion_eval.stats.points import Points
from fusion_eval.stats.shrinkage import credible, shrunk


def test_frontier_and_hull_of_the_golden_case_are_those_found_by_hand():
    """A point wrongly left out is a recipe that nobody will try again."""
    golden = GOLDEN["frontier"]

    assert list(np.flatnonzero(on_frontier(golden["score"], golden["cost"]))) == golden["on"]
    assert hull(golden["score"], golden["cost"]) == golden["hull"]


def test_the_frontier_of_random_points_is_that_of_moocore():
    """Ties in one coordinate are where a rule of one's own goes wrong."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        score, cost = rng.integers(0, 8, 12) / 8, rng.integers(1, 8, 12) / 8

        theirs = moocore.is_nondominated(np.column_stack([cost, -score]), keep_weakly=True)

        assert list(on_frontier(score, cost)) == list(theirs)


def test_equal_points_do_not_throw_each_other_off_the_frontier():
    """Two names for one recipe would otherwise both vanish."""
    assert list(on_frontier([0.5, 0.5, 0.5], [1.0, 1.0, 2.0])) == [True, True, False]


def _priced(tmp_path, recipes, n=30):
    """recipe -> (shift, noise, cost): scores share a difficulty that is far larger than both."""
    rng = np.random.default_rng(0)
    difficulty = rng.uniform(0.1, 0.7, n)
    rows = [
        trial(f"t{k}", name, float(difficulty[k] + shift + spread * rng.normal()), cost_usd=cost)
        for name, (shift, spread, cost) in recipes.items()
        for k in range(n)
    ]
    return trials_of(tmp_path, rows)


def test_resamples_are_joint_so_a_constant_lead_is_certain_whatever_the_tasks(tmp_path):
    """Resampled apart, the spread of tasks would drown a lead that holds on every task."""
    trials = _priced(tmp_path, {"lead": (0.01, 0, 0.02), "behind": (0.0, 0, 0.03)})

    table = stats.pareto(trials).set_index("recipe")

    assert 1 - 1e-6 < table.loc["lead", "p_on_frontier"] < 1.0
    assert table.loc["behind", "p_on_frontier"] == 0.0
    assert table.loc["behind", "status"] == "dominated"
    assert table.loc["behind", "dominated_by"] == "lead"


def test_score_and_cost_are_resampled_together(tmp_path):
    """Where b scores more exactly when it costs more, neither often beats the other on both."""
    gain = np.random.default_rng(1).normal(0, 0.1, 30)
    other = np.random.default_rng(2).permutation(gain)

    def shares(name, dearer):
        rows = []
        for k in range(30):
            rows.append(trial(f"t{k}", "a", 0.5, cost_usd=0.05))
            rows.append(trial(f"t{k}", "b", 0.5 + gain[k], cost_usd=0.05 + 0.1 * dearer[k]))
        return stats.pareto(trials_of(tmp_path / name, rows))["p_on_frontier"]

    assert (shares("together", gain) > shares("apart", other) + 0.1).all()


def test_a_lead_within_the_noise_leaves_the_status_undecided(tmp_path):
    """ "Dominated" makes people drop a recipe; it needs evidence on score and on cost."""
    trials = _priced(tmp_path, {"a": (0.002, 0.05, 0.02), "b": (0.0, 0.05, 0.03)})

    table = stats.pareto(trials).set_index("recipe")

    assert table.loc["b", "status"] == "undecided"
    assert 0.05 < table.loc["b", "p_on_frontier"] < 0.95


def test_at_equal_dollars_tasks_of_one_cluster_count_as_one(tmp_path):
    """Thirty tasks out of ten documents are not thirty; whoever is not told believes a third."""
    trials = _priced(
        tmp_path, {"cheap": (0.0, 0.05, 0.01), "dear": (0.1, 0.05, 0.05), "mid": (0.1, 0.05, 0.03)}
    )
    grouped = trials.assign(cluster=trials["task"].str[1:].astype(int).floordiv(3).astype(str))
    shared = trials.groupby([grouped["cluster"], "recipe"])["score"].transform("mean")
    alike = grouped.assign(score=shared)

    wide, narrow = (
        fe.matched(table, ["mid"], ["cheap", "dear"]).loc[0]
        for table in (alike, alike.drop(columns="cluster"))
    )
    assert wide["difference"] == pytest.approx(narrow["difference"], abs=0.02)
    assert wide["high"] - wide["low"] > 1.5 * (narrow["high"] - narrow["low"])


def test_tasks_of_one_cluster_are_drawn_together(tmp_path):
    """Forty tasks out of eight documents gave the certainty of forty, and the wrong recipe."""
    rng = np.random.default_rng(4)
    shift = np.repeat(rng.normal(0.02, 0.1, 8), 5)
    rows = []
    for k in range(40):
        rows.append(trial(f"t{k}", "a", 0.5, cost_usd=0.01))
        rows.append(trial(f"t{k}", "b", 0.5 + float(shift[k]), cost_usd=0.0101))
    alone = trials_of(tmp_path, rows)
    grouped = alone.assign(cluster=alone["task"].str[1:].astype(int).floordiv(5).astype(str))

    wide, narrow = (stats.pareto(t).set_index("recipe").loc["b"] for t in (grouped, alone))

    assert wide["score_high"] - wide["score_low"] > 1.5 * (
        narrow["score_high"] - narrow["score_low"]
    )
    sure = [stats.decisions(t)["probability"].max() for t in (grouped, alone)]
    assert sure[0] < sure[1] - 0.05
    seven = alone.assign(cluster=alone["task"].str[1:].astype(int).mod(7).astype(str))
    assert stats.decisions(seven).empty
    assert "7 clusters" in stats.decisions(seven).attrs["lacking"]


def test_a_recipe_of_unknown_cost_neither_dominates_nor_counts_as_free(tmp_path):
    """An unknown bill read as 0 would put that recipe on every frontier."""
    trials = _priced(
        tmp_path, {"known": (0.0, 0, 0.02), "unknown": (0.1, 0, None), "dear": (-0.05, 0, 0.05)}
    )

    table = stats.pareto(trials).set_index("recipe")

    assert table.loc["known", "on_frontier"] is True
    assert table.loc["unknown", "on_frontier"] is None
    assert np.isnan(table.loc["unknown", "cost_usd"])
    assert table.loc["dear", "dominated_by"] == "known"


def test_a_partly_unknown_cost_is_a_lower_bound_that_can_lose_but_not_win(tmp_path):
    """What is dominated at its cheapest is dominated; what leads there may not lead."""
    trials = _priced(
        tmp_path, {"bound": (-0.05, 0, 0.01), "loser": (-0.1, 0, 0.05), "known": (0.0, 0, 0.02)}
    )
    trials.loc[trials["recipe"].isin(["bound", "loser"]) & (trials["task"] == "t0"), "cost_usd"] = (
        np.nan
    )
    trials.loc[(trials["recipe"] == "bound") & (trials["task"] == "t1"), "cost_usd"] = 0.21

    table = stats.pareto(trials).set_index("recipe")

    assert table.loc["bound", "on_frontier"] is None
    assert table.loc["loser", "on_frontier"] is False
    assert table.loc["loser", "dominated_by"] == "known"
    assert np.isnan(table.loc["bound", "cost_high"])
    assert table.loc["known", "on_frontier"] is True


def test_failed_answers_lower_the_score_and_keep_their_cost(tmp_path):
    """A recipe that times out half the time is neither good nor free."""
    rows = [trial(f"t{k}", "a", 0.8, cost_usd=0.02) for k in range(10)]
    rows += [trial(f"t{k}", "a", None, failure="timeout", cost_usd=0.04) for k in range(10, 20)]

    row = stats.pareto(trials_of(tmp_path, rows)).iloc[0]

    assert row["score"] == pytest.approx(0.4)
    assert row["cost_usd"] == pytest.approx(0.03)
    assert (row["failed"], row["n"]) == (10, 20)


def test_the_choice_changes_where_a_point_is_worth_the_slope_between_two_recipes(tmp_path):
    """These thresholds are the report's first sentence."""
    trials = _priced(
        tmp_path,
        {"cheap": (0.0, 0, 0.01), "below": (0.05, 0, 0.06), "middle": (0.1, 0, 0.05),
         "best": (0.2, 0, 0.25)},
    )  # fmt: skip

    table = stats.decisions(trials)

    assert list(table["recipe"]) == ["cheap", "middle", "best"]
    assert list(table["to_usd"]) == pytest.approx([0.04 / 10, 0.20 / 10, np.inf])
    assert list(table["probability"]) == pytest.approx([1.0, 1.0, 1.0], abs=0.02)
    assert (table["probability"] < 1).all()


def test_net_benefit_is_value_times_points_minus_cost(tmp_path):
    """The user's own price of a point decides; a free useless recipe must be able to lose."""
    trials = _priced(tmp_path, {"free": (0.0, 0, 0.0), "good": (0.1, 0, 0.05)})
    means = frames.per_task(trials).mean()

    table = stats.acceptability(trials, [0.001, 0.01]).set_index(["value", "recipe"])

    assert table.loc[(0.01, "good"), "net_benefit"] == pytest.approx(means["good"] - 0.05)
    assert table.loc[(0.001, "free"), "probability"] > 1 - 1e-6
    assert table.loc[(0.01, "good"), "probability"] > 1 - 1e-6
    with pytest.raises(StatisticsError):
        stats.acceptability(trials, [-1.0])


def test_recipes_of_unknown_cost_are_left_out_of_the_choice_by_name(tmp_path):
    """A choice that silently ignored the best recipe would mislead."""
    trials = _priced(tmp_path, {"a": (0.0, 0, 0.01), "b": (0.3, 0, None)})

    table = stats.decisions(trials)

    assert list(table["recipe"]) == ["a"]
    assert table.attrs["left_out"] == ["b"]


def test_a_recipe_that_never_answered_beats_nobody(tmp_path):
    """Its failures cost nothing, so a free answer seemed to lie to the left of everyone."""
    trials = _priced(tmp_path, {"a": (0.0, 0, 0.01), "b": (0.3, 0, 0.02), "dead": (0, 0, 0.0)})
    trials.loc[trials["recipe"] == "dead", ["score", "failure"]] = [np.nan, "auth"]
    trials.loc[trials["recipe"] == "a", "score"] = 0.0

    table = stats.pareto(trials).set_index("recipe")

    assert table.loc["dead", "status"] == "never answered"
    assert table.loc["dead", "on_frontier"] is None
    assert table.loc["a", "on_frontier"] is True
    assert table.loc["a", "p_on_frontier"] > 1 - 1e-6
    assert list(stats.decisions(trials)["recipe"]) == ["a", "b"]
    assert stats.decisions(trials).attrs["never_answered"] == ["dead"]
    assert set(stats.acceptability(trials, [0.01])["recipe"]) == {"a", "b"}


@pytest.mark.parametrize(("n", "sure"), [(1, False), (5, False), (7, False), (8, True)])
def test_from_less_than_eight_tasks_nothing_is_recommended(tmp_path, n, sure):
    """A first try with --limit 1 said: take debate (100 %), on the frontier (100 %)."""
    trials = _priced(tmp_path, {"a": (0.0, 0, 0.01), "b": (0.2, 0, 0.02)}, n=n)

    table, choice = stats.pareto(trials), stats.decisions(trials)

    assert list(table["status"]) == ["on" if sure else "undecided"] * 2
    assert table["p_on_frontier"].notna().all() == sure
    assert list(choice["recipe"]) == (["a", "b"] if sure else [])
    assert (f"{8 - n} more" in choice.attrs["lacking"]) == (not sure)
    curve = stats.acceptability(trials, [0.01])
    assert curve["probability"].notna().all() == curve["chosen"].any() == sure


def test_the_same_seed_gives_the_same_table_and_rows_in_any_order_too(tmp_path):
    """Answers arrive in any order; a report must not depend on it."""
    trials = frames.trials(made_run(tmp_path / "run", NINE, n=12))
    shuffled = trials.sample(frac=1, random_state=3)
    shuffled.attrs = trials.attrs

    first = stats.pareto(trials).set_index("recipe").sort_index()
    second = stats.pareto(shuffled).set_index("recipe").sort_index()

    columns = ["score_low", "score_high", "p_on_frontier"]
    assert first[columns].equals(stats.pareto(trials).set_index("recipe").sort_index()[columns])
    assert np.allclose(first[columns], second[columns])


@pytest.mark.simulation
@pytest.mark.parametrize("n", [10, 30])
def test_a_recipe_that_is_on_the_frontier_is_seldom_called_dominated(n):
    """Four recipes tie in score and cost, so that any "dominated" is false."""
    rng, count, false = np.random.default_rng(6), worlds(), 0
    for _ in range(count):
        score = rng.normal(0, 1, (n, 1)) + rng.normal(0, 0.5, (n, 4))
        data = Points(list("abcd"), score, rng.lognormal(0, 0.8, (n, 4)), np.ones(4, bool))
        false += any(dominators(data, 0.05))

    assert false / count <= 0.05


@pytest.mark.simulation
def test_the_frontier_of_the_means_alone_is_often_wrong():
    """The reason for `p_on_frontier`: of three tied recipes the means drop one nearly always."""
    rng, count, kept = np.random.default_rng(7), worlds(), 0
    for _ in range(count):
        score = (rng.normal(0, 1, (30, 1)) + rng.normal(0, 0.5, (30, 3))).mean(axis=0)
        kept += bool(on_frontier(score, rng.lognormal(0, 0.8, (30, 3)).mean(axis=0)).all())

    assert kept / count < 0.4 + noise(0.4, count)


def _memberships(n, spread, count, rng):
    """(said with shrinkage, said without, true) of five recipes `spread` standard errors apart."""
    shrunk_, plain, true = [], [], []
    for _ in range(count):
        score = rng.normal(0, 0.1 * spread / np.sqrt(n), 5)
        log_cost = rng.normal(0, 0.8 * spread / np.sqrt(n), 5)
        hard = rng.normal(size=(n, 1))
        x = score + 0.13 * hard + 0.1 * rng.normal(size=(n, 5))
        c = np.exp(log_cost + 0.3 * hard + 0.74 * rng.normal(size=(n, 5)))
        weights = task_weights(n, 400, rng)
        shrunk_.append(membership(credible(x, c, None, 400, rng), np.ones(5, bool)))
        plain.append(on_frontier(weights @ x / n, weights @ c / n).mean(axis=0))
        true.append(on_frontier(score, np.exp(log_cost)))
    return np.concatenate(shrunk_), np.concatenate(plain), np.concatenate(true)


@pytest.mark.simulation
@pytest.mark.parametrize("n", [10, 30, 100])
def test_recipes_are_on_the_frontier_about_as_often_as_they_are_said_to_be(n):
    """Five recipes that differ by about three standard errors, in 2,000 memberships and more."""
    p, _, hit = _memberships(n, 3.0, max(400, worlds() // 4), np.random.default_rng(8))

    for low, high in ((0.0, 0.1), (0.1, 0.4), (0.4, 0.7), (0.7, 0.95), (0.95, 1.01)):
        some = (p >= low) & (p < high)
        within = 0.06 + noise(0.25, int(some.sum()))
        assert abs(p[some].mean() - hit[some].mean()) <= within, (low, high)


@pytest.mark.simulation
def test_recipes_that_are_nearly_alike_are_not_called_sure_of_their_place():
    """The recipe that looks best of five alike is lucky; resampling alone believes its luck."""
    p, plain, hit = _memberships(30, 1.0, max(500, worlds() // 4), np.random.default_rng(9))

    assert ((p - hit) ** 2).mean() < ((plain - hit) ** 2).mean() + 0.003
    gaps = [said[said > 0.7].mean() - hit[said > 0.7].mean() for said in (p, plain)]
    assert gaps[0] < gaps[1] - 0.02
    assert gaps[0] < 0.05 + noise(0.25, int((p > 0.7).sum()))


def test_the_spread_between_eight_schools_is_that_of_the_textbook():
    """The posterior mean of the true spread decides how far recipes are drawn together.

    With equal standard errors its density has a closed form, integrated here another way.
    """
    effects = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
    se, rng = 12.5, np.random.default_rng(0)
    drawn = effects + rng.normal(0, se, (40_000, 8))

    found = shrunk(effects, drawn)

    tau = np.linspace(0, 4_000, 2_000_001)
    v, spread = tau**2 + se**2, ((effects - effects.mean()) ** 2).sum()
    density = np.exp(-3.5 * np.log(v / se**2) - spread / (2 * v))
    kept = (density * tau**2 / v).sum() / density.sum()
    centre = effects.mean()
    np.testing.assert_allclose(found.mean(axis=0) - centre, kept * (effects - centre), atol=0.35)
    assert found[:, 0].std() < 0.8 * drawn[:, 0].std()


def test_two_recipes_or_differences_without_noise_stay_as_they_are():
    """From one difference nobody can tell how far recipes differ; what is sure stays sure."""
    two = np.random.default_rng(1).normal(size=(50, 2))
    sure = np.tile([0.1, 0.5, 0.9], (50, 1)) + np.linspace(0, 1, 50)[:, None]

    assert shrunk(two.mean(axis=0), two) is two
    assert shrunk(np.array([0.1, 0.5, 0.9]), sure) is sure


def test_the_frontier_in_seconds_follows_the_same_rule(tmp_path):
    """By seconds, a recipe that is slower and worse is dominated, whatever it costs."""
    trials = _priced(tmp_path, {"quick": (0.1, 0.01, 0.05), "slow": (0.0, 0.01, 0.01)})
    trials["latency_s"] = trials["recipe"].map({"quick": 2.0, "slow": 9.0})

    table = stats.pareto(trials, by="latency_s").set_index("recipe")

    assert table.loc["slow", "dominated_by"] == "quick"
    assert table.loc["slow", "seconds"] == 9.0
    assert stats.pareto(trials).set_index("recipe").loc["slow", "on_frontier"] is True
    assert list(stats.decisions(trials, by="latency_s")["recipe"]) == ["quick"]


def test_seconds_of_a_simulator_and_of_a_clock_share_no_column():
    """A product that was timed beside simulated members looks a hundred times slower than them."""
    table = pd.DataFrame(
        [
            {"task": f"t{k}", "recipe": name, "score": k / 20, "cost_usd": 0.01, "latency_s": 2.0,
             "latency_source": "measured" if name == "product" else "simulated"}
            for name in ("product", "panel", "solo") for k in range(12)
        ]
    )  # fmt: skip
    found = fe.pareto(table).set_index("recipe")

    assert np.isnan(found.loc["product", "latency_s"])
    assert "measured" in found.loc["product", "caveat"]
    assert (found.loc[["panel", "solo"], "latency_s"] == 2.0).all()
