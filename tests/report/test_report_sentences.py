"""Sentences of the report that a decision rests on: none says more than its numbers."""

import re

import numpy as np
import pandas as pd
import pytest
from made_runs import made_run, task_hash, trial, write_run

import fusion_eval as fe
from fusion_eval import report
from fusion_eval.errors import ProtocolsDifferError
from fusion_eval.report import terminal
from fusion_eval.report.decision import decision, findings
from fusion_eval.report.failing import by_kind
from fusion_eval.stats.committee import committee
from fusion_eval.stats.headroom import effective

CLOSE = {"solo-a": ("solo", 0.60, 0.001), "solo-b": ("solo", 0.62, 0.004),
         "panel": ("panel", 0.80, 0.02)}  # fmt: skip


def _summary(tmp_path, recipes, **more):
    return report.summarize(made_run(tmp_path / "run", recipes, **more))


# Whether to go on


def test_tasks_that_would_decide_come_with_limits_price_and_the_answers_that_they_need(tmp_path):
    """`about 66 tasks would decide it` held in .29 of tables, and said nothing of the dollars."""
    summary = _summary(tmp_path, CLOSE, n=20)
    found, text = summary["to_decide"], decision(summary)
    row = summary["comparisons"][found["comparison"]]

    assert found["tasks"] == row["tasks_to_decide"] > row["n"]
    assert found["low"] <= found["tasks"] <= found["high"]
    assert found["answers"] == pytest.approx(1_000 * found["more_usd"] / found["evsi_usd"], rel=0.1)
    assert f"about {found['tasks']:,} tasks ({found['low']:,} to {found['high']:,})" in text
    assert f"worth deciding from about {found['answers']:,} answers on, not below" in text


def test_a_pair_that_is_in_no_choice_is_not_worth_deciding(tmp_path):
    """Which of two hopeless recipes is better saves nobody a cent."""
    far = {"cheap": ("solo", 0.30, 0.004), "rival": ("solo", 0.305, 0.0045),
           "best": ("panel", 0.90, 0.0001)}  # fmt: skip
    summary = _summary(tmp_path, far, n=40)
    row = summary["comparisons"][summary["to_decide"]["comparison"]]

    assert {row["a"], row["b"]} == {"cheap", "rival"}
    assert summary["to_decide"]["evsi_usd"] == pytest.approx(0, abs=1e-12)
    assert "not worth deciding, as the choice stays the same" in decision(summary)


def test_more_tasks_on_two_recipes_are_worth_no_more_than_on_all(tmp_path):
    """Value of information: what is told of two is told of all as well."""
    trials = fe.trials(made_run(tmp_path / "run", CLOSE, n=20))
    from fusion_eval.stats.decision import worth_of_telling

    two = worth_of_telling(trials, "solo-a", "solo-b", 20)
    every = fe.decisions(trials)["evsi_usd"].max()
    assert 0 <= two <= every + 1e-12
    assert worth_of_telling(trials, "solo-a", "solo-b", 0) == pytest.approx(0, abs=1e-9)


# Equal dollars


def test_equal_dollars_is_said_of_no_recipe_that_costs_more_than_every_mixture(tmp_path):
    """`At equal dollars … better: panel-top; panel-top costs more than any mix`."""
    summary = _summary(tmp_path, CLOSE, n=20)
    (row,) = summary["matched"]

    assert row["place"] == "above"
    assert not any("equal dollars" in text.lower() for text in findings(summary))


def test_equal_dollars_says_for_how_many_recipes_its_limits_hold(tmp_path):
    """Unadjusted, one of twenty equal recipes was `better` in .46 of reports."""
    within = {"solo-a": ("solo", 0.50, 0.001), "solo-b": ("solo", 0.60, 0.02),
              "vote": ("vote", 0.62, 0.008), "panel": ("panel", 0.64, 0.009)}  # fmt: skip
    text = next(t for t in findings(_summary(tmp_path, within, n=25)) if t.startswith("At equal"))

    assert "(95 % limits, which hold for 2 recipes at once)" in text
    assert "vote" in text
    assert "panel" in text


# Failures


