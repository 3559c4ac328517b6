"""A policy's own headline beside the mean of tasks, and runs on two versions of one rubric."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fusion_eval as fe
from fusion_eval import stats, store
from fusion_eval.core import POLICIES, Verdict, score_of
from fusion_eval.errors import StatisticsError
from fusion_eval.loading.tasks import load_task_files
from fusion_eval.report import write
from fusion_eval.stats.headline import headline, over_domains

pytestmark = pytest.mark.usefixtures("no_figures")

SAMPLES = Path(__file__).parents[1] / "samples"


def trials(scores, policy: str, domains=None, recipe: str = "r", **more) -> pd.DataFrame:
    """One trial per score, of one recipe."""
    n = len(scores)
    return pd.DataFrame(
        {
            "task": [f"t{i}" for i in range(n)],
            "task_hash": [f"h{i}" for i in range(n)],
            "policy": policy,
            "domain": domains or [""] * n,
            "recipe": recipe,
            "repeat": 0,
            "score": scores,
            "score_min": scores,
            "score_max": scores,
            "coverage": 1.0,
            "failure": None,
            "degraded": None,
            "finish": "stop",
            "cluster": None,
            "cost_usd": 0.1,
            "latency_s": 1.0,
            **more,
        }
    )


def test_healthbench_cuts_the_mean_and_not_the_task():
    """(-.8 + .2 + .3) / 3 is below 0: cut per task it would be .17, and better answers hide it."""
    low = headline(trials([-0.8, 0.2, 0.3], "healthbench"), "r")
    assert (low.value, low.low) == (0.0, 0.0)
    fine = headline(trials([-0.8, 1.0, 1.0], "healthbench"), "r")
    assert fine.value == pytest.approx(0.4)
    assert fine.method == "t, mean cut to 0 to 1"
    assert 0.0 <= fine.low < fine.value < fine.high <= 1.0
    assert stats.mean_score([-0.8, 0.2, 0.3]).value == pytest.approx(-0.1)
    with pytest.raises(StatisticsError, match="0 to 1"):
        stats.mean_score([1.5, 0.2])


def test_profbench_counts_domains_alike_however_many_tasks_they_have():
    """Three easy tasks of one domain would otherwise outvote the other: .9 and not .65."""
    found = headline(trials([1.0, 0.9, 0.8, 0.4, 0.4], "profbench", list("aaabb")), "r")
    assert found.value == pytest.approx((0.9 + 0.4) / 2)
    assert found.method.startswith("logit-t, mean of 2 domains")
    alone = headline(trials([0.9, 0.4], "profbench", list("ab")), "r")
    assert alone.value == pytest.approx(0.65)
    assert np.isnan(alone.low)


@pytest.mark.parametrize("policy", ["draco", "prbench", "wildbench"])
def test_where_the_headline_is_the_mean_of_tasks_there_is_no_second_one(policy):
    """Two equal numbers under two names would look like two results."""
    assert headline(trials([0.5, 0.6], policy), "r") is None
    mixed = pd.concat([trials([0.5], policy), trials([0.5], "profbench")])
    assert headline(mixed, "r") is None


def test_the_interval_of_a_mean_over_domains_covers_as_often_as_it_says():
    """4 domains of 4 to 12 tasks with different spreads: the textbook case for Satterthwaite."""
    rng = np.random.default_rng(11)
    sizes, spreads = [4, 6, 9, 12], [0.3, 0.1, 0.2, 0.05]
    labels = np.repeat(np.arange(4), sizes)
    truth = np.array([0.2, 0.4, 0.6, 0.8])
    covered = 0
    for _ in range(1000):
        x = truth[labels] + rng.normal(0.0, np.array(spreads)[labels])
        mean = over_domains(x, labels)
        covered += abs(mean.value - truth.mean()) <= mean.t_quantile(0.95) * mean.se
    assert covered / 1000 == pytest.approx(0.95, abs=0.022)


def test_a_comparison_says_when_the_headline_is_something_else():
    """`panel is 3 points better` would be read as 3 points of the published score."""
    one = trials([0.9, 0.8, 0.4, 0.5], "profbench", list("aabb"))
    both = pd.concat([one, trials([0.5, 0.6, 0.4, 0.3], "profbench", list("aabb"), recipe="s")])
    (row,) = stats.compare(both).to_dict("records")
    assert (
        "the headline of profbench is the mean over domains; differences are over tasks"
        in row["caveat"]
    )
    below = trials([-0.9, -0.8, 0.1], "healthbench")
    both = pd.concat([below, trials([0.5, -2.0, -2.5], "healthbench", recipe="s")])
    (row,) = stats.compare(both).to_dict("records")
    assert "healthbench cuts a mean below 0 to 0" in row["caveat"]
    assert row["difference"] == pytest.approx(np.mean([-1.4, 1.2, 2.6]))
    assert row["high"] > 1.0  # scores that are not cut differ by more than the whole scale


def test_two_runs_on_two_versions_of_a_rubric_are_not_paired_and_say_so():
    """PRBench lost 664 of 19,356 criteria under the same name: every score moved a little."""
    tasks = {"rubric_hash": "one", "criteria": [10.0, 9.0, 8.0]}
    old = trials([0.5, 0.6, 0.7], "prbench", **tasks)
    new = old.assign(
        task_hash=["h0", "x1", "x2"], rubric_hash=["one", "two", "two"], criteria=[10, 8, 7]
    )
    (row,) = stats.compare_runs(old, new.assign(score=[0.4, 0.9, 0.9])).to_dict("records")
    assert row["n"] == 1
    assert (
        "2 tasks of the same name have another rubric in the other run "
        "(17 criteria against 15) and are not compared" in row["caveat"]
    )
    with pytest.raises(StatisticsError, match="3 tasks of the same name have another rubric"):
        stats.compare_runs(old, new.assign(task_hash=["x0", "x1", "x2"], rubric_hash="two"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Samples of seven benchmarks in one run: every policy, kind of criterion and adapter."""
    names = ("healthbench.jsonl", "prbench.jsonl", "profbench.jsonl", "researchrubrics.jsonl",
             "paperbench.json", "wildbench.jsonl", "deepresearch/tasks.yaml")  # fmt: skip
    files = [SAMPLES / name for name in names]
    folder = tmp_path_factory.mktemp("formats")
    recipes = ["solo-sparrow", "solo-heron"]
    return fe.run(files, "demo", recipes=recipes, repeats=1, output_dir=folder), load_task_files(
        files
    )


