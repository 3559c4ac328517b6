"""`fe.scores`, and what every statistic does with tables that are plain, odd or nearly empty."""

import numpy as np
import pandas as pd
import pytest
from made_runs import trial, trials_of

import fusion_eval as fe
from fusion_eval.errors import MissingScoresError, StatisticsError
from fusion_eval.stats.estimates import mean_score
from fusion_eval.stats.verdicts import scores_of

RNG = np.random.default_rng


def _plain(scores, **more):
    """recipe -> scores by task, as a table that no harness of ours made."""
    rows = [
        {"task": f"t{k}", "recipe": recipe, "score": score}
        for recipe, values in scores.items()
        for k, score in enumerate(values)
        if score is not None
    ]
    return pd.DataFrame(rows).assign(**more)


def test_a_plain_table_gives_the_same_as_a_run_with_the_same_scores(tmp_path):
    """Who brings a table from another harness must not need ours."""
    values = {r: list(RNG(s).uniform(0.2, 0.9, 20)) for s, r in enumerate("ab")}
    ours = trials_of(tmp_path, [
        trial(f"t{k}", r, x) for r, scores in values.items() for k, x in enumerate(scores)
    ])  # fmt: skip
    plain = _plain(values)

    for statistic in (fe.scores, fe.compare, fe.ranks, fe.failures):
        a, b = statistic(plain), statistic(ours)
        numbers = [c for c in a.columns if a[c].dtype.kind == "f"]
        # resamples depend on the order of the tasks' keys, and so p_best does, a little
        assert np.allclose(a[numbers], b[numbers], atol=0.03 * ("p_best" in a), equal_nan=True)
    assert list(plain.columns) == ["task", "recipe", "score"]


def test_the_interval_of_each_recipe_is_that_of_its_scores_per_task():
    """The table must not say something else than the function that was proven."""
    table = fe.scores(_plain({"a": RNG(1).uniform(0.3, 1, 25), "b": [1.0] * 25}))

    expected = mean_score(RNG(1).uniform(0.3, 1, 25))
    a, b = table.to_dict("records")
    assert (a["low"], a["high"]) == pytest.approx((expected.low, expected.high))
    assert a["method"] == "logit-t; 95% interval"
    assert b["method"].startswith("Wilson")
    assert b["low"] < 1


def test_strata_take_the_differences_between_domains_out():
    """Half of the spread here is between two fixed domains."""
    values = np.r_[0.2 + 0.1 * RNG(2).random(20), 0.8 + 0.1 * RNG(3).random(20)]
    table = _plain({"a": values}).assign(domain=["x"] * 20 + ["y"] * 20)

    whole, within = fe.scores(table).iloc[0], fe.scores(table, strata="domain").iloc[0]

    assert within["se"] < 0.2 * whole["se"]
    assert within["score"] == pytest.approx(whole["score"])
    assert "2 strata" in within["method"]
    with pytest.raises(StatisticsError, match="strata"):
        fe.scores(table, strata="subject")


def test_a_score_that_is_missing_without_a_word_is_refused_with_the_way_out():
    """NaN dropped in silence is how published means came to hide their gaps."""
    table = _plain({"a": [0.5, float("nan"), 0.4], "b": [0.1, 0.2, 0.3]})

    for statistic in (fe.scores, fe.compare, fe.ranks, fe.best, fe.failures, fe.variance):
        with pytest.raises(MissingScoresError, match="`failure`"):
            statistic(table)
    said = table.assign(failure=[None, "timeout", None, None, None, None])
    assert fe.compare(said, "b").loc[0, "n"] == 3
    assert fe.scores(said).loc[0, "score"] == pytest.approx(0.3)


def test_points_and_other_column_names_are_refused_with_what_to_do():
    """The first call of a newcomer; a KeyError would be the last."""
    with pytest.raises(StatisticsError, match="divide points of 100 by 100"):
        fe.scores(_plain({"a": [71.5, 60.0]}))
    with pytest.raises(StatisticsError, match="rename 'system' to 'recipe'"):
        fe.compare(_plain({"a": [0.5]}).rename(columns={"recipe": "system"}))
    with pytest.raises(StatisticsError, match="it has: recipe, score"):
        fe.compare(_plain({"a": [0.5]}).drop(columns="task"))
    with pytest.raises(StatisticsError, match="level"):
        fe.scores(_plain({"a": [0.5]}), level=95)
    with pytest.raises(StatisticsError, match="must be 0 to 1"):
        fe.scores(_plain({"a": [0.5, float("inf")]}))


@pytest.mark.parametrize(
    "values",
    [
        {"a": [0.4], "b": [0.6]},
        {"a": [0.4, 0.5], "b": [0.6, 0.1]},
        {"a": [0.5] * 20, "b": [0.5] * 20},
        {"a": [0.0] * 20, "b": [0.0] * 20},
        {"a": [1.0] * 20, "b": [0.0] * 20},
        {"a": [0.4] * 3, "b": [0.6] * 3, "c": [0.6, None, None]},
    ],
    ids=["one task", "two tasks", "all equal", "all 0", "1 against 0", "one in common"],
)
def test_degenerate_tables_are_answered_and_claim_nothing_that_they_cannot(values):
    """The first try of everybody is a table like these."""
    table = _plain(values)

    compared, scored, ranked = fe.compare(table), fe.scores(table), fe.ranks(table)
    read = fe.failures(table)

    tiny = compared["n"] < 6
    assert (compared.loc[tiny, "conclusion"] == "undecided").all()
    assert compared.loc[tiny, "caveat"].str.contains("descriptive").all()
    assert ((scored["low"] <= scored["score"]) & (scored["score"] <= scored["high"])).all()
    assert ((scored["high"] - scored["low"]) > 0.01).all()
    assert (ranked["rank_low"] <= ranked["rank_high"]).all()
    if len(set(values["a"])) == 1 and values["a"] == values["b"]:
        assert (compared["p"] == 1).all()
        assert (compared["conclusion"] == "undecided").all()
    assert read["value"].between(0, 1).all()


