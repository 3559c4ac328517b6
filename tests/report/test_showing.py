"""`fe.show`, `fe.plan`, `fe.doctor`, `fe.validate`: the doors of a notebook beside `fe.run`."""

from __future__ import annotations

import asyncio
import math

import pandas as pd
import pytest

import fusion_eval as fe
from fusion_eval.errors import InputError, StatisticsError


def frame(simulated: bool = True, **columns: list) -> pd.DataFrame:
    """A table of ours."""
    made = pd.DataFrame(columns)
    made.attrs = {"simulated": simulated}
    return made


def test_scores_are_shown_in_points_with_their_interval_beside_them():
    """Three columns of 0.7370091 are read by nobody, and the interval is what gets dropped."""
    table = frame(recipe=["a"], score=[0.737009], low=[0.350812], high=[0.935622], n=[6])
    shown = str(fe.show(table))
    assert "73.7 (35.1 to 93.6)" in shown
    assert "score, points" in shown
    assert "low" not in shown


def test_an_interval_belongs_to_one_estimate():
    """The interval of a net benefit would be read as that of a willingness to pay."""
    table = frame(value=[0.01], net_benefit=[-0.5], low=[-1.0], high=[0.25])
    shown = str(fe.show(table))
    assert "−$0.500 (−$1.00 to $0.250)" in shown
    assert shown.count(" to ") == 1


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_stands_in_the_table_and_below_it(simulated):
    """A table is copied without the sentence that stands above it."""
    table = frame(simulated, recipe=["a"], score=[0.5])
    shown = fe.show(table)
    for form in (str(shown), shown._repr_html_()):
        assert form.count("SIMULATED") == (2 if simulated else 0)


def test_every_caveat_stands_once_below_the_table():
    """A caveat in a hidden column warns nobody."""
    table = frame(recipe=["a", "b"], score=[0.5, 0.6], caveat=["SIMULATED; few tasks", "few tasks"])
    assert str(fe.show(table)).count("few tasks") == 1


def test_unknown_and_unlimited_are_words_and_not_numbers():
    """`nan` and `inf` are read as faults of ours, and 0 would be a claim."""
    table = frame(recipe=["a", "b"], cost_usd=[math.nan, 0.01], to_usd=[math.inf, 1.0])
    line = next(row for row in str(fe.show(table)).splitlines() if row.split()[0] == "a")
    assert line.split() == ["a", "–", "∞"]


def test_names_cannot_write_html():
    """A recipe or task is named by anybody, and a notebook renders what it is given."""
    table = frame(recipe=["<script>alert(1)</script>"], caveat=["<img src=x>"], score=[0.1])
    shown = fe.show(table)._repr_html_()
    assert "<script" not in shown
    assert "<img" not in shown


def test_rows_that_are_not_shown_are_counted():
    """A table that ends without a word seems to be whole."""
    table = frame(recipe=[str(k) for k in range(45)], score=[0.5] * 45)
    assert "and 5 rows more" in str(fe.show(table))


def test_what_cannot_be_shown_is_said():
    """A column that is misspelt would be left out, and its absence taken for a result."""
    with pytest.raises(StatisticsError, match="no column skore"):
        fe.show(frame(recipe=["a"], score=[0.5]), ["recipe", "skore"])
    with pytest.raises(StatisticsError, match="int is no table"):
        fe.show(3)
    with pytest.raises(StatisticsError, match="columns are for tables"):
        fe.show(fe.plan("tasks/mini.yaml", recipes=["solo-heron"], limit=1), ["score"])


BENCH = """
    endpoints: {here: {base_url: "http://127.0.0.1:9/v1"}}
    models: {a: {endpoint: here, id: some/model}}
    recipes: {solo: {strategy: solo, member: a}}
"""


def test_plans_runs_and_doctors_work_where_a_loop_is_running(tmp_path, write):
    """A notebook has one; `asyncio.run` there ends in a traceback about coroutines."""
    (tmp_path / "empty").mkdir()
    bench = write("bench.yaml", BENCH)

    async def cell():
        choices = {"recipes": ["solo-heron"], "limit": 1, "repeats": 1, "output_dir": tmp_path}
        plan = fe.plan("tasks/mini.yaml", **choices)
        run = fe.run("tasks/mini.yaml", **choices)
        return plan, run, fe.doctor(bench)

    plan, run, found = asyncio.run(cell())
    assert run.manifest["calls"]["made"] == plan.calls.expected
    assert [one.good for one in found] == [False]
    assert "127.0.0.1:9" in found[0].text


def test_a_run_is_shown_as_its_table_and_its_decision(tmp_path):
    """Its repr was the manifest, a page long; its id would differ in every notebook."""
    run = fe.run("tasks/mini.yaml", recipes=["solo-heron", "self-heron"], output_dir=tmp_path)
    shown = str(fe.show(run))
    assert "self-heron" in shown
    assert "SIMULATED. " in shown, "the decision says so when it is copied alone"
    assert run.id not in shown
    drawn = fe.show(run)._repr_html_()
    assert drawn.count("<tr>") == 3, "a heading and two recipes"
    assert "overflow-x: auto" in drawn
    assert repr(run) == f"<Run {run.id}, finished, SIMULATED>"


def test_the_cost_of_an_answer_is_the_sum_of_its_roles_without_grading(tmp_path):
    """A role that is left out of the bars makes a panel look as cheap as its members."""
    run = fe.run("tasks/mini.yaml", recipes=["solo-heron", "panel-budget"], output_dir=tmp_path)
    table = fe.costs(run)
    means = fe.trials(run).groupby("recipe")["cost_usd"].mean()
    assert table.sum(axis=1).to_dict() == pytest.approx(means.to_dict())
    assert set(table.columns) == {"member", "judge", "synthesizer"}
    assert table.attrs["simulated"]


def test_a_plan_is_shown_with_calls_and_dollars():
    """Whoever plans in a notebook wants what `fusion-eval plan` prints."""
    shown = str(fe.show(fe.plan("tasks/mini.yaml", recipes=["panel-budget"], repeats=2)))
    assert "12 trials: 6 tasks × 1 recipes × 2 repeats; nothing was called" in shown
    assert "panel-budget │ panel    │     5" in shown


def test_validate_tells_every_problem_and_raises_nothing(write):
    """A notebook that stops at the first bad row has to be run once for each."""
    rows = write("tasks.csv", "id,prompt,target,check\na,How many?,11,numeric\na,,12,numeric\n")
    found = fe.validate(rows)
    assert len(found[0]["problems"]) >= 2
    with pytest.raises(InputError) as raised:
        fe.plan(rows)
    assert set(found[0]["problems"]) <= set(raised.value.problems)
