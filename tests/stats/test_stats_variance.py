"""Variance components, and what buys the most precision per dollar."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from made_runs import trial, trials_of
from made_worlds import GOLDEN, worlds

import fusion_eval as fe
from fusion_eval.core import POLICIES, Verdict
from fusion_eval.errors import MissingScoresError, StatisticsError, TooFewTasksError
from fusion_eval.stats.components import components

RNG = np.random.default_rng


def test_components_of_the_golden_array_are_the_golden_ones():
    """Six numbers on which every plan of a study rests."""
    golden = GOLDEN["components"]

    assert components(golden["values"]).known() == pytest.approx(golden["expected"], abs=1e-8)


def test_components_of_the_dyestuff_are_the_printed_ones():
    """The first example of every book on the subject: batches 1764, residual 2451."""
    golden = GOLDEN["dyestuff"]

    found = components(np.array(golden["values"])[:, :, None, None])

    assert pytest.approx(golden["batch"], abs=0.01) == found.T
    assert pytest.approx(golden["residual"], abs=0.01) == found.G
    assert (found.J, found.E) == (None, None)


def test_components_give_the_printed_intraclass_correlations():
    """Shrout and Fleiss's table: how far four judges agree."""
    golden = GOLDEN["shrout_fleiss"]
    x = np.array(golden["values"], dtype=float)[:, None, :, None]

    found = components(x)

    assert pytest.approx(golden["icc_2_1"], abs=0.005) == found.T / (found.T + found.J + found.TJ)
    assert pytest.approx(golden["icc_3_1"], abs=0.005) == found.T / (found.T + found.TJ)
    assert pytest.approx(golden["mean_squares"]["error"], abs=0.005) == found.TJ
    judges = found.TJ + 6 * found.J
    assert judges == pytest.approx(golden["mean_squares"]["judges"], abs=0.005)


def test_components_of_balanced_data_are_those_of_a_mixed_model():
    """statsmodels' REML agrees with mean squares when nothing is negative."""
    x = RNG(1).normal(0, 3, (30, 1, 1, 1)) + RNG(2).normal(0, 1, (30, 4, 1, 1))
    rows = pd.DataFrame({"task": np.repeat(np.arange(30), 4), "y": x.ravel()})
    theirs = smf.mixedlm("y ~ 1", rows, groups=rows["task"]).fit()

    found = components(x)

    assert pytest.approx(float(theirs.cov_re.iloc[0, 0]), rel=1e-3) == found.T
    assert pytest.approx(float(theirs.scale), rel=1e-4) == found.G


@pytest.mark.parametrize("shape", [(40, 2, 3, 2), (40, 2, 3, 1), (40, 1, 3, 2), (40, 2, 1, 2),
                                   (40, 3, 1, 1), (40, 1, 1, 2)])  # fmt: skip
def test_every_design_recovers_what_it_can_tell_and_names_nothing_else(shape):
    """What cannot be told apart goes into the line above it, and into no other."""
    rng, count = RNG(3), min(400, worlds())
    t, g, j, tj, gj, e = 9.0, 4.0, 2.0, 1.5, 1.0, 3.0
    n, k, graders, m = shape
    found = []
    for _ in range(count):
        x = rng.normal(0, math.sqrt(t), (n, 1, 1, 1)) + rng.normal(0, math.sqrt(g), (n, k, 1, 1))
        x = x + rng.normal(0, math.sqrt(j), (1, 1, graders, 1))
        x = x + rng.normal(0, math.sqrt(tj), (n, 1, graders, 1))
        x = x + rng.normal(0, math.sqrt(gj), (n, k, graders, 1))
        found.append(components(x + rng.normal(0, math.sqrt(e), shape)).known())
    known = pd.DataFrame(found)

    truth = {"T": t, "G": g, "J": j, "TJ": tj, "GJ": gj, "E": e}
    inside = {"T": ["T"], "G": ["G"], "J": ["J"], "TJ": ["TJ"], "GJ": ["GJ"], "E": ["E"]}
    if m == 1:
        inside["GJ"] = [*inside["GJ"], *inside.pop("E")]
    if graders == 1:
        inside["T"] += inside.pop("TJ")
        inside["G"] += inside.pop("GJ")
        del inside["J"]
    elif k == 1:
        inside["TJ"] += inside.pop("GJ")
    if k == 1:
        inside["T"] += inside.pop("G")
    assert set(known) == set(inside)
    for name, parts in inside.items():
        expected = sum(truth[part] for part in parts)
        error = known[name].std() / math.sqrt(count)
        assert abs(known[name].mean() - expected) < 4.5 * error, name


