"""Facts of whole answers beside their gradings: how they ended, which came back empty."""

from pathlib import Path

import pandas as pd
import pytest

import fusion_eval as fe
from fusion_eval.errors import TableError

PUBLIC = Path(__file__).parents[2] / "results" / "draco-public"
CRITERIA = "task,criterion,weight\nt1,a,10\nt1,b,10\nt2,a,5\n"
VERDICTS = "recipe,task,criterion,met\nx,t1,a,1\nx,t1,b,0\nx,t2,a,1\ny,t1,a,1\ny,t1,b,1\n"
ANSWERS = """recipe,task,finish,failure,tokens_out,cost_usd
x,t1,stop,,100,0.5
x,t2,length,,8000,
y,t2,stop,empty,1,0.2
z,t1,stop,,30,0.1
"""


def _import(write, answers=ANSWERS, verdicts=VERDICTS, **options):
    path = write("verdicts.csv", verdicts)
    return fe.import_verdicts(
        path, criteria=write("criteria.csv", CRITERIA), answers=write("answers.csv", answers),
        output_dir=path.parent / "results", **options,
    )  # fmt: skip


def test_an_answer_knows_how_it_ended_and_one_without_grading_is_a_trial_of_its_own(write):
    """A blank answer that no grader saw vanished from the table, and its recipe rose."""
    run = _import(write)

    found = fe.trials(run).set_index(["recipe", "task"])

    assert found.loc[("x", "t1"), "score"] == 0.5
    assert list(found.loc["x", "finish"]) == ["stop", "length"]
    assert list(found.loc["x", "tokens_out"]) == [100, 8000]
    assert pd.isna(found.loc[("x", "t2"), "cost_usd"]), "what is not known is not free"
    assert found.loc[("y", "t2"), "failure"] == "empty"
    assert pd.isna(found.loc[("y", "t2"), "score"])
    assert pd.isna(found.loc[("z", "t1"), "score"])
    assert pd.isna(found.loc[("z", "t1"), "failure"]), "not graded is no failure"
    assert pd.isna(found.loc[("y", "t1"), "finish"])
    means = fe.scores(fe.trials(run)).set_index("recipe")
    assert means.loc["y", "score"] == 0.5
    assert "failed and is counted as 0" in means.loc["y", "caveat"]
    assert "not_graded" not in set(fe.verdicts(run)["verdict"])


def test_the_run_says_from_which_file_the_facts_came(write):
    """Two runs that differ only there must not look like one."""
    one, other = _import(write), _import(write, ANSWERS.replace("8000", "7999"))

    assert one.manifest["answers"]["file"] == "answers.csv"
    assert one.manifest["answers"]["sha256"] != other.manifest["answers"]["sha256"]
    assert one.id.split("-")[2] != other.id.split("-")[2]


@pytest.mark.parametrize(
    ("answers", "what"),
    [
        (ANSWERS + "x,t1,stop,,1,1\n", "second time"),
        (ANSWERS.replace("recipe,", "who,"), "no column recipe"),
        (ANSWERS.replace("8000", "many"), "tokens_out 'many'"),
        (ANSWERS.replace("z,t1", "z,"), "task is empty"),
    ],
)
def test_a_file_of_answers_that_is_wrong_is_refused_with_the_line(write, answers, what):
    """A join that doubles rows would grade an answer twice."""
    with pytest.raises(TableError, match=what):
        _import(write, answers)


def test_a_fact_that_both_files_claim_to_know_is_refused(write):
    """Whichever won, somebody's costs would be wrong."""
    costs = VERDICTS.replace("met\n", "met,cost_usd\n").replace("x,t1,a,1", "x,t1,a,1,3")
    with pytest.raises(TableError, match=r"cost_usd stands in verdicts\.csv too"):
        _import(write, verdicts=costs)


def test_repeats_tell_answers_apart_and_scores_take_facts_too(write):
    """The facts of the first answer would be told of the second."""
    table = write("scores.csv", "recipe,task,repeat,score\nx,t1,0,0.2\nx,t1,1,0.4\n")
    facts = write("answers.csv", "recipe,task,repeat,finish\nx,t1,1,length\nx,t1,2,stop\n")
    run = fe.import_verdicts(table, answers=facts, output_dir=table.parent / "results")

    found = fe.trials(run).set_index("repeat")

    assert found["finish"].fillna("").to_dict() == {0: "", 1: "length", 2: "stop"}
    assert found["score"].isna().to_dict() == {0: False, 1: False, 2: True}


def test_the_public_answers_have_the_known_truncation_rates_and_the_blank_answer(tmp_path):
    """42, 36, 32, 6 and 2 %: the published ranking of writers hides them."""
    run = fe.import_verdicts(
        PUBLIC / "verdicts.parquet", criteria=PUBLIC / "criteria.parquet",
        answers=PUBLIC / "answers.parquet", output_dir=tmp_path,
    )  # fmt: skip
    trials = fe.trials(run)
    table = fe.failures(trials)
    cut = table[table["reading"] == "cut rate"].set_index("recipe")

    expected = {
        "fusion_sota5_glmfuser": 42, "fusion_sota5_opus": 36, "fusion_frontier_kimi": 32,
        "fusion_client_budget_opus": 19, "fusion_openweights_m3": 11, "fusion_m3_x10_selffusion": 7,
        "fusion_sota5_gpt55": 6, "fusion_frontier_dsv4": 4, "fusion_frontier_minimaxm3": 2,
        "fusion_frontier_gemma4": 0,
    }  # fmt: skip
    assert cut["answers"].to_dict() == expected
    assert (cut["n"] == 100).all()
    assert (cut["low"] <= cut["value"]).all()
    assert cut.loc["fusion_frontier_gemma4", "high"] == pytest.approx(0.0362, abs=1e-4)
    glm = table[table["recipe"] == "fusion_sota5_glmfuser"].set_index("reading")
    assert 100 * glm.loc["as deployed", "value"] == pytest.approx(71.11, abs=0.005)
    assert 100 * glm.loc["complete cases", "value"] == pytest.approx(71.83, abs=0.005)
    assert list(trials.loc[trials["failure"].notna(), "failure"]) == ["empty"]
