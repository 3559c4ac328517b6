"""`kill -9` in the middle: what had been committed is never asked again, and the rest is."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from engine_kit import (
    MINI,
    NESTED,
    Door,
    asked,
    bench_file,
    command,
    committed_ids,
    later,
    outcome,
    rows,
    served,
    simulator,
    until,
)

import fusion_eval as fe
from fusion_eval.engine import upkeep
from fusion_eval.engine.place import ledger_of

FLIGHT = 6


def _kill_at(arrivals: int, door: Door, bench: Path, results: Path) -> set[str]:
    """Run until so many requests have come, kill; the bodies whose replies are committed."""
    process = command(bench, results)
    until(lambda: len(door.arrived) >= arrivals, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    ids = committed_ids(results)
    return {body for body, answered in door.ids.items() if answered in ids}


def test_after_each_of_three_kills_only_uncommitted_calls_are_sent_again(tmp_path: Path):
    """A night of calls is lost with the machine, or it is not; there is nothing in between."""
    door = simulator(later(0.01))
    results = tmp_path / "results"
    with served(door) as url:
        limits = {"max_in_flight": FLIGHT}
        bench = bench_file(tmp_path, {"base_url": url}, recipes=NESTED, limits=limits)
        before: list[str] = []
        committed: set[str] = set()
        for moment in (2, 40, 130):
            now = _kill_at(moment, door, bench, results)
            assert committed <= now
            _again_only_if_uncommitted(before, committed, door)
            before, committed = list(door.arrived), now
            assert set(before) - committed  # something was lost, or the kill came too late
        door.before = None
        done = fe.run(MINI, bench, output_dir=results)
        _again_only_if_uncommitted(before, committed, door)
        calm = fe.run(MINI, bench, output_dir=tmp_path / "calm")

    assert done.manifest["status"] == "finished"
    assert [path.name for path in results.glob("2*")] == [done.id]
    assert outcome(done) == outcome(calm)
    assert upkeep.verify(ledger_of(results)) == []


def _again_only_if_uncommitted(before: list[str], committed: set[str], door: Door) -> None:
    after = door.arrived[len(before) :]
    assert len(after) == len(set(after))
    twice = set(after) & set(before)
    assert not twice & committed
    assert len(twice) <= FLIGHT


def test_every_request_that_left_has_an_intent_in_the_ledger(tmp_path: Path):
    """After a kill it says how many calls may have been billed without a reply."""
    door = simulator(later(0.01))
    results = tmp_path / "results"
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, limits={"max_in_flight": FLIGHT})
        process = command(bench, results)
        until(lambda: len(door.arrived) >= 50, process)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()

    outcomes = Counter(asked(ledger_of(results), "SELECT outcome FROM intents"))
    assert sum(outcomes.values()) >= len(door.arrived)
    assert set(outcomes) == {("done",), (None,)}


def test_a_run_that_is_killed_again_and_again_stays_within_its_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Calls in flight at a kill are billed; forgotten, every crash would make the budget larger."""
    monkeypatch.setenv("FAKE_KEY", "sk-fake")
    door = simulator(later(0.1))
    results = tmp_path / "results"
    price = {"input": 2.0, "output": 15.0}
    with served(door) as url:
        endpoint = {"base_url": url, "api_key_env": "FAKE_KEY"}
        limits = {"max_in_flight": 12, "budget_usd": 0.4}
        bench = bench_file(tmp_path, endpoint, price=price, limits=limits)
        for moment in (20, 40, 60):
            process = command(bench, results)
            while len(door.arrived) < moment and process.poll() is None:
                time.sleep(0.002)
            process.kill()
            process.communicate()
        stopped = fe.run(MINI, bench, output_dir=results)
        time.sleep(0.2)  # what was in flight at the last kill is billed too
        billed = door.billed_usd
        done = fe.run(MINI, bench, budget_usd=5.0, output_dir=results)

    assert stopped.manifest["status"] == "stopped_by_budget"
    assert billed <= 0.4
    assert (done.id, done.manifest["status"]) == (stopped.id, "finished")
    unknown = [c["possibly_paid_usd"] for c in rows(done, "calls") if c["possibly_paid_usd"]]
    assert 12 <= len(unknown) <= 3 * 12
    spent = sum(t["spent_usd"] + t["grading_spent_usd"] for t in rows(done, "trials"))
    assert spent < door.billed_usd <= spent + sum(unknown)
