"""`fusion-eval power` and what `plan` says of a design: through the real entry point."""

from __future__ import annotations

import json
import os
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_runs import FOUR_PARTS, made_run

from fusion_eval import cli
from fusion_eval.design import reach
from fusion_eval.stats.noise import PUBLISHED_CHECKED_SD
from fusion_eval.stats.power import detectable

TASKS = os.path.join(os.path.dirname(__file__), "..", "..", "tasks", "mini.yaml")


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """`command("power", …)` -> (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def _command(*arguments):
        monkeypatch.setattr(sys, "argv", ["fusion-eval", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return _command


def test_a_run_says_what_it_can_see_and_what_the_difference_would_cost(command, tmp_path):
    """Whoever plans the next study needs tasks and dollars, not a formula."""
    run = made_run(tmp_path / "run", FOUR_PARTS, n=20, repeats=2, simulated=True)

    code, out, _ = command("power", run.path, "--reference", "solo-a", "--json")
    found = json.loads(out)

    assert code == 0
    assert found["simulated"] is True
    assert [row["b"] for row in found["comparisons"]] == ["solo-a"] * 3
    row = found["comparisons"][0]
    assert row["power"] >= 0.8
    assert row["usd"] > row["tasks"] * row["repeats"] * 0.004  # grading two answers alone
    code, words, _ = command("power", run.path, "--reference", "solo-a", "--no-color")
    assert code == 0
    assert "SIMULATED" in words


def test_dollars_buy_the_strongest_study_and_no_dearer_one(command, tmp_path):
    """A plan over the budget would be refused by `run` an hour later."""
    run = made_run(tmp_path / "run", FOUR_PARTS, n=20, repeats=2)

    _, out, _ = command("power", run.path, "--usd", "1.5", "--tasks", "50", "--json")

    for row in json.loads(out)["comparisons"]:
        assert row["usd"] <= 1.5
        assert row["tasks"] <= 50


def test_without_a_pilot_the_noise_of_public_runs_answers(command):
    """The first plan is made before anything has run."""
    _, out, _ = command("power", "--published", "--difference", "5", "--tasks", "100", "--json")
    found = json.loads(out)

    needed = [row["plan"]["tasks"] for row in found["pairs"]]
    assert needed == sorted(needed)
    assert needed[1] == 37
    assert "public" in found["source"]


def test_the_simulator_can_be_the_pilot_and_says_so(command):
    """It knows the tasks at hand, and nothing about real models."""
    code, out, _ = command("power", "--simulate", TASKS, "--recipes", "solo-heron,self-heron",
                           "--repeats", "2", "--json")  # fmt: skip

    found = json.loads(out)
    assert code == 0
    assert found["simulated"] is True
    assert {found["comparisons"][0]["a"], found["comparisons"][0]["b"]} == {
        "solo-heron", "self-heron",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--published", "--usd", "5"), "give a RUN"),
        (("--published", "--simulate", TASKS), "give one of them"),
        (("nowhere",), "nowhere"),
        (("RUN", "--reference", "nobody"), "no recipe 'nobody'"),
        (("RUN", "--recipes", "solo-a"), "a comparison needs two"),
    ],
)
def test_what_cannot_be_planned_is_said_in_words(command, tmp_path, arguments, words):
    """No traceback for anything a user can cause."""
    run = made_run(tmp_path / "run", FOUR_PARTS, n=6)

    code, _, err = command("power", *[run.path if a == "RUN" else a for a in arguments])

    assert code == 2
    assert words in err


def test_a_plan_counts_repeats_and_comparisons_in_what_it_can_detect(command, tmp_path):
    """Three repeats see more than one, and eight comparisons less than one."""
    code, out, _ = command("plan", TASKS, "--recipes", "solo-heron,solo-kestrel,self-heron",
                           "--json")  # fmt: skip
    found = json.loads(out)["reach"]

    assert code == 0
    assert found["comparisons"] == 2
    assert found["all_points"][1] > found["points"][1]
    assert reach(26, repeats=3).points[1] < reach(26, repeats=1).points[1]
    assert reach(100).points[1] == round(100 * detectable(0.105, 100), 1)
    assert reach(1).as_json()["points"] == [None, None, None]


def test_a_plan_over_right_or_wrong_answers_does_not_promise_what_a_rubric_can_see(command):
    """Right or wrong varies several times as much: 5 points were promised where 18 can be seen."""
    checked = reach(40, checked=40)
    code, out, _ = command("plan", TASKS, "--recipes", "solo-heron", "--json")

    assert code == 0
    assert checked.points[1] == round(100 * detectable(0.387, 40), 1)
    assert checked.source.startswith("public SWE-bench")
    assert reach(40).points[1] < reach(40, checked=20).points[1] < checked.points[1]
    assert json.loads(out)["checked"] > 0


def test_the_spread_of_right_or_wrong_answers_is_that_of_the_public_rows():
    """The figure stands behind every plan for checked tasks."""
    rows = Path(__file__).parents[3] / "shared" / "data" / "openhands" / "instances.parquet"
    if not rows.exists():
        pytest.skip("the public rows carry no licence and are not part of the repository")
    outcomes = pd.read_parquet(rows)
    chosen = outcomes[(outcomes["bench"] == "swe-bench") & (outcomes["agent"] == "openhands")]
    wide = chosen.pivot_table(index="task", columns="model", values="resolved")
    spread = [(wide[a] - wide[b]).std(ddof=1) for a, b in combinations(wide.columns, 2)]
    assert len(spread) == 561
    low, middle, high = np.quantile(spread, [0, 0.5, 1])
    assert (low, middle, high) == pytest.approx(PUBLISHED_CHECKED_SD, abs=0.0006)