def test_failures_of_the_endpoint_and_of_the_model_stand_in_sentences_of_their_own(tmp_path):
    """A gateway that times out says nothing about the model behind it."""
    words = {("solo-a", "task-1"): "timeout", ("solo-a", "task-2"): "timeout",
             ("solo-b", "task-3"): "refused", ("solo-b", "task-4"): "empty"}  # fmt: skip

    def tweak(row, rng):
        word = words.get((row["recipe"], row["task"]))
        return row if word is None else row | {"failure": word, "score": None}

    text = decision(_summary(tmp_path, CLOSE, n=20, tweak=tweak))
    sentences = re.split(r"(?<=counts 0\.) ", text)
    model = next(s for s in sentences if "Of the model" in s)
    endpoint = next(s for s in sentences if "Of the endpoint" in s)

    assert "solo-b failed 2 of 20 times" in model
    assert "solo-a" not in model.split("Of the model")[1]
    assert "solo-a failed 2 of 20 times" in endpoint
    assert by_kind({"timeout": 1, "refused": 2, "boom": 3}) == {
        "model": 2, "endpoint": 1, "unknown": 3,
    }  # fmt: skip


# Token limits


LIMITS = {"solo-a": [512], "solo-b": [512], "panel": [4096]}


def test_recipes_under_other_token_limits_are_compared_in_a_sentence_of_their_own(tmp_path):
    """Half of a panel's lead may be that it was allowed to finish."""
    summary = _summary(tmp_path, CLOSE, n=20, token_limits=LIMITS)
    text = decision(summary)
    first, second = text.split("Under other token limits than solo-a (512)")

    assert "panel" not in first.split("Against solo-a")[1]
    assert "better: panel" in second
    assert any(one["kind"] == "token limits" for one in summary["audit"])
    caveats = {row["a"]: row["caveat"] for row in summary["comparisons"]}
    assert "panel answered within 4096 tokens, solo-a within 512" in caveats["panel"]
    assert "tokens" not in caveats["solo-b"]


def test_two_runs_under_other_token_limits_are_compared_only_when_that_is_meant(tmp_path):
    """The limit was doubled between two runs, and the model was said to be better."""
    old = made_run(tmp_path / "old", CLOSE, n=12, token_limits=LIMITS)
    new = made_run(tmp_path / "new", CLOSE, n=12, token_limits=LIMITS | {"panel": [8192]})

    with pytest.raises(ProtocolsDifferError, match="panel answered within 8192 tokens"):
        fe.compare_runs(new, old)
    forced = fe.compare_runs(new, old, force=True)
    assert forced["caveat"].str.contains("different token limits in the two runs").all()
    same = made_run(tmp_path / "same", CLOSE, n=12, seed=3, token_limits=LIMITS)
    assert not fe.compare_runs(same, old)["caveat"].str.contains("token limits").any()


# Kinds of tasks


def test_checked_and_rubric_tasks_are_scored_apart_before_they_are_averaged(tmp_path):
    """100 on arithmetic and 50 on research are no 75 on anything."""
    rows = [
        trial(f"t{k}", name, float(k % 2 or level), cost_usd=0.01, latency_s=1.0,
              rubric_hash=None if k % 2 else "r", protocol=None if k % 2 else "draco",
              failure=None, degraded=None, finish="stop")
        for name, level in (("a", 0.4), ("b", 0.5)) for k in range(20)
    ]  # fmt: skip
    run = write_run(tmp_path / "run", rows)
    summary = report.summarize(run)
    text = report.write(run)["report.md"].read_text("utf-8")
    page = (run.path / "report.html").read_text("utf-8")

    lines = terminal.kinds(summary, 80)
    assert any("checked against a target (10 tasks): b 100.0 and a 100.0" in x for x in lines)
    assert any("graded by a rubric (10 tasks): b 50.0 and a 40.0" in x for x in lines)
    assert max(map(len, lines)) <= 80
    for written in (text, page):
        assert written.index("graded by a rubric (10 tasks)") < written.index("cost per task")


# Yardsticks