def test_recipes_without_a_common_task_are_refused_and_with_some_compared_on_those():
    """A difference of means over different tasks is a difference of tasks."""
    apart = pd.DataFrame({"task": ["x", "y"], "recipe": ["a", "b"], "score": [0.5, 0.6]})
    with pytest.raises(StatisticsError, match="no task in common: b and a; leave one of them out"):
        fe.compare(apart)
    some = _plain({"a": [0.5] * 4 + [None] * 3, "b": [None] * 2 + [0.4] * 5})

    row = fe.compare(some).iloc[0]

    assert row["n"] == 2
    assert "a misses 3 tasks" in row["caveat"]
    assert "b misses 2 tasks" in row["caveat"]


def test_a_table_without_rows_is_refused_in_words():
    """An empty frame comes out of a filter with a typing error in it."""
    empty = _plain({"a": [0.5]}).iloc[:0]
    with pytest.raises(StatisticsError, match="no recipe"):
        fe.compare(empty)
    assert len(fe.scores(empty)) == 0
    assert len(fe.failures(empty)) == 0


def test_weights_of_a_million_change_nothing_but_the_scale():
    """A rubric may give its killer criterion any weight; sums must not overflow or round."""

    def scored(scale):
        rows = [
            {"task": f"t{t}", "task_hash": f"h{t}", "recipe": "a", "repeat": k, "criterion": c,
             "weight": w * scale, "grader": "g", "grader_pass": 0, "value": float(v)}
            for t in range(5) for k in range(2)
            for c, w, v in (("x", 3, (t + k) % 2), ("y", 2, t % 3 > 0), ("z", -4, t == 4))
        ]  # fmt: skip
        return fe.variance(pd.DataFrame(rows))

    small, large = scored(1.0), scored(1e6)

    assert list(small["variance"]) == pytest.approx(list(large["variance"]), rel=1e-9)
    assert (small["variance"] > 0).any()


def test_costs_that_are_unknown_leave_scores_alone_and_dollars_open():
    """A ledger without prices must still compare."""
    rng = RNG(4)
    table = pd.concat([
        _plain({"a": rng.uniform(0.2, 0.9, 12), "b": rng.uniform(0.2, 0.9, 12)}).assign(repeat=k)
        for k in range(2)
    ]).assign(cost_usd=np.nan)  # fmt: skip

    ways = fe.precision(table)

    assert fe.compare(table).loc[0, "n"] == 12
    assert ways["usd_now"].isna().all()
    assert not ways["best"].any()
    assert ways["caveat"].str.contains("unknown").all()


def test_simulated_tables_say_so_in_every_row(tmp_path):
    """Rows are copied without their page."""
    rows = [trial(f"t{k}", r, 0.3 + k / 50) for k in range(20) for r in "ab"]
    trials = trials_of(tmp_path, rows, simulated=True)

    for table in (fe.scores(trials), fe.ranks(trials), fe.best(trials), fe.failures(trials),
                  fe.variance(trials)):  # fmt: skip
        assert table["caveat"].str.contains("SIMULATED").all()
        assert table.attrs["simulated"] is True


def test_scores_out_of_verdicts_are_those_of_the_rubric_by_hand():
    """A million rows are summed by codes; one code wrong and scores change places."""
    rng, rows = RNG(9), []
    for recipe in ("b", "a"):
        for t in range(7):
            for k in range(2):
                for g in range(2):
                    rows += [
                        {"task": f"t{t}", "recipe": recipe, "repeat": k, "criterion": f"c{c}",
                         "weight": w, "grader": f"g{g}", "grader_pass": 0,
                         "value": rng.choice([0.0, 1.0, 0.5, np.nan])}
                        for c, w in enumerate((5.0, 10.0, -8.0))
                    ]  # fmt: skip
    verdicts = pd.DataFrame(rows).sample(frac=1, random_state=1)

    found = scores_of(verdicts).set_index(["recipe", "task", "repeat"])["score"]

    expected = {}
    for where, one in verdicts.groupby(["recipe", "task", "repeat", "grader"]):
        read = one[one["value"].notna()]
        top, base = (read["weight"] * read["value"]).sum(), read["weight"].clip(lower=0).sum()
        if base:
            expected.setdefault(where[:3], []).append(min(1.0, max(0.0, top / base)))
    assert dict(found) == pytest.approx({k: np.mean(v) for k, v in expected.items()})
    assert fe.scores(scores_of(verdicts))["n"].max() == 7
    with pytest.raises(StatisticsError, match="'weight'"):
        scores_of(verdicts.drop(columns="weight"))