def test_components_need_balanced_data_and_two_tasks():
    """A missing cell moves every mean square."""
    with pytest.raises(MissingScoresError):
        components(np.full((3, 2, 1, 1), np.nan))
    with pytest.raises(TooFewTasksError):
        components(np.zeros((1, 2, 1, 1)))


def _graded(n=30, repeats=2, graders=("g", "h", "i"), passes=2, seed=0):
    rng, rows = RNG(seed), []
    for t in range(n):
        level = rng.normal(0.5, 0.15)
        for k in range(repeats):
            draw = level + rng.normal(0, 0.05)
            for g in graders:
                for p in range(passes):
                    value = float(np.clip(draw + 0.03 * (g == "h") + rng.normal(0, 0.02), 0, 1))
                    rows.append({"task": f"t{t}", "recipe": "a", "repeat": k, "grader": g,
                                 "grader_pass": p, "score": value})  # fmt: skip
    return pd.DataFrame(rows)


def test_the_table_names_every_component_with_interval_and_share():
    """A variance without its uncertainty is planned on as if it were known."""
    table = fe.variance(_graded()).set_index("component")

    assert list(table.index) == ["task", "draw within task", "grader", "grader by task",
                                 "grader by draw", "pass"]  # fmt: skip
    assert table["share"].sum() == pytest.approx(1)
    assert table.loc["task", "share"] > 0.7
    assert table.loc["pass", "sd"] == pytest.approx(0.02, rel=0.2)
    assert table.loc["task", "low"] < table.loc["task", "variance"] < table.loc["task", "high"]
    assert np.isnan(table.loc["grader", "low"])


def test_what_hides_in_what_is_said_and_incomplete_tasks_are_counted():
    """One grader's severity is in every score and in no spread."""
    once = _graded(repeats=1, graders=("g",), passes=1)
    row = fe.variance(once).iloc[0]
    assert "task includes draws" in row["caveat"]
    assert "conditional on the one grader" in row["caveat"]
    holed = _graded().iloc[1:]
    assert "1 task without every cell left out" in fe.variance(holed).loc[0, "caveat"]


def test_verdicts_and_scores_of_the_same_answers_have_the_same_components():
    """Two roads to one table; with a criterion lost on one of them, plans would differ."""
    rng, verdicts, scores = RNG(4), [], []
    weights = {"x": 5.0, "y": 3.0, "z": -4.0}
    for t in range(12):
        for k in range(3):
            met = {c: float(rng.random() < 0.3 + 0.05 * t) for c in weights}
            verdicts += [
                {"task": f"t{t}", "task_hash": f"t{t}", "recipe": "a", "repeat": k, "criterion": c,
                 "weight": w, "grader": "g", "grader_pass": 0, "value": met[c]}
                for c, w in weights.items()
            ]  # fmt: skip
            raw = sum(weights[c] * met[c] for c in weights) / 8
            scores.append({"task": f"t{t}", "recipe": "a", "repeat": k,
                           "score": min(1.0, max(0.0, raw))})  # fmt: skip

    a, b = fe.variance(pd.DataFrame(verdicts)), fe.variance(pd.DataFrame(scores))

    assert list(a["variance"]) == pytest.approx(list(b["variance"]))