def _verdicts(answers):
    """recipe -> values of shape (tasks, repeats, criteria)."""
    return pd.DataFrame([
        {"task": f"t{t}", "task_hash": task_hash(f"t{t}"), "recipe": recipe, "repeat": r,
         "criterion": f"c{c}", "weight": 5.0, "value": float(values[t, r, c])}
        for recipe, values in answers.items() for t, r, c in np.ndindex(values.shape)
    ])  # fmt: skip


def test_errors_of_two_models_stand_beside_those_of_two_draws_of_one():
    """Members that err independently on each point had .48 and `1.5 members` of three."""
    rng = np.random.default_rng(4)
    hard = rng.beta(0.5, 0.5, (60, 1, 8))
    answers = {name: rng.random((60, 2, 8)) > hard for name in "ab"}
    table = fe.alike(_verdicts(answers), ["a", "b"]).set_index(["a", "b", "quantity"])["value"]

    between = table["a", "b", "error correlation"]
    again = [table[name, name, "error correlation"] for name in "ab"]
    assert between > 0.3, "hard points are hard for both"
    assert again == pytest.approx([between] * 2, abs=0.12), "and no more alike than two draws"
    same = {"a": answers["a"], "b": np.roll(answers["a"], 1, axis=1)}
    table = fe.alike(_verdicts(same), ["a", "b"]).set_index(["a", "b", "quantity"])["value"]
    assert table["a", "b", "error correlation"] == pytest.approx(
        table["a", "a", "error correlation"]
    )


def test_draws_that_never_differed_may_differ_on_as_many_tasks_as_the_rule_of_three_says():
    """`1.00 (1.00 to 1.00)` from six tasks is a certainty that six tasks do not give."""
    values = np.repeat((np.random.default_rng(1).random((6, 1, 10)) < 0.5), 2, axis=1)
    table = fe.alike(_verdicts({"a": values, "b": ~values}), ["a", "b"])
    row = table[(table["a"] == table["b"]) & (table["quantity"] == "error correlation")].iloc[0]

    assert row["value"] == pytest.approx(1)
    assert row["low"] == pytest.approx(1 - (1 - 0.05 ** (1 / 6)) / 0.5, abs=0.02)


def _committee(shared, graders=3, tasks=150, seed=0):
    """Labels, and verdicts of graders whose errors are common with probability `shared`."""
    rng = np.random.default_rng(seed)
    verdicts, labels = [], []
    for t, c in np.ndindex(tasks, 4):
        truth, common = float(rng.random() < 0.5), rng.random() < 0.2
        row = {"task": f"t{t}", "task_hash": task_hash(f"t{t}"), "recipe": "a", "repeat": 0,
               "criterion": f"c{c}", "weight": 1.0}  # fmt: skip
        labels.append(row | {"label": f"{t}/{c}", "probability": 0.5, "person": "p",
                             "value": truth})  # fmt: skip
        for g in range(graders):
            wrong = common if rng.random() < shared else rng.random() < 0.2
            verdicts.append(row | {"grader": f"g{g}", "grader_pass": 0, "section": "",
                                   "verdict": "met", "reason": "", "protocol": "p",
                                   "value": abs(truth - wrong)})  # fmt: skip
    return pd.DataFrame(verdicts), pd.DataFrame(labels)


@pytest.mark.parametrize("shared", [0.0, 0.6, 1.0])
def test_a_committee_is_worth_as_many_votes_as_its_common_errors_leave(shared):
    """Three graders that copy each other's mistakes were counted as three votes."""
    found = committee(*_committee(shared))
    true = shared**2  # errors of two graders are the common one in both with this probability

    assert found["correlation_low"] - 0.03 <= true <= found["correlation_high"] + 0.03
    assert found["votes"] == pytest.approx(effective(found["correlation"], 3))
    assert found["votes_low"] <= effective(true, 3) * 1.03
    assert found["votes_high"] >= effective(true, 3) * 0.97
    assert (found["graders"], found["n"], found["labels"]) == (3, 150, 600)


def test_one_grader_is_no_committee():
    """One vote needs no correlation."""
    assert committee(*_committee(0.0, graders=1)) is None
