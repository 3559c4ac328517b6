"""The table of comparisons: what it concludes, and what it must say besides."""

import numpy as np
import pandas as pd
import pytest
from made_runs import made_run, trial, trials_of
from made_worlds import noise, worlds

import fusion_eval as fe
from fusion_eval import frames, stats
from fusion_eval.core.readable import percent
from fusion_eval.errors import StatisticsError
from fusion_eval.stats.compare import COLUMNS


def _scored(tmp_path, scores, **manifest):
    """recipe -> list of scores, one per task; None: no row for this task."""
    rows = [
        trial(f"t{k}", recipe, score)
        for recipe, values in scores.items()
        for k, score in enumerate(values)
        if score is not None
    ]
    return trials_of(tmp_path, rows, **manifest)


def _noisy(n, shift=0.0, spread=0.05, seed=0):
    rng = np.random.default_rng(seed)
    return list(np.clip(0.5 + shift + rng.normal(0, spread, n), 0, 1))


def test_each_conclusion_is_drawn_when_its_evidence_is_there(tmp_path):
    """A conclusion in the wrong direction or without evidence is the worst we can do."""
    trials = _scored(tmp_path, {
        "base": _noisy(40), "up": _noisy(40, 0.2, seed=1), "down": _noisy(40, -0.2, seed=2),
        "same": _noisy(40, 0.004, seed=3),
    })  # fmt: skip

    plain = stats.compare(trials, "base").set_index("a")["conclusion"]
    within = stats.compare(trials, "base", margin=5).set_index("a")["conclusion"]

    assert dict(plain) == {"up": "better", "down": "worse", "same": "undecided"}
    assert dict(within) == {"up": "better", "down": "worse", "same": "equivalent"}


def test_the_margin_is_in_points_of_100(tmp_path):
    """A margin of 2 read as 200 % would call everything equivalent."""
    trials = _scored(tmp_path, {"a": _noisy(40, 0.03, seed=1), "b": _noisy(40)})

    assert stats.compare(trials, "b", margin=2).loc[0, "conclusion"] != "equivalent"
    assert stats.compare(trials, "b", margin=8).loc[0, "conclusion"] == "equivalent"


def test_difference_is_a_minus_b_in_the_unit_of_scores(tmp_path):
    """With the sign turned, every reader would pick the worse recipe."""
    trials = _scored(tmp_path, {"a": [0.9, 0.8, 0.7], "b": [0.5, 0.6, 0.2]})

    row = stats.compare(trials).iloc[0]

    assert list(row.index) == list(COLUMNS)
    assert (row["a"], row["b"], row["n"]) == ("a", "b", 3)
    assert row["difference"] == pytest.approx((0.4 + 0.2 + 0.5) / 3)
    assert row["low"] < row["difference"] < row["high"]


def test_all_pairs_are_one_family_and_each_pair_stands_in_it_once(tmp_path):
    """Uncorrected pairs give a false "better" in half of all tables of eight equal recipes."""
    trials = frames.trials(made_run(tmp_path / "run", n=20))

    table = stats.compare(trials)

    assert len(table) == 9 * 8 // 2
    assert (table["p_adjusted"] >= table["p"]).all()
    middling = table[table["p"].between(0.01, 0.3)]
    assert len(middling) > 3
    assert (middling["p_adjusted"] > 2 * middling["p"]).all()
    assert "36 comparisons" in table.loc[0, "method"]
    assert len({frozenset(pair) for pair in zip(table["a"], table["b"], strict=True)}) == 36