def test_against_a_reference_the_components_are_those_of_the_difference():
    """Pairing takes out what both share; planning on the levels would ask for far too many."""
    rng = RNG(5)
    rows = [
        {"task": f"t{t}", "recipe": r, "repeat": k, "score": float(level + rng.normal(0, 0.02))}
        for t, level in enumerate(rng.uniform(0.2, 0.8, 30)) for k in range(2) for r in "ab"
    ]  # fmt: skip
    table = pd.DataFrame(rows)

    alone = fe.variance(table).set_index(["recipe", "component"])["variance"]
    paired = fe.variance(table, reference="b").set_index(["recipe", "component"])["variance"]

    assert alone["a", "task"] > 0.02
    assert abs(paired["a", "task"]) < 0.001
    assert paired["a", "draw within task"] == pytest.approx(2 * 0.02**2, rel=0.5)
    assert "b" not in paired.index.get_level_values("recipe")


def test_the_forecast_of_the_present_design_is_the_standard_error_that_was_seen():
    """With one grader nothing is cut or extrapolated, so both must agree exactly."""
    table = _graded(graders=("g",))
    wide = table.groupby("task")["score"].mean()

    ways = fe.precision(table.assign(cost_usd=0.01, grading_usd=0.002)).set_index("more")

    assert ways.loc["tasks", "se_now"] == pytest.approx(wide.std() / math.sqrt(30))
    assert ways.loc["tasks", "se_doubled"] == pytest.approx(wide.std() / math.sqrt(60))
    assert ways.loc["tasks", "usd_now"] == pytest.approx(60 * 0.012)


def test_new_tasks_buy_more_than_repeats_and_free_passes_more_than_both(tmp_path):
    """The rule that saves money: while there are unused tasks, do not repeat."""
    rows = [
        trial(f"t{t}", "a", float(np.clip(level + 0.05 * (-1) ** k, 0, 1)), repeat=k,
              cost_usd=0.02, grading_usd=0.004)
        for t, level in enumerate(RNG(6).uniform(0.2, 0.8, 25)) for k in range(2)
    ]  # fmt: skip
    ways = fe.precision(trials_of(tmp_path, rows)).set_index("more")

    assert list(ways.index[ways["best"]]) == ["tasks"]
    assert ways.loc["repeats", "se_doubled"] > ways.loc["tasks", "se_doubled"]
    noisy = _graded(graders=("g",), seed=7)
    noisy["score"] = np.clip(noisy["score"] + RNG(8).normal(0, 0.2, len(noisy)), 0, 1)
    cheap = fe.precision(noisy.assign(cost_usd=1.0, grading_usd=0.002)).set_index("more")
    assert list(cheap.index[cheap["best"]]) == ["passes"]
    assert cheap.loc["passes", "optimal"] > 3


def test_the_optimal_number_of_passes_is_the_cheapest_for_its_precision():
    """Checked by trying all numbers of passes at equal dollars."""
    noisy = _graded(n=60, graders=("g",), seed=9)
    noisy["score"] = np.clip(noisy["score"] + RNG(10).normal(0, 0.15, len(noisy)), 0, 1)
    table = noisy.assign(cost_usd=0.10, grading_usd=0.02)
    wide = table.sort_values(["task", "repeat", "grader_pass"])["score"].to_numpy()
    parts = components(wide.reshape(60, 2, 1, 2))

    optimal = fe.precision(table).set_index("more").loc["passes", "optimal"]

    prices = {m / 10: parts.variance(1, 1, 1, m / 10) * (0.10 + m / 10 * 0.01)
              for m in range(10, 200)}  # fmt: skip
    assert optimal == pytest.approx(min(prices, key=prices.get), abs=0.11)


