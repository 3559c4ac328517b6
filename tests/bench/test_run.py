"""Whole runs, on the simulator in this process and over HTTP: complete, resumable, paid once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from engine_kit import (
    MINI,
    NESTED,
    REASONING,
    RECIPES,
    bench_file,
    command,
    committed,
    completion,
    digest,
    later,
    outcome,
    rows,
    script,
    served,
    simulator,
    until,
)

import fusion_eval as fe
from fusion_eval.errors import EndpointError, InputError, StrategyError
from fusion_eval.loading.tasks import load_tasks

SIM = {"simulator": "default"}
PRICE = {"input": 2.0, "output": 15.0}
TRIALS = len(load_tasks(MINI).tasks) * len(RECIPES) * 2


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a key that is set, which makes an endpoint one that costs money."""
    monkeypatch.setenv("FAKE_KEY", "sk-fake")
    return "FAKE_KEY"


# Every trial accounted for


def test_every_trial_is_there_once_with_an_answer_or_a_failure(tmp_path: Path):
    """A trial that silently drops out makes a hard task easy for whoever fails on it."""
    run = fe.run(MINI, bench_file(tmp_path, SIM), output_dir=tmp_path / "results")

    trials = rows(run, "trials")
    wanted = {
        (task.id, recipe, repeat)
        for task in load_tasks(MINI).tasks
        for recipe in RECIPES
        for repeat in range(2)
    }
    assert Counter((t["task"], t["recipe"], t["repeat"]) for t in trials) == Counter(wanted)
    assert run.manifest["status"] == "finished"
    assert run.manifest["trials"] == {"wanted": TRIALS, "done": TRIALS, "failed": 0}
    assert all(t["score"] is not None and t["failure"] is None for t in trials)
    assert run.simulated
    assert (tmp_path / "results" / "latest").resolve() == run.path.resolve()


def test_run_again_makes_no_call_and_finds_the_same(tmp_path: Path):
    """Whoever only wants to see the report again should not wait, nor pay."""
    bench = bench_file(tmp_path, SIM, recipes=NESTED)
    first = fe.run(MINI, bench, output_dir=tmp_path / "results")
    again = fe.run(MINI, bench, output_dir=tmp_path / "results")

    assert again.id != first.id
    assert again.manifest["calls"]["made"] == 0
    assert outcome(again) == outcome(first)
    assert {call["cached"] for call in rows(again, "calls")} == {True}
    assert sum(t["spent_usd"] + t["grading_spent_usd"] for t in rows(again, "trials")) == 0.0
    assert [t["latency_s"] for t in rows(again, "trials")] == [
        t["latency_s"] for t in rows(first, "trials")
    ]


def test_a_call_that_is_shared_is_charged_to_each_recipe_and_spent_once(tmp_path: Path):
    """Without the first a panel looks too cheap; without the second the bill is invented."""
    run = fe.run(MINI, bench_file(tmp_path, SIM, recipes=NESTED), output_dir=tmp_path / "results")

    calls, counts = rows(run, "calls"), run.manifest["calls"]
    assert counts["charged"] == len(calls) > counts["made"] == len({c["key"] for c in calls})
    once = {call["key"]: call["cost_usd"] for call in calls}
    assert sum(call["spent_usd"] for call in calls) == pytest.approx(sum(once.values()))
    trials = rows(run, "trials")
    answers = [c for c in calls if c["role"] != "grader"]
    grades = [c for c in calls if c["role"] == "grader"]
    for table, cost, spent in (
        (answers, "cost_usd", "spent_usd"),
        (grades, "grading_usd", "grading_spent_usd"),
    ):
        assert sum(t[cost] for t in trials) == pytest.approx(sum(c["cost_usd"] for c in table))
        assert sum(t[spent] for t in trials) == pytest.approx(sum(c["spent_usd"] for c in table))


def test_an_answer_that_several_trials_give_is_graded_once(tmp_path: Path):
    """A vote returns one of its members' answers word for word; grading it anew costs the most."""
    run = fe.run(MINI, bench_file(tmp_path, SIM), output_dir=tmp_path / "results")

    graded = [c for c in rows(run, "calls") if c["role"] == "grader"]
    decided = {v["call_key"] for v in rows(run, "verdicts") if v["grader"] == "referee"}
    answers = {(t["task"], t["answer_hash"]) for t in rows(run, "trials") if t["grading_usd"]}
    rubrics = {task.id: len(task.criteria) for task in load_tasks(MINI).tasks}
    distinct = {c["key"] for c in graded}
    assert decided <= distinct
    assert len(decided) == sum(rubrics[task] for task, _ in answers)
    assert len(graded) > len(distinct)


