"""What was imported is looked at before anything is concluded from it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fusion_eval import frames, report
from fusion_eval.cli import app
from fusion_eval.importing import import_results, read_trials
from fusion_eval.report.audit import audit
from fusion_eval.report.summary import summarize
from fusion_eval.stats.ceiling import ceiling

pytestmark = pytest.mark.usefixtures("no_figures")


def table(folder, frame, name="t.csv"):
    """A data frame as a file."""
    path = folder / name
    frame.to_csv(path, index=False)
    return path


def grid(recipes, n=12, seed=0, **columns):
    """A table of these recipes on n tasks; scores 0 or 1, costs around one cent."""
    rng = np.random.default_rng(seed)
    rows = [
        {"recipe": r, "task": f"q{k}", "score": int(rng.random() < 0.6),
         "cost_usd": round(float(rng.lognormal(-4.6, 0.5)), 6)}
        for r in recipes for k in range(n)
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def kinds(findings):
    """kind -> finding."""
    return {one["kind"]: one for one in findings}


def test_costs_of_zero_are_unknown_and_bounded_by_what_was_seen(tmp_path):
    """Costs that nobody recorded made a recipe free, and free recipes are recommended."""
    frame = grid(["paid", "half", "free"])
    frame.loc[frame["recipe"] == "free", "cost_usd"] = 0
    half = frame["recipe"] == "half"
    frame.loc[half & frame["task"].isin(["q0", "q1", "q2"]), "cost_usd"] = 0
    trials = read_trials(table(tmp_path, frame))
    cost = trials.groupby("recipe")["cost_usd"]
    assert cost.count().to_dict() == {"paid": 12, "half": 9, "free": 0}
    unknown = trials[trials["cost_usd"].isna()]
    limits = unknown.groupby("recipe")[["cost_min_usd", "cost_max_usd"]].max()
    assert limits.loc["half"].tolist() == [0, frame.groupby("recipe")["cost_usd"].max()["half"]]
    assert limits.loc["free"].isna().all()  # what others cost says nothing about it
    assert trials.loc[trials["cost_usd"].notna(), ["cost_min_usd", "cost_max_usd"]].isna().all(None)
    found = kinds(trials.attrs["audit"])
    assert found["zero costs"]["recipes"] == {"free": 12, "half": 3}
    assert found["unknown costs"]["recipes"] == {"free": 12, "half": 3}
    assert "half 3 (up to" in found["unknown costs"]["text"]
    assert "no cost of free is known, so there is no bound" in found["unknown costs"]["text"]


def test_zeros_are_free_and_bounds_are_others_when_a_user_says_so(tmp_path):
    """Who serves a model on a machine of their own does pay nothing per answer."""
    frame = grid(["a", "b"])
    frame.loc[frame["recipe"] == "b", "cost_usd"] = 0
    path = table(tmp_path, frame)
    assert (read_trials(path, costs="free")["cost_usd"] == frame["cost_usd"]).all()
    told = read_trials(path, unknown_cost=0.5)
    assert told.loc[told["recipe"] == "b", "cost_max_usd"].tolist() == [0.5] * 12


def test_a_column_of_zeros_alone_has_no_upper_bound(tmp_path):
    """A bound of 0 from a table that knows no cost would be the old mistake again."""
    trials = read_trials(table(tmp_path, grid(["a", "b"]).assign(cost_usd=0)))
    assert trials[["cost_usd", "cost_max_usd"]].isna().all(None)
    assert "every cost is exactly 0" in trials.attrs["audit"][0]["text"]


def test_costs_that_are_twice_another_are_named(tmp_path):
    """Half of a public leaderboard counted a parent together with its children."""
    frame = grid(["child"])
    twice = frame.assign(recipe="parent", cost_usd=2 * frame["cost_usd"])
    found = kinds(read_trials(table(tmp_path, pd.concat([frame, twice]))).attrs["audit"])
    assert "parent costs 2.000 times child on 12 of 12 tasks" in found["exact multiples"]["text"]
    frame["total_cost"] = frame["cost_usd"] * np.where(np.arange(12) < 5, 2, 1)
    found = kinds(read_trials(table(tmp_path, frame)).attrs["audit"])
    assert "total_cost is 2.000 times cost_usd in 5 of 12 rows" in found["exact multiples"]["text"]
    assert "exact multiples" not in kinds(read_trials(table(tmp_path, grid("abc"))).attrs["audit"])


def test_rows_that_stand_twice_count_once_and_are_named(tmp_path):
    """A join that exploded is no second measurement."""
    frame = grid(["a", "b"])
    trials = read_trials(table(tmp_path, pd.concat([frame, frame.head(5)])))
    assert len(trials) == 24
    assert kinds(trials.attrs["audit"])["duplicate rows"]["files"] == {"t.csv": 5}


def test_rows_that_contradict_each_other_are_refused_once_with_the_column_that_helps(tmp_path):
    """Two agents with one model are two recipes; 500 messages said so 500 times."""
    frame = pd.concat([grid(["m"], n=40, agent="x"), grid(["m"], n=40, seed=1, agent="y")])
    with pytest.raises(Exception, match=r"as in 39 more rows.*recipe=recipe\+agent"):
        read_trials(table(tmp_path, frame))
    named = read_trials(table(tmp_path, frame), columns={"recipe": "recipe+agent"})
    assert set(named["recipe"]) == {"m/x", "m/y"}


@pytest.mark.parametrize(
    ("column", "values", "kind"),
    [
        ("grader", ["g1", "g2"], "graders"), ("version", ["1", "2"], "versions"),
        ("max_tokens", ["512", "4096"], "token limits"),
        ("date", ["2026-01-01T10:00", "2026-05-01T10:00"], "days"),
    ],
)  # fmt: skip
def test_recipes_from_different_conditions_are_named(tmp_path, column, values, kind):
    """A difference between two graders or two token limits is none between recipes."""
    frame = grid(["a", "b"])
    frame[column] = np.where(frame["recipe"] == "a", *values)
    found = kinds(read_trials(table(tmp_path, frame)).attrs["audit"])
    assert set(found[kind]["recipes"]) == {"a", "b"}
    same = read_trials(table(tmp_path, frame.assign(**{column: values[0]})))
    assert kind not in kinds(same.attrs["audit"])


def test_denominators_empty_outcomes_and_common_failures_stand_in_the_summary(tmp_path):
    """Every mean in the report hangs on which tasks are behind it."""
    frame = grid(["a", "b", "c"], n=20)
    frame.loc[frame["task"].isin(["q3", "q7"]), "score"] = 0
    frame = frame[~((frame["recipe"] == "b") & (frame["task"] == "q9"))]
    frame["score"] = frame["score"].astype(object)
    frame.loc[(frame["recipe"] == "c") & (frame["task"] == "q1"), "score"] = ""
    run = import_results(table(tmp_path, frame), output_dir=tmp_path / "runs")
    found = kinds(summarize(run)["audit"])
    assert found["denominators"]["recipes"] == {"a": 20, "b": 19, "c": 20}
    assert found["empty outcomes"]["recipes"] == {"c": 1}
    assert {"q3", "q7"} <= set(found["all fail"]["tasks"])
    assert found["all fail"]["gain"] <= found["all fail"]["gain_high"]


def test_the_first_screen_shows_the_audit_and_says_what_was_read(tmp_path):
    """What stands in a file only is read by nobody."""
    frame = grid(["a", "b"]).assign(mood="x")
    frame.loc[frame["recipe"] == "b", "cost_usd"] = 0
    frame.loc[frame["task"] == "q0", "score"] = 0
    path = table(tmp_path, frame)
    done = CliRunner().invoke(app, ["import", str(path), "-o", str(tmp_path / "runs")])
    assert done.exit_code == 0
    flat = " ".join(done.output.split())
    assert "12 costs are exactly 0 beside paid ones: b 12 (100%)" in flat
    assert "Read these: the grader or the target is the likeliest cause" in flat
    assert "not used: mood" in flat
    summary = json.loads((tmp_path / "runs" / "latest" / "summary.json").read_text())
    assert {"zero costs", "unknown costs", "all fail"} <= set(kinds(summary["audit"]))


def test_the_page_shows_the_audit_with_hostile_names_inert(tmp_path):
    """Whoever opens the page only would never learn that the costs are not costs."""
    frame = grid(["a", "<b>zeros</b>"], cost_usd=0.0)
    frame.loc[frame["recipe"] == "a", "cost_usd"] = 0.25

    run = import_results([table(tmp_path, frame)], output_dir=tmp_path / "results")
    page = report.write(run)["report.html"].read_text("utf-8")

    top = page[: page.index('id="frontier"')]
    assert "Look at this first" in top
    assert "costs are exactly 0" in top
    assert "<b>zeros" not in page


def test_the_limit_of_what_choosing_can_gain_is_clopper_and_pearsons(tmp_path):
    """Of 20 tasks the best recipe loses 2 to another: 1 - beta quantiles, by hand."""
    from scipy.stats import binomtest

    scores = {"best": [1] * 15 + [0] * 5, "other": [0] * 12 + [1] * 3 + [1, 1, 0, 0, 0]}
    rows = [{"recipe": r, "task": f"q{k}", "score": s} for r, x in scores.items()
            for k, s in enumerate(x)]  # fmt: skip
    found = ceiling(pd.DataFrame(rows))
    assert (found.best, found.of, found.failed) == ("best", 20, ("q17", "q18", "q19"))
    assert found.gain == pytest.approx(2 / 20)
    one_sided = binomtest(2, 20).proportion_ci(1 - 2 * 0.05 / 2, method="exact")
    assert found.beaten.high == pytest.approx(one_sided.high)


def test_the_limit_holds_in_worlds_whose_best_gain_is_known():
    """A limit that is passed more than one time in twenty would close the wrong roads."""
    rng = np.random.default_rng(5)
    chances = np.array([[0.9, 0.2, 0.6], [0.5, 0.5, 0.0], [0.1, 0.9, 0.3], [0.0, 0.0, 0.0]])
    best = chances.mean(axis=0).max()
    oracle = (1 - (1 - chances).prod(axis=1)).mean()
    passed = 0
    for _ in range(100):
        kind = rng.integers(0, 4, 40)
        wins = rng.random((40, 3)) < chances[kind]
        frame = pd.DataFrame(wins.astype(float), columns=list("abc")).rename_axis("task")
        long = frame.reset_index().melt("task", var_name="recipe", value_name="score")
        passed += ceiling(long).beaten.high < oracle - best
    assert passed <= 5 + 3 * np.sqrt(100 * 0.05 * 0.95)


def test_a_run_of_ours_is_audited_too(tmp_path):
    """Tasks that every recipe fails are as suspicious in a run as in an import."""
    from made_runs import made_run

    run = made_run(tmp_path / "r", n=6)
    trials = frames.trials(run)
    trials.loc[trials["task"] == "task-0", "score"] = 0.0
    assert kinds(audit(run, trials))["all fail"]["tasks"] == ["task-0"]
