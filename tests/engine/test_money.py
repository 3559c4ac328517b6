"""Where the dollars of a run went: by role, by model, by whom they were billed, and in total."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from engine_kit import (
    MINI,
    NESTED,
    REASONING,
    bench_file,
    command,
    completion,
    later,
    rows,
    served,
    simulator,
    until,
)

import fusion_eval as fe
from fusion_eval import report
from fusion_eval.core import Price
from fusion_eval.engine import upkeep
from fusion_eval.engine.place import ledger_of

PRICE = {"input": 2.0, "output": 15.0}


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a key that is set, which makes an endpoint one that costs money."""
    monkeypatch.setenv("FAKE_KEY", "sk-fake")
    return "FAKE_KEY"


def test_dollars_by_role_and_by_model_add_up_and_grading_stands_apart(tmp_path: Path):
    """Whoever wants to save must see whether the judge, the members or the grader cost most."""
    run = fe.run(MINI, "demo", limit=2, repeats=1, output_dir=tmp_path / "results")
    summary = report.summarize(run)
    roles, models = (summary["money"][f"by_{part}"] for part in ("role", "model"))

    assert set(roles) == {"member", "judge", "synthesizer", "grader"}
    assert set(models) == {"sparrow", "heron", "kestrel", "condor", "referee"}
    answers = [row for role, row in roles.items() if role != "grader"]
    assert sum(r["cost_usd"] for r in answers) == pytest.approx(summary["cost_usd"])
    assert sum(r["spent_usd"] for r in answers) == pytest.approx(summary["spent_usd"])
    assert roles["grader"]["cost_usd"] == pytest.approx(summary["grading_usd"])
    assert roles["grader"]["spent_usd"] == pytest.approx(summary["grading_spent_usd"])
    for part in (roles, models):
        assert sum(r["charged"] for r in part.values()) == summary["calls"]["charged"]
        assert sum(r["made"] for r in part.values()) == summary["calls"]["made"]
    assert list(roles) == sorted(roles, key=lambda r: -roles[r]["cost_usd"])


def test_the_report_shows_them_to_people(tmp_path: Path):
    """`summary.json` is for programs; the bill is discussed over the report."""
    run = fe.run(MINI, "demo", limit=2, repeats=1, output_dir=tmp_path / "results")
    text = report.write(run)["report.md"].read_text().split("## Money")[1].split("## Gaps")[0]

    assert "| role (SIMULATED) | calls | made | tokens in | tokens out | charged | spent |" in text
    assert "| model (SIMULATED) |" in text
    assert "| grader |" in text
    assert "served" not in text  # the simulator serves what is asked for


def test_a_recipe_in_a_seat_counts_under_its_seat(tmp_path: Path):
    """`member/member/synthesizer` as a role of its own would hide what the members cost."""
    bench = bench_file(tmp_path, {"simulator": "default"}, recipes=NESTED, repeats=1)
    summary = report.summarize(fe.run(MINI, bench, limit=1, output_dir=tmp_path / "results"))

    assert set(summary["money"]["by_role"]) == {"member", "judge", "synthesizer", "grader"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("raptor/kestrel-2026-10-01", "version"),
        ("kestrel", "version"),
        ("raptor/wren", "other model"),
    ],
)
def test_a_model_that_was_served_in_the_place_of_another_is_reported(
    tmp_path: Path, name: str, kind: str
):
    """A gateway that swaps the model changes what was measured, and what it cost."""

    async def swapped(body: bytes, number: int) -> tuple[int, str] | None:
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.25}
        if json.loads(body)["model"] != "raptor/kestrel":
            return None
        return 200, json.dumps(completion("Answer: 1", model=name, usage=usage))

    with served(simulator(swapped, tasks=REASONING)) as url:
        bench = bench_file(tmp_path, {"base_url": url}, repeats=1)
        run = fe.run(REASONING, bench, limit=2, output_dir=tmp_path / "results")
    summary = report.summarize(run)
    text = report.write(run)["report.md"].read_text()

    (found,) = summary["money"]["served_otherwise"]
    dollars = summary["cost_usd"]
    calls = [c for c in rows(run, "calls") if c["model_requested"] == "raptor/kestrel"]
    assert (found["requested"], found["served"], found["kind"]) == ("raptor/kestrel", name, kind)
    assert found["calls"] == len(calls) > 0
    assert found["cost_usd"] == pytest.approx(0.25 * len(calls))
    assert found["share"] == pytest.approx(0.25 * len(calls) / dollars)
    assert f"asked for raptor/kestrel, served {name} ({kind})" in text