def test_a_failed_answer_counts_0_as_deployed_and_the_caveat_says_so(tmp_path):
    """Dropping failures would make an unreliable recipe look good."""
    rows = [trial(f"t{k}", "b", 0.5) for k in range(20)]
    rows += [trial(f"t{k}", "a", 0.6) for k in range(15)]
    rows += [trial(f"t{k}", "a", None, failure="timeout") for k in range(15, 20)]
    trials = trials_of(tmp_path, rows)

    deployed, complete = stats.compare(trials), stats.compare(trials, missing="complete")

    assert abs(deployed.loc[0, "difference"]) == pytest.approx(0.05)
    assert "5 of 20 answers of a failed and are counted as 0" in deployed.loc[0, "caveat"]
    assert abs(complete.loc[0, "difference"]) == pytest.approx(0.1)
    assert complete.loc[0, "n"] == 15
    assert "left out" in complete.loc[0, "caveat"]
    assert deployed.loc[0, "estimand"] != complete.loc[0, "estimand"]


def test_an_answer_that_nobody_graded_is_missing_and_not_0(tmp_path):
    """A grader's outage says nothing about the answer."""
    rows = [trial(f"t{k}", recipe, 0.5) for k in range(20) for recipe in "ab"]
    rows[0]["score"] = None

    row = stats.compare(trials_of(tmp_path, rows)).iloc[0]

    assert row["n"] == 19
    assert row["difference"] == 0
    assert "a misses 1 task (t0)" in row["caveat"]


def test_missing_tasks_are_named_and_what_a_zero_would_change(tmp_path):
    """The published table of 20 systems hid that four of them miss tasks."""
    values = _noisy(20, 0.1, seed=1)
    trials = _scored(tmp_path, {"a": [None, None, *values[2:]], "b": _noisy(20)})

    row = stats.compare(trials, "b").iloc[0]

    assert row["n"] == 18
    assert "a misses 2 tasks (t0, t1)" in row["caveat"]
    assert "were a missing answer worth 0" in row["caveat"]


def test_a_task_that_one_recipe_misses_stays_in_the_pairs_that_have_it(tmp_path):
    """One broken recipe must not shrink the comparison of two others."""
    trials = _scored(tmp_path, {
        "a": _noisy(20, seed=1), "b": _noisy(20), "c": [None] * 10 + _noisy(10, seed=2)
    })  # fmt: skip

    table = stats.compare(trials)

    pairs = [frozenset(pair) for pair in zip(table["a"], table["b"], strict=True)]
    counts = dict(zip(pairs, table["n"], strict=True))
    assert counts[frozenset("ab")] == 20
    assert counts[frozenset("ac")] == counts[frozenset("bc")] == 10


def test_unread_verdicts_open_bounds_in_the_caveat(tmp_path):
    """A grader that skips the hard criteria would otherwise raise scores unseen."""
    rows = [trial(f"t{k}", "b", 0.5) for k in range(20)]
    rows += [
        trial(f"t{k}", "a", 0.6, score_min=0.4, score_max=0.8, coverage=0.75) for k in range(20)
    ]

    caveat = stats.compare(trials_of(tmp_path, rows), "b").loc[0, "caveat"]

    assert "not read: 25.0% of the verdicts on a" in caveat
    assert "-10.0 to +30.0 points" in caveat


def test_unread_verdicts_that_change_nothing_are_left_out_of_the_caveat(tmp_path):
    """Five lines of "+8.1 to +8.1 points" hide the one caveat that matters."""

    def caveats(gap, lead):
        rows = [trial(f"t{k}", "b", s) for k, s in enumerate(_noisy(40))]
        rows += [
            trial(f"t{k}", "a", s, score_min=s - gap, score_max=s + gap, coverage=0.9995)
            for k, s in enumerate(_noisy(40, lead, seed=1))
        ]
        trials = trials_of(tmp_path / f"{gap}-{lead}", rows)
        found = {m: stats.compare(trials, "b", missing=m) for m in ("as_deployed", "complete")}
        assert found["as_deployed"].equals(found["complete"].assign(
            estimand=found["as_deployed"]["estimand"]
        ))  # fmt: skip
        return found["as_deployed"].loc[0, ["conclusion", "caveat"]].tolist()

    assert caveats(0.004, 0.2) == ["better", ""]
    assert "not read: < 0.1% of the verdicts on a" in caveats(0.01, 0.2)[1]
    low = stats.compare(_scored(tmp_path / "edge", {
        "a": _noisy(40, 0.05, seed=1), "b": _noisy(40)
    }), "b").loc[0, "low"]  # fmt: skip
    conclusion, words = caveats(0.004, 0.05 - low + 0.002)
    assert conclusion == "better"
    assert "not read" in words


