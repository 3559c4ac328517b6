"""The gate with real runs on the simulator: replays from a slice, and stopping early."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from fusion_eval.cli import main
from fusion_eval.engine.upkeep import exported
from fusion_eval.store import read_run

ROOT = Path(__file__).parents[2]
TASKS = ROOT / "tasks" / "reasoning.yaml"
CHEAP = ("--recipes", "solo-condor,solo-heron", "--quiet")


@pytest.fixture
def command(monkeypatch, tmp_path, capsys, no_figures):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["fusion-eval", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code, capsys.readouterr()

    return call


def _baseline(command, *more):
    assert command("run", TASKS, *CHEAP, "--repeats", "2")[0] == 0
    return command("baseline", "results/latest", "--to", "base", *more)


def test_a_replay_from_the_slice_of_a_ledger_costs_nothing_and_gives_the_same_answers(command):
    """Most pull requests change no model: their gate must not pay for one."""
    code, said = _baseline(command, "--with-ledger", "--json")
    assert code == 0
    assert json.loads(said.out)["files"] == ["base/baseline.json", "base/ledger.jsonl"]
    elsewhere = ("-o", "elsewhere")
    assert command("ledger", "import", "base/ledger.jsonl", *elsewhere)[0] == 0
    assert command("run", TASKS, *CHEAP, "--repeats", "2", "--replay", *elsewhere)[0] == 0
    assert read_run("elsewhere/latest").manifest["calls"]["made"] == 0

    code, said = command("gate", "elsewhere/latest", "--baseline", "base", "--margin", "1")
    assert code == 0
    assert "proves nothing about the models" in said.out


def test_a_call_that_the_slice_has_not_ends_the_replay(command):
    """A changed prompt would otherwise be asked, and paid, without a word."""
    assert _baseline(command, "--with-ledger")[0] == 0
    elsewhere = ("-o", "elsewhere")
    command("ledger", "import", "base/ledger.jsonl", *elsewhere)
    told = ("run", TASKS, *CHEAP, "--repeats", "2", "--seed", "8", "--replay", *elsewhere)

    assert command(*told)[0] == 5


def test_a_run_stops_as_soon_as_every_rule_is_decided(command, tmp_path):
    """What is known after a quarter of the tasks need not be paid four times."""
    _baseline(command)
    Path("policy.yaml").write_text("margin: 35\nrules: [quality]\n")
    told = ("run", TASKS, *CHEAP, "--repeats", "2", "--seed", "8", "--json",
            "--until-decided", "policy.yaml", "--baseline", "base")  # fmt: skip
    code, said = command(*told)
    found = json.loads(said.out)["sequential"]

    assert code == 0
    assert found["why"] == "decided"
    assert found["tasks"] < found["planned"] == 64
    assert found["saved"] == 64 - found["tasks"]
    assert {one["word"] for one in found["looks"][-1]} == {"pass"}
    left = [path for path in Path("results").glob("2*") if path.is_dir()]
    assert len(left) == 2  # the baseline's run, and the last look
    assert command(*told)[0] == 0  # again, from the ledger


def test_two_quality_rules_of_one_recipe_keep_their_own_words(command):
    """The word of the lenient rule must not be told as that of the strict one."""
    _baseline(command)
    Path("policy.yaml").write_text(
        "recipes: [solo-heron]\nrules: [quality: {margin: 0}, quality: {margin: 60}]\n"
    )
    told = ("run", TASKS, *CHEAP, "--repeats", "2", "--seed", "8", "--json",
            "--until-decided", "policy.yaml", "--baseline", "base")  # fmt: skip
    code, said = command(*told)
    words = {rule["rule"]: rule["outcome"] for rule in json.loads(said.out)["rules"]}

    assert words["score not worse by 60"] == "pass"
    assert words["score not worse by 0"] != "pass"
    assert code in (1, 3)


@pytest.mark.parametrize("budget", ["0.000001", "0.02"])
def test_a_spent_budget_ends_with_4_and_says_how_far_it_came(command, budget):
    """Out of money is neither a failure nor a pass."""
    _baseline(command)
    Path("policy.yaml").write_text("margin: 1\nrecipes: [solo-heron]\n")
    told = ("run", TASKS, "--quiet", "--repeats", "1", "--seed", "8", "--json",
            "--until-decided", "policy.yaml", "--baseline", "base")  # fmt: skip

    code, said = command(*told, "--recipes", "solo-heron", "--budget", budget)
    assert code == 4, said.err
    found = json.loads(said.out)["sequential"]
    assert found["why"] == "budget"
    assert found["tasks"] < 64
    assert found["paid_usd"] <= float(budget)


def test_too_few_tasks_for_four_looks_are_refused(command):
    """Five tasks a look are the least from which a variance can be told."""
    assert command("run", TASKS, *CHEAP, "--limit", "8")[0] == 0
    assert command("baseline", "results/latest", "--to", "base", "--allow", "filtered")[0] == 0
    Path("policy.yaml").write_text("margin: 5\n")

    code, said = command(
        "run", TASKS, *CHEAP, "--until-decided", "policy.yaml", "--baseline", "base"
    )
    assert code == 2
    assert "need 20 or more" in said.err


def test_the_budget_of_looks_is_one_over_all_starts_also_where_a_run_left_nothing(command):
    """Started again as the tool advises, three times, it paid 136 % of its budget."""
    _baseline(command)
    Path("policy.yaml").write_text("margin: 1\nrecipes: [solo-heron]\n")
    told = ("run", TASKS, "--quiet", "--repeats", "1", "--seed", "8", "--json",
            "--until-decided", "policy.yaml", "--baseline", "base")  # fmt: skip
    before = set(Path("results").glob("2*"))
    for start in range(3):
        code, _ = command(*told, "--recipes", "solo-heron", "--budget", "0.02")
        assert code == 4
        if start < 2:  # killed before its directory was written
            for folder in set(Path("results").glob("2*")) - before:
                shutil.rmtree(folder)
    baseline = {folder.name for folder in before}
    made = [line for line in exported(Path("results/ledger.sqlite")) if line["run"] not in baseline]
    spent = sum(line["reply"]["cost_reported"] for line in made)

    assert 0.0 < spent <= 0.02