def _rubric_verdicts(policy):
    """20 tasks with weights 5, 3, -6, two repeats graded twice; where errors often reach 0."""
    rng, rows = RNG(11), []
    for t, k, p, c in itertools.product(range(20), range(2), range(2), range(3)):
        met = float(rng.random() < (0.55, 0.6, 0.5)[c])
        rows.append({"task": f"t{t}", "recipe": "a", "repeat": k, "criterion": f"c{c}",
                     "weight": (5.0, 3.0, -6.0)[c], "grader": "g", "grader_pass": p,
                     "verdict": "met" if met else "unmet", "value": met,
                     "policy": policy})  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize("policy", ["draco", "prbench", "healthbench"])
def test_the_variance_of_grading_is_that_of_the_scores_that_the_run_was_given(policy):
    """By DRACO's formula, whatever the run's, the noise of a HealthBench grader was 2.3 times
    smaller than it is, and plans were so much too small."""
    verdicts = _rubric_verdicts(policy)
    rows = [
        {"task": task, "recipe": "a", "repeat": repeat, "grader": "g", "grader_pass": one,
         "score": POLICIES[policy]([
             Verdict(criterion=v["criterion"], section="", weight=v["weight"], grader="g",
                     grader_pass=one, verdict=v["verdict"], value=v["value"])
             for v in part.to_dict("records")]).value, "policy": policy}
        for (task, repeat, one), part in verdicts.groupby(["task", "repeat", "grader_pass"])
    ]  # fmt: skip
    scores = pd.DataFrame(rows)
    expected = fe.variance(scores)

    assert list(fe.variance(verdicts)["variance"]) == pytest.approx(list(expected["variance"]))
    trials = scores.groupby(["task", "recipe", "repeat", "policy"], as_index=False)["score"].mean()
    plain = verdicts.drop(columns="policy")
    priced = trials.assign(cost_usd=0.01, grading_usd=0.002)
    ways = fe.precision(priced, plain).set_index("more")["se_now"]
    each = scores.groupby("task")["score"].mean()
    assert ways["tasks"] == pytest.approx(each.std() / math.sqrt(20), rel=0.02)
    both = pd.concat([trials, trials.assign(recipe="b", score=trials["score"] * 0.9)])
    passes = scores.set_index(["task", "repeat", "grader_pass"])["score"].unstack()
    noise = 2 * passes.var(axis=1).mean()
    assert fe.power(both, 3.0, verdicts=plain).loc[0, "grading"] == pytest.approx(noise)


def test_imported_verdicts_keep_the_policy_that_they_were_scored_by(tmp_path):
    """The road that most people take: a table of another harness, then its variance."""
    verdicts = _rubric_verdicts("healthbench")
    verdicts.drop(columns=["policy", "weight", "value"]).to_csv(tmp_path / "v.csv", index=False)
    criteria = verdicts.drop_duplicates(["task", "criterion"])[["task", "criterion", "weight"]]
    criteria.to_csv(tmp_path / "c.csv", index=False)
    run = fe.import_verdicts(
        tmp_path / "v.csv", tmp_path / "c.csv", score="healthbench", output_dir=tmp_path
    )
    found = fe.variance(fe.verdicts(run))
    assert list(found["variance"]) == pytest.approx(list(fe.variance(verdicts)["variance"]))
    assert not found["caveat"].str.contains("DRACO").any()


def test_verdicts_without_a_policy_are_scored_by_dracos_formula_and_the_table_says_so():
    """A formula that was guessed in silence is a wrong number waiting to be believed."""
    verdicts = _rubric_verdicts("draco")
    plain = fe.variance(verdicts.drop(columns="policy"))
    assert plain["caveat"].str.contains("no policy named: scored by DRACO's formula").all()
    assert list(plain["variance"]) == list(fe.variance(verdicts)["variance"])
    with pytest.raises(StatisticsError, match="'healthbensh'; did you mean 'healthbench'"):
        fe.variance(verdicts.assign(policy="healthbensh"))