def test_a_share_is_never_rounded_to_nothing_or_to_all():
    """ "0.0% were not read" says two opposite things at once."""
    assert [percent(x) for x in (0, 0.0001, 0.001, 0.9999, 1)] == [
        "0.0%", "< 0.1%", "0.1%", "> 99.9%", "100.0%"
    ]  # fmt: skip
    assert [percent(x, 0) for x in (0.001, 0.5, 0.999)] == ["< 1%", "50%", "> 99%"]


def test_a_failed_answer_is_0_at_both_bounds(tmp_path):
    """There is no verdict that could make a time-out better."""
    rows = [trial(f"t{k}", "b", 0.5) for k in range(20)]
    rows += [trial(f"t{k}", "a", 0.6, score_min=0.6, coverage=0.9) for k in range(10)]
    rows += [trial(f"t{k}", "a", None, failure="timeout") for k in range(10, 20)]

    rows += [trial("t20", r, 0.6, score_min=0.0, coverage=0.9) for r in "ab"]
    caveat = stats.compare(trials_of(tmp_path, rows), "b").loc[0, "caveat"]

    assert "-21.9 to -16.2 points" in caveat


def test_few_tasks_and_simulated_numbers_are_called_what_they_are(tmp_path):
    """A demo on ten simulated tasks must not travel as a finding."""
    trials = _scored(tmp_path, {"a": _noisy(10, 0.3), "b": _noisy(10)}, simulated=True)

    caveat = stats.compare(trials).loc[0, "caveat"]

    assert "descriptive: 10 tasks" in caveat
    assert "SIMULATED" in caveat


def test_five_tasks_can_never_be_called_better(tmp_path):
    """Of 32 sign patterns two are as extreme as any data: p cannot fall below 1/16."""
    trials = _scored(tmp_path, {"a": [0.9] * 5, "b": [0.1] * 5})

    row = stats.compare(trials, margin=99).iloc[0]

    assert row["p"] == pytest.approx(2 / 32)
    assert row["conclusion"] == "undecided"
    assert "what so many may have missed" in row["caveat"]


def test_one_common_task_has_a_difference_but_no_interval(tmp_path):
    """The report of a first try on one task must not crash or invent certainty."""
    row = stats.compare(_scored(tmp_path, {"a": [0.9], "b": [0.1]})).iloc[0]

    assert row["difference"] == pytest.approx(0.8)
    assert np.isnan([row["low"], row["high"], row["p"]]).all()
    assert row["conclusion"] == "undecided"


def test_what_cannot_be_compared_is_refused_with_the_way_out(tmp_path):
    """A typing error in --reference must not end in a traceback or in all pairs."""
    trials = _scored(tmp_path, {"solo-a": _noisy(9), "panel": _noisy(9)})

    with pytest.raises(StatisticsError, match="did you mean 'solo-a'"):
        stats.compare(trials, "solo-s")
    with pytest.raises(StatisticsError, match="margin"):
        stats.compare(trials, margin=0)
    with pytest.raises(StatisticsError, match="level"):
        stats.compare(trials, level=95)
    with pytest.raises(StatisticsError, match="needs two"):
        stats.compare(trials[trials["recipe"] == "panel"])


def test_the_table_does_not_depend_on_the_order_of_answers_and_does_on_the_seed(tmp_path):
    """Answers arrive in any order; two reports of one run must agree."""
    trials = _scored(tmp_path, {"a": _noisy(60, 0.02, seed=1), "b": _noisy(60), "c": _noisy(60)})
    shuffled = trials.sample(frac=1, random_state=1)

    first, again = stats.compare(trials, "b"), stats.compare(shuffled, "b")

    assert (
        first.set_index("a")[["low", "p", "p_adjusted"]]
        .sort_index()
        .equals(again.set_index("a")[["low", "p", "p_adjusted"]].sort_index())
    )
    assert not first["p"].equals(stats.compare(trials, "b", seed=1)["p"])