# What a call is paid for


OWN_GRADER: dict[str, Any] = {
    "solo": {"strategy": "solo", "member": "heron"},
    "own": {"strategy": "users_strategies:self_graded", "member": "heron"},
}


def test_a_users_role_with_the_name_of_the_graders_is_part_of_what_an_answer_costs(tmp_path: Path):
    """The role is a user's word: read as ours, a third of a recipe's cost became grading."""
    bench = bench_file(tmp_path, {"simulator": "default"}, recipes=OWN_GRADER, repeats=1)
    run = fe.run(MINI, bench, limit=2, output_dir=tmp_path / "results")
    trials, calls = fe.trials(run), fe.calls(run)
    summary = report.summarize(run)
    own = calls[(calls["recipe"] == "own") & (calls["purpose"] == "answer")]
    cost = trials[trials["recipe"] == "own"]["cost_usd"].sum()

    assert set(own["role"]) == {"member", "grader"}
    assert own["cost_usd"].sum() == pytest.approx(cost)
    assert fe.costs(run).loc["own"].sum() == pytest.approx(cost / 2)
    roles = summary["money"]["by_role"]
    assert roles["grader"]["cost_usd"] == pytest.approx(summary["grading_usd"])
    assert set(roles) == {"member", "grader", "grader (answer)"}
    answers = [row["cost_usd"] for role, row in roles.items() if role != "grader"]
    assert sum(answers) == pytest.approx(summary["cost_usd"])
    plan = fe.plan(MINI, bench, limit=2, output_dir=tmp_path / "other")
    assert {(line.role, line.purpose) for line in plan.lines} == {
        ("member", "answer"), ("grader", "answer"), ("grader", "grading")
    }  # fmt: skip

    other = fe.reprice(run, {"referee": Price(input=1.0, output=1.0)})
    again = fe.trials(other)
    assert again["cost_usd"].tolist() == pytest.approx(trials["cost_usd"].tolist())


def test_calls_of_runs_from_before_there_was_a_purpose_get_theirs(tmp_path: Path):
    """After an update the money of every earlier run would be without its grading."""
    bench = bench_file(tmp_path, {"simulator": "default"}, recipes=OWN_GRADER, repeats=1)
    run = fe.run(MINI, bench, limit=2, output_dir=tmp_path / "results")
    now = fe.calls(run)
    path = run.table("calls")
    pq.write_table(pq.read_table(path).drop_columns(["purpose"]), path)

    assert fe.calls(run)["purpose"].tolist() == now["purpose"].tolist()
    assert set(now["purpose"]) == {"answer", "grading"}


PRICES = {"cheap": 1.0, "costly": 100.0}


@pytest.mark.parametrize("order", [("cheap", "costly"), ("costly", "cheap")])
def test_two_names_of_one_model_with_two_prices_are_each_charged_their_own(
    tmp_path: Path, order: tuple[str, str], monkeypatch: pytest.MonkeyPatch
):
    """One price for both is a hundredfold error for one of them, and which one hangs on the order.

    The one request that both share was sent once, and is paid at the price it was sent at.
    """
    monkeypatch.setattr("fusion_eval.engine.replies.usage.cost_of", lambda *_: None)
    with served(simulator(tasks=REASONING)) as url:
        content = {
            "endpoints": {"there": {"base_url": url}},
            "models": {
                name: {"endpoint": "there", "id": "wader/heron", "max_tokens": 512,
                       "price": {"input": PRICES[name], "output": PRICES[name]}}
                for name in order
            },
            "recipes": {f"r-{name}": {"strategy": "solo", "member": name} for name in order},
            "limits": {"max_in_flight": 1},
        }  # fmt: skip
        path = tmp_path / "bench.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        run = fe.run(REASONING, path, limit=3, output_dir=tmp_path / "results")
    trials, calls = fe.trials(run), fe.calls(run)
    tokens = calls[["tokens_input", "tokens_output", "tokens_reasoning"]].sum(axis=1)
    by_hand = calls["model"].map(PRICES) * tokens / 1e6

    assert calls["cost_usd"].tolist() == pytest.approx(by_hand.tolist())
    sums = trials.groupby("recipe")["cost_usd"].sum()
    assert sums["r-costly"] == pytest.approx(100 * sums["r-cheap"])
    paid = PRICES[order[0]] * tokens[calls["model"] == order[0]].sum() / 1e6
    assert calls["spent_usd"].sum() == pytest.approx(paid)
    assert run.manifest["money"]["spent_usd"] == pytest.approx(paid)
    assert run.manifest["paid_usd"] == pytest.approx(paid)


