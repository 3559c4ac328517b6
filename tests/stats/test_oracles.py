"""Controls that are computed: best member, oracle, union."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_runs import trial, trials_of

import fusion_eval as fe
from fusion_eval.errors import StatisticsError
from fusion_eval.stats import best_member, oracle, union_oracle

PUBLIC = Path(__file__).parents[2] / "results" / "draco-public"


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    return fe.import_verdicts(
        PUBLIC / "verdicts.parquet",
        criteria=PUBLIC / "criteria.parquet",
        output_dir=tmp_path_factory.mktemp("results"),
    )


def test_the_oracles_of_the_public_runs_score_what_the_data_say(public):
    """The upper bounds of selection and of union are what every claim about headroom rests on."""
    trials, verdicts = fe.trials(public), fe.verdicts(public)
    graded = verdicts.groupby("recipe").size()
    members = list(graded.index[graded == 3934])
    assert len(members) == 16
    best = oracle(trials, members)
    union = union_oracle(trials, verdicts, members)
    assert len(best) == len(union) == 100
    assert 100 * best["score"].mean() == pytest.approx(78.58, abs=0.005)
    assert 100 * union["score"].mean() == pytest.approx(88.39, abs=0.005)
    assert set(best["strategy"]) == set(union["strategy"]) == {"computed"}
    assert best["cost_usd"].isna().all(), "nobody can buy an upper bound"


def test_a_member_is_judged_only_on_tasks_that_did_not_choose_it(tmp_path):
    """Chosen on the tasks it is judged on, the best of equal members looks better than it is."""
    rows = [
        trial(f"t{k}", name, score)
        for k in range(10)
        for name, score in (("a", 0.5), ("b", 1.0 if k == 3 else 0.45))
    ]
    chosen = best_member(trials_of(tmp_path / "run", rows), ["a", "b"], folds=10)
    by_task = chosen.set_index("task")["score"]
    assert by_task["t3"] == 0.5, "b leads only because of this task"
    assert by_task.drop("t3").eq(0.45).all(), "b leads (50.5 to 50) wherever t3 may choose"


def test_choosing_the_best_of_equal_members_gains_nothing():
    """The maximum of noisy means is what 'best of seven' tables print."""
    rng, gain, naive = np.random.default_rng(4), [], []
    for _ in range(200):
        scores = np.clip(rng.normal(0.5, 0.15, (20, 5)), 0, 1)
        rows = [
            {"task": f"t{i}", "recipe": f"m{j}", "repeat": 0, "score": s}
            for (i, j), s in np.ndenumerate(scores)
        ]
        frame = pd.DataFrame(rows).assign(task_hash=lambda f: f["task"], failure=None)
        gain.append(best_member(frame, [f"m{j}" for j in range(5)])["score"].mean() - scores.mean())
        naive.append(scores.mean(axis=0).max() - scores.mean())
    error = np.std(gain) / np.sqrt(200)
    assert abs(np.mean(gain)) < 3 * error
    assert np.mean(naive) > 10 * error


def test_a_union_has_an_error_only_where_every_answer_has_it(tmp_path):
    """With 'any' for errors, the bound would fall below what a careful writer reaches."""
    rows = [trial("t", "a", 0.5), trial("t", "b", 0.0)]
    criteria = {"one": 5.0, "two": 5.0, "shared": -2.0, "alone": -10.0}
    met = {"a": {"one", "shared", "alone"}, "b": {"two", "shared"}}
    verdicts = pd.DataFrame([
        {"task": "t", "task_hash": rows[0]["task_hash"], "recipe": r, "repeat": 0, "grader": "g",
         "grader_pass": 0, "criterion": c, "weight": w, "value": float(c in met[r])}
        for r in met for c, w in criteria.items()
    ])  # fmt: skip
    united = union_oracle(trials_of(tmp_path / "run", rows), verdicts, ["a", "b"])
    assert united["score"].tolist() == [0.8]


def test_a_failed_member_is_no_candidate_and_all_failed_is_a_failure(tmp_path):
    """A failure with score 0 would be a candidate that nobody has."""
    rows = [
        trial("t", "a", None, failure="timeout"), trial("t", "b", 0.0),
        trial("u", "a", None, failure="timeout"), trial("u", "b", None, failure="empty"),
        trial("v", "a", 0.4),
    ]  # fmt: skip
    best = oracle(trials_of(tmp_path / "run", rows), ["a", "b"]).set_index("task")
    assert best.loc["t", "failure"] is pd.NA or pd.isna(best.loc["t", "failure"])
    assert best.loc["t", "score"] == 0.0
    assert best.loc["u", "failure"] == "timeout"
    assert "v" not in best.index, "b has nothing there, so nobody knows the best"


def test_an_unknown_member_is_named_with_the_way_out(tmp_path):
    """A bound over fewer members than were meant would look like headroom that is gone."""
    frame = trials_of(tmp_path / "run", [trial("t", "solo-a", 0.5), trial("u", "solo-a", 0.5)])
    with pytest.raises(StatisticsError, match="did you mean 'solo-a'"):
        oracle(frame, ["solo-aa"])
    with pytest.raises(StatisticsError, match="no members"):
        best_member(frame, [])
