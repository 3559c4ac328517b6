"""What a budget does, in words: before a run, when it stops one, and how the run goes on."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from engine_kit import MINI, REASONING, bench_file, completion, served, simulator
from hypothesis import given
from hypothesis import strategies as st

import fusion_eval as fe
from fusion_eval.bench.forecast import forecast, rounded_up, sentences, usd
from fusion_eval.cli import main
from fusion_eval.ending import command as going_on
from fusion_eval.engine.budget import Need
from fusion_eval.terminal import show_report

PRICE = {"input": 2.0, "output": 15.0}


@pytest.fixture
def command(monkeypatch, tmp_path, capsys, no_figures):
    """`command("plan", …)`: the real entry point, in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAKE_KEY", "sk-fake")

    def call(*words: object) -> tuple[int, Any]:
        monkeypatch.setattr(sys, "argv", ["fusion-eval", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code, capsys.readouterr()

    return call


def printed(said: Any) -> list[str]:
    """The command after `to go on:`, as a shell reads it."""
    (line,) = [x for x in said.err.splitlines() if x.startswith("to go on: fusion-eval ")]
    return shlex.split(line.removeprefix("to go on: fusion-eval "))


# Going on


@pytest.mark.parametrize("budget", ["0.18", "0.001"])
def test_the_command_that_is_printed_at_a_stop_finishes_the_run(command, tmp_path, budget: str):
    """Typed as printed, it ended with 4 again and without a call: a circle."""
    bench = bench_file(tmp_path, {"simulator": "default"}, price=PRICE)
    code, said = command("run", MINI, "--bench", bench, "--budget", budget)
    stopped = fe.read_run(tmp_path / "results" / "latest").manifest
    words = printed(said)

    assert code == 4
    assert stopped["status"] == "stopped_by_budget"
    assert words[:-2] == ["run", str(MINI), "--bench", str(bench)]
    assert float(words[-1]) == stopped["forecast"]["finish_usd"] > float(budget)
    assert f"about ${words[-1]}" in said.out + said.err
    code, said = command(*words)
    finished = fe.read_run(tmp_path / "results" / "latest").manifest
    assert code == 0
    assert finished["run_id"] == stopped["run_id"]
    assert finished["paid_usd"] <= float(words[-1])


def test_a_stop_says_where_it_ended_what_is_expected_and_what_finishes(command, tmp_path):
    """`Run again with a larger --budget` leaves it to trial and error how much larger."""
    bench = bench_file(tmp_path, {"simulator": "default"}, price=PRICE)
    code, said = command("run", MINI, "--bench", bench, "--budget", "0.18", "--json")
    told = json.loads(said.out)["forecast"]
    done = {row["task"] for row in fe.trials(tmp_path / "results" / "latest").to_dict("records")}

    assert code == 4
    assert 0 < told["ends_at_task"] == len(done) < told["tasks"]
    assert told["paid_usd"] < told["begin_usd"] <= told["finish_usd"]
    assert told["paid_usd"] < told["expected_usd"] <= told["finish_usd"]
    _, said = command("run", MINI, "--bench", bench, "--budget", "0.18")
    assert f"$0.18 ended at task {told['ends_at_task']} of {told['tasks']}" in said.out
    assert "whole run is expected to cost $0." in said.out


def test_the_smallest_budget_that_is_named_begins_the_next_call(command, tmp_path):
    """A number that is said to suffice and does not is worse than none."""
    bench = bench_file(tmp_path, {"simulator": "default"}, price=PRICE)
    command("run", MINI, "--bench", bench, "--budget", "0.17", "--quiet")
    before = fe.read_run(tmp_path / "results" / "latest").manifest
    least = before["forecast"]["begin_usd"]
    command("run", MINI, "--bench", bench, "--budget", least, "--quiet")
    after = fe.read_run(tmp_path / "results" / "latest").manifest

    assert after["calls"]["made"] > 0
    assert before["paid_usd"] < after["paid_usd"] <= least


def test_grading_again_goes_on_with_the_budget_it_needs(command, tmp_path):
    """A thousand criteria of a new protocol cost more than anybody guesses."""
    bench = bench_file(tmp_path, {"simulator": "default"}, price=PRICE)
    assert command("run", MINI, "--bench", bench, "--quiet")[0] == 0
    wanted = ("grade", "results/latest", "--protocol", "one-shot", "--quiet")
    code, said = command(*wanted, "--budget=0.02")
    words = printed(said)

    assert code == 4
    assert words[-2] == "--budget"
    assert "--budget=0.02" not in words
    assert command(*words)[0] == 0


def test_running_until_decided_goes_on_with_the_budget_of_all_looks(command, tmp_path):
    """With that of one look it would stop, and print a command, four times."""
    recipes = {"solo": {"strategy": "solo", "member": "heron"}}
    bench = bench_file(tmp_path, {"simulator": "default"}, recipes=recipes, price=PRICE, repeats=1)
    assert command("run", REASONING, "--bench", bench, "--quiet")[0] == 0
    assert command("baseline", "results/latest", "--to", "base")[0] == 0
    Path("policy.yaml").write_text("margin: 1\n")
    told = ("run", REASONING, "--bench", bench, "--quiet", "--seed", "8",
            "--until-decided", "policy.yaml", "--baseline", "base")  # fmt: skip
    code, said = command(*told, "--budget", "0.01", "--json")
    words = printed(said)
    sequential = json.loads(said.out)["sequential"]

    assert code == 4
    assert sequential["forecast"]["tasks"] == sequential["planned"] == 64
    assert float(words[-1]) == sequential["forecast"]["finish_usd"]
    assert command(*words)[0] in (0, 1, 3)


@pytest.mark.parametrize(
    "given_budget", [["--budget", "2"], ["--budget=2"], [], ["--budget", "2", "--budget=3"]]
)
def test_the_budget_of_a_command_is_replaced_however_it_was_given(given_budget: list[str]):
    """Two budgets in one line, and which one counts is a riddle."""
    words = ["run", "a b.yaml", *given_budget, "--seed", "2"]
    told = going_on({"forecast": {"finish_usd": 12.5}}, words)
    assert told == "fusion-eval run 'a b.yaml' --seed 2 --budget 12.5"
    assert going_on({}, words) == f"fusion-eval {shlex.join(words)}"


# Before a run


def test_a_plan_says_what_finishes_for_sure_and_where_a_budget_ends(command, tmp_path):
    """`at most $37` is nothing that anybody can act on where $2 are expected."""
    bench = bench_file(tmp_path, {"simulator": "default"}, price=PRICE)
    base = ("plan", MINI, "--bench", bench)
    whole = json.loads(command(*base, "--json")[1].out)
    told = whole["forecast"]
    finish, expected = told["finish_usd"], told["expected_usd"]

    assert expected == pytest.approx(whole["total"]["expected_usd"])
    assert finish >= whole["total"]["high_usd"] + told["call_usd"] - 1e-9
    assert told["ends_at_task"] is told["budget_usd"] is None
    for budget, wanted in (
        (finish, "is enough."),
        (round(expected * 1.1, 4), "is likely to be enough."),
        (round(expected * 0.6, 4), "ends at about task"),
        (0.001, "does not finish the first of 6 tasks"),
    ):
        _, said = command(*base, "--budget", budget)
        text = " ".join(said.out.split())
        assert f"Expected: {usd(expected)}. To finish for sure: about {usd(finish)}" in text
        assert f"Your {usd(budget)} {wanted}" in text
        ended = json.loads(command(*base, "--budget", budget, "--json")[1].out)["forecast"]
        assert ended["budget_usd"] == budget
        assert ended["finish_usd"] == finish


def test_the_task_at_which_a_budget_ends_follows_from_the_tasks_before_it():
    """Closed form: three tasks of a dollar whose calls may cost two."""
    tasks = [Need(likely=1.0, call=2.0)] * 3
    for budget, reached in ((1.9, 0), (2.0, 1), (2.9, 1), (3.0, 2), (4.0, 3), (9.0, 3)):
        told = forecast(tasks, 4.0, budget)
        assert told is not None
        assert (told.ends_at_task, told.finish_usd, told.begin_usd) == (reached, 6.0, 2.0)
        assert told.expected_usd == 3.0
    known = forecast([Need(), *tasks], 4.0, 12.0, paid_usd=10.0)
    assert known is not None
    assert (known.ends_at_task, known.finish_usd) == (2, 16.0)
    assert forecast(tasks, None, 1.0) is None  # a price is unknown


def test_what_a_budget_ends_at_is_told_for_a_first_task_too():
    """`ends at about task 0` is no sentence."""
    told = forecast([Need(likely=1.0, call=2.0)], 1.5, 1.0)
    assert told is not None
    text = sentences({name: getattr(told, name) for name in told.__slots__})
    assert "does not finish the first of 1 tasks; it begins with $2.00" in text


@given(st.floats(1e-7, 1e6))
def test_a_budget_is_rounded_up_and_hardly_changed(dollars: float):
    """Rounded down by a hundredth of a cent, a budget that suffices is refused."""
    up = rounded_up(dollars)
    assert dollars * (1 - 1e-9) <= up <= max(1.11 * dollars, dollars + 0.0100001)


# Bills above the price


def test_a_bill_above_the_benchs_price_is_told_beside_the_budget(command, tmp_path, capsys):
    """In the report only, it is read after the money is gone."""

    async def costly(body: bytes, number: int) -> tuple[int, str]:
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.02}
        return 200, json.dumps(completion("Answer: 1", usage=usage))

    recipes = {"solo": {"strategy": "solo", "member": "heron"}}
    with served(simulator(costly, tasks=REASONING)) as url:
        there = {"base_url": url, "api_key_env": "FAKE_KEY"}
        bench = bench_file(tmp_path, there, price=PRICE, recipes=recipes, repeats=1)
        code, said = command("run", REASONING, "--limit", 3, "--bench", bench, "--budget", "1")

    assert code == 0
    text = " ".join(said.out.split())
    assert "heron billed $0.0" in text
    assert "more than the worst case that was reserved, in 3 calls" in text
    assert "The budget of $1.0000 holds so far: $0.0600 count against it." in text


def test_where_the_price_is_wrong_no_larger_budget_is_recommended(command, tmp_path):
    """A bill of a hundred times the price is not mended by more money."""

    async def lying(body: bytes, number: int) -> tuple[int, str]:
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 3.0}
        return 200, json.dumps(completion("Answer: 1", usage=usage))

    recipes = {"solo": {"strategy": "solo", "member": "heron"}}
    with served(simulator(lying, tasks=REASONING)) as url:
        there = {"base_url": url, "api_key_env": "FAKE_KEY"}
        bench = bench_file(tmp_path, there, price=PRICE, recipes=recipes, repeats=1)
        code, said = command("run", REASONING, "--bench", bench, "--budget", "1")

    assert code == 4
    assert "compare its `price:`" in said.err + said.out
    assert "Correct that and run again" in said.err + said.out
    assert "larger --budget" not in said.err + said.out
    assert printed(said)[-2:] == ["--budget", "1"]


def test_a_finished_run_without_odd_bills_says_nothing_of_them(tmp_path, capsys):
    """A warning that always stands there is read by nobody."""
    run = fe.run(MINI, "demo", recipes=["solo-heron"], limit=1, output_dir=tmp_path / "r")
    show_report(run, {})
    assert "more than the worst case" not in capsys.readouterr().out