def test_a_larger_task_file_pays_only_for_what_is_new_to_a_real_endpoint(tmp_path: Path):
    """With `--limit` people try a bench on a few tasks before they pay for all."""
    door = simulator(tasks=REASONING)
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url})
        small = fe.run(REASONING, bench, limit=2, output_dir=tmp_path / "results")
        large = fe.run(REASONING, bench, limit=4, output_dir=tmp_path / "results")

    assert len(door.arrived) == len(set(door.arrived))
    assert small.manifest["calls"]["made"] + large.manifest["calls"]["made"] == len(door.arrived)


# Over HTTP


def test_the_same_bench_over_http_gives_the_same_scores_as_in_process(tmp_path: Path):
    """Two doors to one simulator that disagree would make one of them a lie."""
    here = fe.run(MINI, bench_file(tmp_path / "a", SIM), output_dir=tmp_path / "here")
    with served(simulator()) as url:
        bench = bench_file(tmp_path / "b", {"base_url": url})
        there = fe.run(MINI, bench, output_dir=tmp_path / "there")

    unpriced = {"cost_usd", "cost_source"}  # a server of one's own needs no price
    for table in ("trials", "verdicts", "calls"):
        left, right = (
            [{k: v for k, v in row.items() if k not in unpriced} for row in outcome(r)[table]]
            for r in (here, there)
        )
        assert left == right
    assert there.simulated
    assert there.manifest["endpoints"]["there"]["simulator"] is None