def test_a_run_over_seven_benchmarks_scores_each_task_by_its_own_policy(run):
    """One policy for all would give a number for every task, and the wrong one for most."""
    made, tasks = run
    rows, verdicts = fe.trials(made), fe.verdicts(made)
    assert made.manifest["status"] == "finished"
    assert dict(zip(rows["task"], rows["policy"], strict=True)) == {
        t.id: t.score for t in tasks.tasks
    }
    assert dict(zip(rows["task"], rows["criteria"], strict=True)) == {
        t.id: len(t.leaves) for t in tasks.tasks
    }
    for row in rows.to_dict("records"):
        own = verdicts[(verdicts["task"] == row["task"]) & (verdicts["recipe"] == row["recipe"])]
        again = score_of(POLICIES[row["policy"]], [_verdict(v) for v in own.to_dict("records")])
        for ours, column in (
            (again.value, "score"),
            (again.low, "score_min"),
            (again.high, "score_max"),
        ):
            assert ours == pytest.approx(row[column], abs=1e-12, nan_ok=True) or ours is None
        assert len(own) == row["criteria"]


def _verdict(row) -> Verdict:
    plain = {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in row.items()}
    names = (
        "criterion",
        "section",
        "weight",
        "grader",
        "grader_pass",
        "verdict",
        "value",
        "reference_value",
    )
    return Verdict(**{name: plain[name] for name in names})


def test_sections_are_scored_by_the_policy_of_their_task(run):
    """Over positive weights alone, a section of a min-max rubric would be another number."""
    made, _ = run
    rows, verdicts = fe.trials(made), fe.verdicts(made)
    found = fe.breakdown(rows, verdicts, by="section").set_index(["part", "recipe"])["value"]
    accuracy = verdicts[(verdicts["section"] == "Financial Accuracy") & verdicts["value"].notna()]
    for recipe, part in accuracy.groupby("recipe"):
        expected = POLICIES["prbench"]([_verdict(v) for v in part.to_dict("records")]).value
        assert found["Financial Accuracy", recipe] == pytest.approx(expected)


def test_the_report_of_such_a_run_holds(run):
    """Scores below 0 and means over domains must not stop the report of everything else."""
    made, _ = run
    rows = fe.trials(made)
    rows.loc[rows["policy"] == "wildbench", ["score", "score_raw"]] = -0.4
    only = rows["policy"].isin(["healthbench"])
    for name, part in {"all": rows, "one": rows[only]}.items():
        folder = made.path.parent / name
        store.write_manifest(folder, {**made.manifest, "run_id": name})
        store.write_table(
            folder, "trials", part.astype(object).where(part.notna(), None).to_dict("records")
        )
        for table in ("verdicts", "calls"):
            shutil.copy(made.table(table), folder / f"{table}.parquet")
        write(folder)
    every, one = (
        json.loads((made.path.parent / name / "summary.json").read_text("utf-8"))["recipes"]
        for name in ("all", "one")
    )
    assert {row["score_by_policy"] for row in every.values()} == {None}
    assert {row["score_by_policy"]["method"].split(", ")[1] for row in one.values()} == {
        "mean cut to 0 to 1"
    }
    assert (
        "Headlines as the score policy takes them"
        in (made.path.parent / "one/report.md").read_text()
    )