# The ledger is the truth


def _shown(run: Any) -> float:
    return sum(t["spent_usd"] + t["grading_spent_usd"] for t in rows(run, "trials"))


def test_the_total_of_a_run_is_that_of_its_ledger_after_kills_and_stops(tmp_path: Path, paid: str):
    """Each resume adds up what was there before; whatever is lost or doubled there is invented."""
    door, results = simulator(later(0.004)), tmp_path / "results"
    with served(door) as url:
        endpoint = {"base_url": url, "api_key_env": paid}
        limits = {"max_in_flight": 4, "budget_usd": 5.0}
        bench = bench_file(tmp_path, endpoint, price=PRICE, limits=limits)
        poor = fe.run(MINI, bench, budget_usd=0.18, output_dir=results)
        for kind in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
            begin = len(door.arrived)
            process = command(bench, results)
            until(lambda begin=begin: len(door.arrived) >= begin + 15, process)
            os.kill(process.pid, kind)
            process.communicate()
        done = fe.run(MINI, bench, output_dir=results)
        again = fe.run(MINI, bench, output_dir=results)

    money = done.manifest["money"]
    assert poor.id == done.id != again.id
    assert done.manifest["status"] == "finished"
    assert _shown(done) == pytest.approx(money["spent_usd"], abs=1e-9)
    assert money["unfinished_usd"] == 0.0
    lost = sum(c["possibly_paid_usd"] for c in rows(done, "calls"))
    assert money["counted_against_budget_usd"] == pytest.approx(money["spent_usd"] + lost, abs=1e-9)
    assert money["spent_usd"] <= door.billed_usd + 1e-9 <= money["spent_usd"] + lost + 1e-9
    assert again.manifest["money"]["spent_usd"] == _shown(again) == 0.0


def test_what_an_unfinished_trial_has_cost_is_not_forgotten(tmp_path: Path):
    """After a stop the tables hold whole trials only; the rest was paid all the same."""
    door, results = simulator(later(0.01)), tmp_path / "results"
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, limits={"max_in_flight": 4})
        process = command(bench, results)
        until(lambda: len(door.arrived) >= 30, process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        stopped = fe.read_run(results / "latest")

    money = stopped.manifest["money"]
    assert stopped.manifest["status"] == "interrupted"
    assert money["unfinished_usd"] > 0
    assert _shown(stopped) + money["unfinished_usd"] == pytest.approx(money["spent_usd"], abs=1e-9)
    text = report.write(stopped)["report.md"].read_text()
    assert "more went into trials that are not finished" in text


def test_what_may_have_been_paid_includes_grading_and_trials_that_were_not_finished(
    tmp_path: Path, paid: str
):
    """Members, judges and writers alone were 0.557 of the 0.649 dollars that may be on the bill."""

    async def silent_grader(body: bytes, number: int) -> tuple[int, str] | None:
        if json.loads(body)["model"] != "strix/owl" or number % 3:
            return None
        return 500, "no"

    with served(simulator(silent_grader)) as url:
        endpoint = {"base_url": url, "api_key_env": paid}
        limits = {"attempts": 1, "budget_usd": 9.0}
        bench = bench_file(tmp_path, endpoint, price=PRICE, limits=limits, repeats=1)
        run = fe.run(MINI, bench, output_dir=tmp_path / "results")
    calls, summary = fe.calls(run), report.summarize(run)
    lost = upkeep.stats(ledger_of(tmp_path / "results"))

    grading = calls[calls["purpose"] == "grading"]["possibly_paid_usd"].sum()
    assert 0 < grading == pytest.approx(calls["possibly_paid_usd"].sum())
    assert fe.trials(run)["possibly_paid_usd"].sum() == pytest.approx(grading)
    assert summary["possibly_paid_usd"] == pytest.approx(grading)
    assert run.manifest["money"]["possibly_paid_usd"] == pytest.approx(grading)
    assert lost["possibly_paid_usd"] == pytest.approx(grading)
    assert {one["role"] for one in lost["possibly_paid"]} == {"grader"}
    assert {one["purpose"] for one in lost["possibly_paid"]} == {"grading"}