def test_an_endpoint_that_refuses_connections_ends_the_run_before_anything_is_written(
    tmp_path: Path,
):
    """Thousands of calls would fail one by one, and leave a run directory full of nothing."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        bench = bench_file(tmp_path, {"base_url": url})
        with pytest.raises(InputError, match="no response from"):
            fe.run(MINI, bench, output_dir=tmp_path / "results")

    assert not (tmp_path / "results").exists()


def test_every_endpoint_is_checked_before_the_first_call_to_any(tmp_path: Path):
    """A grader whose key is missing should show before all answers are paid, and not after."""
    door = simulator()
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url})
        text = bench.read_text().replace(
            "models:", "  dead: {base_url: 'http://127.0.0.1:9/v1'}\nmodels:"
        )
        head, _, tail = text.partition("  referee:\n    endpoint: there")
        bench.write_text(f"{head}  referee:\n    endpoint: dead{tail}")
        with pytest.raises(EndpointError, match="'dead'"):
            fe.run(MINI, bench, output_dir=tmp_path / "results")
        assert door.arrived == []
        assert not (tmp_path / "results").exists()
        fe.run(REASONING, bench, limit=1, output_dir=tmp_path / "results")  # nobody grades here


def test_a_key_is_needed_only_while_something_is_left_to_send(
    tmp_path: Path, paid: str, monkeypatch: pytest.MonkeyPatch
):
    """A colleague with the ledger and without the key can make every table and figure again."""
    with served(simulator()) as url:
        endpoint = {"base_url": url, "api_key_env": paid}
        bench = bench_file(tmp_path, endpoint, price=PRICE, limits={"budget_usd": 5.0})
        first = fe.run(MINI, bench, output_dir=tmp_path / "results")
    monkeypatch.delenv(paid)
    again = fe.run(MINI, bench, output_dir=tmp_path / "results")
    assert outcome(again) == outcome(first)

    with pytest.raises(EndpointError, match=paid):
        fe.run(MINI, bench, seed=1, output_dir=tmp_path / "results")


# Money


def test_a_budget_is_not_overspent_and_a_larger_one_pays_only_for_the_rest(
    tmp_path: Path, paid: str
):
    """The budget is a promise, and what was paid under it is not to be paid again."""
    door = simulator(later(0.002))
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url, "api_key_env": paid}, price=PRICE)
        stopped = fe.run(MINI, bench, budget_usd=0.18, output_dir=tmp_path / "results")
        first = door.billed_usd
        again = fe.run(MINI, bench, budget_usd=0.18, output_dir=tmp_path / "results")
        second = door.billed_usd
        done = fe.run(MINI, bench, budget_usd=5.0, output_dir=tmp_path / "results")

    assert stopped.manifest["status"] == again.manifest["status"] == "stopped_by_budget"
    assert 0.03 < first == second <= 0.18
    assert stopped.id == again.id == done.id
    assert "$0.18" in stopped.manifest["stopped_because"]
    assert 0 < stopped.manifest["trials"]["done"] < TRIALS
    assert done.manifest["status"] == "finished"
    assert len(door.arrived) == len(set(door.arrived))
    trials = rows(done, "trials")
    spent = sum(t["spent_usd"] + t["grading_spent_usd"] for t in trials)
    assert spent == pytest.approx(door.billed_usd)


def test_a_stopped_run_holds_only_whole_trials(tmp_path: Path, paid: str):
    """A trial cut short by the budget, with a score from half its criteria, would be a lie."""
    with served(simulator()) as url:
        bench = bench_file(tmp_path, {"base_url": url, "api_key_env": paid}, price=PRICE)
        run = fe.run(MINI, bench, budget_usd=0.18, output_dir=tmp_path / "results")

    assert rows(run, "trials")
    graded = Counter((v["task"], v["recipe"], v["repeat"]) for v in rows(run, "verdicts"))
    for task in {v["task"] for v in rows(run, "verdicts")}:
        assert len({n for key, n in graded.items() if key[0] == task}) == 1
    assert {v["verdict"] for v in rows(run, "verdicts")} <= {"met", "unmet", "unreadable"}


# Where it can be called from


def test_a_run_works_inside_a_running_event_loop(tmp_path: Path):
    """Every notebook has one."""

    async def cell() -> Any:
        return fe.run(MINI, bench_file(tmp_path, SIM), output_dir=tmp_path / "results")

    assert asyncio.run(cell()).manifest["status"] == "finished"


def test_ctrl_c_in_a_notebook_saves_what_is_there(tmp_path: Path):
    """There the run has a thread of its own, which an interrupt does not reach by itself."""
    door = simulator(later(0.02))
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, repeats=20, limits={"max_in_flight": 4})
        files = f"{str(MINI)!r}, {str(bench)!r}, output_dir={str(tmp_path / 'results')!r}"
        text = f"""
            import asyncio, fusion_eval as fe
            async def cell():
                run = fe.run({files})
                print(run.manifest["status"], run.manifest["trials"]["done"])
            asyncio.run(cell())
        """
        process = script(text)
        until(lambda: len(door.arrived) >= 30, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    status, done = out.split()
    assert (status, err) == ("interrupted", "")
    assert 0 < int(done) < 20 * TRIALS / 2


# Stops


def test_the_first_ctrl_c_saves_and_running_again_finishes_the_same_run(tmp_path: Path):
    """Stopping is how people look at a half of a long run; it must cost nothing."""
    door = simulator(later(0.02))
    results = tmp_path / "results"
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, limits={"max_in_flight": 4})
        process = command(bench, results)
        until(lambda: len(door.arrived) >= 40, process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        stopped = fe.read_run(results / "latest")
        door.before = None
        done = fe.run(MINI, bench, output_dir=results)

    assert process.returncode == 130
    assert stopped.manifest["status"] == "interrupted"
    assert 0 < stopped.manifest["trials"]["done"] < TRIALS
    assert (done.id, done.manifest["status"]) == (stopped.id, "finished")
    assert done.manifest["started"] == stopped.manifest["started"]
    assert len(door.arrived) == len(set(door.arrived)) == len(committed(results))


def test_the_second_ctrl_c_stops_at_once_and_keeps_what_is_committed(tmp_path: Path):
    """With a server that hangs, finishing what is in progress takes for ever."""
    hang = threading.Event()

    async def stuck(body: bytes, number: int) -> None:
        while number > 30 and not hang.is_set():
            await asyncio.sleep(0.01)

    door = simulator(stuck)
    results = tmp_path / "results"
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, limits={"max_in_flight": 4})
        process = command(bench, results)
        until(lambda: len(door.arrived) >= 34, process)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        stopped = fe.read_run(results / "latest")
        hang.set()
        again = fe.run(MINI, bench, output_dir=results)

    assert process.returncode == 130
    assert stopped.manifest["status"] == "interrupted"
    assert (again.id, again.manifest["status"]) == (stopped.id, "finished")
    double = [body for body, count in Counter(door.arrived).items() if count > 1]
    assert 1 <= len(double) <= 4


def test_two_runs_at_once_never_go_on_with_the_same_run(tmp_path: Path, paid: str):
    """Both would write the same directory, and the slower one would win."""
    go = threading.Event()

    async def wait(body: bytes, number: int) -> None:
        while not go.is_set():
            await asyncio.sleep(0.005)

    door = simulator()
    results = tmp_path / "results"
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url, "api_key_env": paid}, price=PRICE)
        stopped = fe.run(MINI, bench, budget_usd=0.18, output_dir=results)
        door.before, before = wait, len(door.arrived)
        runs: list[Any] = []

        def resume() -> None:
            runs.append(fe.run(MINI, bench, budget_usd=5.0, output_dir=results))

        threads = [threading.Thread(target=resume) for _ in range(2)]
        for thread in threads:
            thread.start()
        directories = set()
        while len(directories) < 2 or len(door.arrived) == before:
            directories = {path.resolve() for path in results.glob("2*")}
            time.sleep(0.005)
        go.set()
        for thread in threads:
            thread.join()

    ids = [run.id for run in runs]
    assert stopped.id in ids
    assert len(set(ids)) == 2
    first, second = (outcome(run)["trials"] for run in runs)
    assert first == second


def test_a_bug_in_a_strategy_is_shown_and_what_was_paid_is_kept(tmp_path: Path):
    """Whoever writes strategies has bugs; each should cost a line with its place and not a bill."""
    door = simulator(later(0.01))
    results = tmp_path / "results"
    recipes = {"mine": {"strategy": "users_strategies:buggy", "member": "heron"}}
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, recipes=recipes)
        with pytest.raises(StrategyError, match=r"users_strategies\.py:\d+: .*a bug in a strategy"):
            fe.run(MINI, bench, output_dir=results)
        arrived = len(door.arrived)
        time.sleep(0.1)
        assert len(door.arrived) == arrived  # seats that were left behind ask no more
        (path,) = results.glob("2*")
        with pytest.raises(StrategyError):
            fe.run(MINI, bench, output_dir=results)

    assert arrived < 50  # and not all that the seats which were left behind still wanted
    assert arrived == len(set(door.arrived[:arrived])) <= len(committed(results))
    assert [p.name for p in results.glob("2*")] == [path.name]


def test_a_strategy_that_gives_up_a_seat_is_still_charged_for_it(tmp_path: Path):
    """Racing two models bills both; a table without the loser would make racing look free."""

    async def uneven(body: bytes, number: int) -> None:
        await asyncio.sleep(0.15 if b"kestrel" in body else 0.0)

    door = simulator(uneven)
    recipes = {"race": {"strategy": "users_strategies:first_of", "members": ["heron", "kestrel"]}}
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, recipes=recipes, repeats=1)
        run = fe.run(REASONING, bench, limit=3, output_dir=tmp_path / "results")

    calls = rows(run, "calls")
    assert Counter(call["model"] for call in calls) == {"heron": 3, "kestrel": 3}
    assert sum(call["spent_usd"] for call in calls) == pytest.approx(door.billed_usd)
    assert {call["failure"] for call in calls} == {None}


# Nesting, timing, replays


def _moody(seed: int) -> Any:
    """A `before` that lets every request wait for its own time."""
    chance = random.Random(seed)

    async def wait(body: bytes, number: int) -> None:
        await asyncio.sleep(chance.random() * 0.008)

    return wait


def test_nested_recipes_ask_the_same_whatever_comes_first(tmp_path: Path):
    """Numbered by arrival, a replay would miss calls and two recipes would share the wrong ones."""
    door = simulator()
    keys, outcomes = set(), []
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, recipes=NESTED)
        for seed in range(3):
            door.before = _moody(seed)
            results = tmp_path / f"results-{seed}"
            flight = (64, 3, 17)[seed]
            run = fe.run(MINI, bench, limit=3, max_in_flight=flight, output_dir=results)
            keys.add(tuple(key for key, _ in committed(results)))
            outcomes.append(outcome(run))

    assert len(keys) == 1
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_nested_recipes_that_were_killed_are_finished_and_replayed_without_a_new_call(
    tmp_path: Path,
):
    """Three levels of recipes, random latencies and SIGKILL: the answers must not depend on it."""
    door = simulator(_moody(5))
    results = tmp_path / "results"
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, recipes=NESTED)
        calm = fe.run(MINI, bench, output_dir=tmp_path / "calm")
        door.arrived.clear()
        process = command(bench, results)
        until(lambda: len(door.arrived) >= 100, process)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        done = fe.run(MINI, bench, output_dir=results)
        arrived = len(door.arrived)
    replayed = fe.run(MINI, bench, replay=True, output_dir=results)

    assert len(door.arrived) == arrived
    assert replayed.manifest["calls"]["made"] == 0
    assert replayed.manifest["status"] == "finished"
    assert outcome(done) == outcome(calm) == outcome(replayed)


def test_a_replay_never_calls_and_says_what_is_missing(tmp_path: Path):
    """`--replay` is for machines without a network, and for proving that nothing is paid."""
    door = simulator()
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url})
        fe.run(MINI, bench, repeats=1, output_dir=tmp_path / "results")
        before = len(door.arrived)
        half = fe.run(MINI, bench, replay=True, output_dir=tmp_path / "results")

    assert len(door.arrived) == before
    assert half.manifest["status"] == "incomplete"
    assert half.manifest["trials"]["done"] == TRIALS / 2


# Servers that fail


@pytest.mark.usefixtures("no_waits")
def test_a_server_that_fails_three_times_in_ten_loses_no_trial(tmp_path: Path):
    """Trials lost to a bad gateway are missing data, and not missing at random."""
    chance = random.Random(11)
    faults = [(500, "oops"), (429, "slow down"), (200, json.dumps(completion())[:80])]

    async def sometimes(body: bytes, number: int) -> tuple[int, str] | None:
        return chance.choice(faults) if chance.random() < 0.3 else None

    door = simulator(sometimes)
    with served(door) as url:
        bench = bench_file(tmp_path / "b", {"base_url": url}, limits={"attempts": 15})
        run = fe.run(MINI, bench, output_dir=tmp_path / "results")
        door.before = None
        calm = fe.run(MINI, bench, output_dir=tmp_path / "calm")

    assert run.manifest["status"] == "finished"
    assert run.manifest["trials"]["failed"] == 0
    assert outcome(run) == outcome(calm)
    first_uses = [c for c in rows(run, "calls") if not c["cached"]]
    assert max(c["attempt"] for c in first_uses) > 1
    assert sum(c["attempt"] for c in first_uses) > len(first_uses) * 1.2


@pytest.mark.usefixtures("no_waits")
def test_calls_that_keep_failing_leave_failures_with_a_word_and_no_zero(tmp_path: Path):
    """A zero in the place of a failure says that the model was wrong."""

    async def kestrel_is_down(body: bytes, number: int) -> tuple[int, str] | None:
        return (500, "down") if b"raptor/kestrel" in body else None

    door = simulator(kestrel_is_down)
    recipes = {**RECIPES, "lost": {"strategy": "solo", "member": "kestrel"}}
    results = tmp_path / "results"
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, recipes=recipes, limits={"attempts": 2})
        run = fe.run(MINI, bench, output_dir=results)
        trials = rows(run, "trials")
        door.before = None
        mended = fe.run(MINI, bench, output_dir=results)

    lost = [t for t in trials if t["recipe"] == "lost"]
    assert run.manifest["status"] == "incomplete"
    assert {(t["failure"], t["score"], t["score_min"]) for t in lost} == {
        ("server_error", None, None)
    }
    assert {t["cost_usd"] for t in lost} == {0.0}
    assert run.manifest["failures"] == {"server_error": len(lost)}
    panel = [t for t in trials if t["recipe"] == "panel"]
    assert all("kestrel" in t["degraded"] and t["score"] is not None for t in panel)
    assert (mended.id, mended.manifest["status"]) == (run.id, "finished")


@pytest.mark.usefixtures("no_waits")
def test_verdicts_that_could_not_be_had_open_bounds_and_make_the_run_incomplete(tmp_path: Path):
    """A grader that is down must not turn good answers into bad ones."""

    async def grader_is_down(body: bytes, number: int) -> tuple[int, str] | None:
        return (500, "down") if b"strix/owl" in body and number % 2 else None

    door = simulator(grader_is_down)
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, limits={"attempts": 1})
        run = fe.run(MINI, bench, output_dir=tmp_path / "results")

    open_ones = [t for t in rows(run, "trials") if t["coverage"] < 1]
    assert run.manifest["status"] == "incomplete"
    assert open_ones
    assert all(t["score_min"] < t["score_max"] and t["failure"] is None for t in open_ones)
    assert "not_graded" in {v["verdict"] for v in rows(run, "verdicts")}


# The kit itself


def test_what_a_door_counts_is_what_was_sent(tmp_path: Path):
    """The tests above rest on it."""
    door = simulator()
    with served(door) as url:
        run = fe.run(MINI, bench_file(tmp_path, {"base_url": url}), output_dir=tmp_path / "r")

    assert len(door.arrived) == run.manifest["calls"]["made"] == len(committed(tmp_path / "r"))
    assert digest(b"a") != digest(b"b")