def test_two_runs_are_paired_by_what_the_task_asks_and_not_by_position(tmp_path):
    """A task file in another order, or with one task edited, would pair strangers."""
    scores = _noisy(20)
    before = [trial(f"t{k}", "panel", s) for k, s in enumerate(scores)]
    after = [trial(f"t{k}", "panel", s + 0.1) for k, s in enumerate(scores)][::-1]
    after[0]["task_hash"] = "edited"  # t19 asks something else now
    run_a = trials_of(tmp_path / "before", before)
    run_b = trials_of(tmp_path / "after", after)

    row = stats.compare_runs(run_b, run_a).iloc[0]

    assert row["n"] == 19
    assert row["difference"] == pytest.approx(0.1)
    assert row["recipe"] == "panel"
    assert row["a"] == "panel @ after"
    assert "misses 1 task (t19)" in row["caveat"]


def test_runs_without_common_recipe_or_task_are_refused(tmp_path):
    """An empty table would read like "no difference"."""
    one = trials_of(tmp_path / "1", [trial("x", "a", 0.5)])
    two = trials_of(tmp_path / "2", [trial("x", "b", 0.5)])
    three = trials_of(tmp_path / "3", [trial("y", "a", 0.5)])

    with pytest.raises(StatisticsError, match="no recipe is in both"):
        stats.compare_runs(one, two)
    with pytest.raises(StatisticsError, match="share no task"):
        stats.compare_runs(one, three)


@pytest.mark.simulation
def test_a_whole_table_of_equal_recipes_calls_one_better_in_at_most_one_of_twenty(tmp_path):
    """The promise of `compare` itself: with failures, gaps and repeats, from rows to words."""
    count, wrong = min(400, worlds()), 0
    rng = np.random.default_rng(3)
    template = trials_of(tmp_path, [
        trial(f"t{k}", recipe, 0.5, repeat=repeat)
        for k in range(16) for recipe in "abc" for repeat in range(2)
    ])  # fmt: skip
    for seed in range(count):
        world = template.assign(
            score=np.clip(rng.normal(0.6, 0.2, len(template)), 0, 1),
            failure=np.where(rng.random(len(template)) < 0.05, "timeout", None),
        )
        table = stats.compare(
            world[rng.random(len(world)) > 0.05], seed=seed, flips=199
        )  # fmt: skip
        wrong += bool(table["conclusion"].isin(["better", "worse"]).any())

    assert wrong / count <= 0.05 + noise(0.05, count)


def test_two_tasks_cannot_make_a_difference_of_more_than_a_hundred_points(tmp_path):
    """A reader of a two-task run was told an interval of millions of points."""
    scores = {"a": (0.1, 0.9), "b": (0.0, 0.3), "c": (0.2, 0.3)}
    rows = [
        trial(task, recipe, score)
        for recipe, pair in scores.items()
        for task, score in zip(("one", "two"), pair, strict=True)
    ]

    table = stats.compare(trials_of(tmp_path, rows))

    assert (table["low"] >= -1).all()
    assert (table["high"] <= 1).all()
    assert (table["high"] > table["low"]).all()


@pytest.mark.parametrize(
    ("function", "values", "name"),
    [("compare", ("b", 0.9), "margin"), ("decisions", (0.9,), "seed"), ("pareto", (0.9,), "level")],
)
def test_a_number_without_a_name_is_no_option(function, values, name):
    """`fe.compare(trials, "solo", .9)` was a margin of .9 points, and nobody was told."""
    trials = pd.DataFrame({"task": ["t"] * 2, "recipe": ["a", "b"], "score": [0.5, 0.6]})
    with pytest.raises(StatisticsError, match=rf"{function}: give options by name, as in {name}="):
        getattr(fe, function)(trials, *values)
