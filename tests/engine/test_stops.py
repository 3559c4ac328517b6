"""What ends a run early: signals, bugs, damaged replies, dead owners, too few file descriptors."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from engine_kit import MINI, bench_file, command, committed, later, served, simulator, until

import fusion_eval as fe
from fusion_eval.bench import output
from fusion_eval.engine import owners, upkeep
from fusion_eval.engine.owners import LEASE_S, Owner, Pulses
from fusion_eval.engine.place import ledger_of
from fusion_eval.loading.tasks import load_tasks

FLIGHT = 4
ONE = {"solo": {"strategy": "solo", "member": "heron"}}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_sends_nothing_more_and_keeps_what_is_in_flight(
    tmp_path: Path, number: signal.Signals
):
    """It went on for all trials in progress: 172 of 214 calls; SIGHUP lost all that were paid."""
    door = simulator(later(0.3))
    results = tmp_path / "results"
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, limits={"max_in_flight": FLIGHT})
        before = signal.signal(number, signal.SIG_DFL)  # else a suite under nohup ignores SIGHUP
        process = command(bench, results)
        signal.signal(number, before)
        until(lambda: len(door.arrived) >= 2 * FLIGHT, process)
        process.send_signal(number)
        pressed = len(door.arrived)
        process.communicate(timeout=90)
    assert process.returncode == 130
    assert len(door.arrived) <= pressed + FLIGHT
    assert len(committed(results)) == len(door.arrived)


def test_a_run_whose_list_of_models_trickles_can_be_ended(tmp_path: Path):
    """Before the first call two Ctrl-C did nothing for as long as the endpoint liked."""
    asked = threading.Event()

    async def trickles(scope, receive, send):
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        asked.set()
        for _ in range(300):
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.1)

    with served(trickles) as url:
        bench = bench_file(tmp_path, {"base_url": url}, recipes=ONE)
        process = command(bench, tmp_path / "results")
        until(asked.is_set, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in err) == (130, False)


def test_a_bug_in_one_trial_sets_it_aside_and_is_exit_70(tmp_path: Path):
    """One reply that a reader of ours could not stand ended a paid run, and every later one."""
    script = f"""
        import sys
        from fusion_eval.bench import running
        inner = running.run_trial
        async def breaks(task, recipe, repeat, through, bench):
            trial = await inner(task, recipe, repeat, through, bench)
            if repeat == 1 and task.id == bench_first:
                raise KeyError("secret text of a model")
            return trial
        running.run_trial = breaks
        from fusion_eval.loading.tasks import load_tasks
        bench_first = load_tasks({str(MINI)!r}).tasks[0].id
        sys.argv = ["fusion-eval", "run", {str(MINI)!r}, "--bench", "demo", "--limit", "2",
                    "--recipes", "solo-sparrow", "--repeats", "2", "--json", "--quiet"]
        from fusion_eval.cli import main
        main()
    """
    code = "\n".join(line[8:] for line in script.splitlines())
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    document = json.loads(done.stdout)
    run = fe.read_run(tmp_path / "results" / "latest")
    assert done.returncode == 70
    assert "please report this line: KeyError at bench/running.py" in done.stderr
    assert "secret text" not in done.stderr + done.stdout
    assert (run.manifest["status"], run.manifest["trials"]["done"]) == ("incomplete", 3)
    (aside,) = document["set_aside"]
    assert (aside["recipe"], aside["repeat"], len(aside["call"])) == ("solo-sparrow", 1, 64)


@pytest.mark.parametrize("disk", [False, True])
def test_a_mistake_while_a_block_is_written_costs_that_block_and_a_full_disk_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: bool
):
    """One odd value in the rows of one task threw the rest of a paid night away."""
    made, first = output.tables, load_tasks(MINI).tasks[0].id

    def breaks(trials: Any, tasks: Any, *more: Any) -> Any:
        if first in tasks:
            raise OSError(errno.ENOSPC, "No space left on device") if disk else KeyError("odd")
        return made(trials, tasks, *more)

    monkeypatch.setattr(output, "tables", breaks)
    options = {"recipes": ["solo-sparrow"], "repeats": 2, "limit": 2, "output_dir": tmp_path}
    if disk:
        with pytest.raises(OSError, match="No space left"):
            fe.run(MINI, "demo", **options)
        return
    run = fe.run(MINI, "demo", **options)
    assert (run.manifest["status"], run.manifest["trials"]["done"]) == ("incomplete", 2)
    assert {one["task"] for one in run.manifest["set_aside"]} == {first}
    assert set(fe.trials(run)["task"]).isdisjoint({first})
    monkeypatch.setattr(output, "tables", made)
    again = fe.run(MINI, "demo", **options)
    assert (again.manifest["status"], again.manifest["trials"]["done"]) == ("finished", 4)
    assert again.manifest["calls"]["made"] == 0


def test_a_damaged_reply_costs_its_trial_and_names_the_way_out(tmp_path: Path):
    """A run died of one bad sector, each time it was started."""
    options = {"recipes": ["solo-sparrow"], "repeats": 1, "limit": 2, "output_dir": tmp_path}
    fe.run(MINI, "demo", **options)
    with upkeep.opened(ledger_of(tmp_path)) as ledger:
        key = ledger.execute("SELECT key FROM replies ORDER BY at LIMIT 1").fetchone()[0]
        ledger.execute("UPDATE replies SET reply=? WHERE key=?", (b"{", key))
    again = fe.run(MINI, "demo", **options)
    assert again.manifest["status"] == "incomplete"
    assert again.manifest["trials"] == {"wanted": 2, "done": 1, "failed": 0}
    (aside,) = again.manifest["set_aside"]
    assert f"ledger forget {key[:12]}" in aside["problem"]
    with upkeep.opened(ledger_of(tmp_path)) as ledger:
        ledger.execute("DELETE FROM replies WHERE key=?", (key,))
    mended = fe.run(MINI, "demo", **options)
    assert (mended.id, mended.manifest["status"]) == (again.id, "finished")


def test_a_finished_run_without_a_report_gets_one_and_no_second_run_is_made(tmp_path: Path):
    """A report that was interrupted left its run without one for ever."""
    options = {"recipes": ["solo-sparrow"], "repeats": 1, "limit": 1, "output_dir": tmp_path}
    first = fe.run(MINI, "demo", **options)
    second = fe.run(MINI, "demo", **options, unreported=True)
    (second.path / "summary.json").write_text("{}")
    third = fe.run(MINI, "demo", **options, unreported=True)
    assert (second.id == first.id, third.id == first.id) == (True, False)


# Owners of claims


def test_an_owner_is_judged_by_whether_its_pulse_changes_and_not_by_its_clock():
    """The clock of another host that was an hour ahead blocked its calls for an hour."""
    now = [0.0]
    pulses = Pulses("here/1", clock=lambda: now[0])
    ahead = time.time() + 3_600
    assert pulses.silent_s("a", ("there/1", 7, ahead)) == 0.0
    now[0] = LEASE_S - 1
    assert pulses.silent_s("a", ("there/1", 7, ahead)) == LEASE_S - 1
    assert pulses.silent_s("a", ("there/1", 7, ahead + 5)) == 0.0
    now[0] = 2 * LEASE_S
    assert pulses.silent_s("a", ("there/1", 7, ahead + 5)) == float("inf")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
def test_a_killed_owner_that_nobody_reaped_is_dead_at_once():
    """In a container without an init its calls were blocked for a minute, in silence."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    row = (owners.here(), process.pid, time.time())
    pulses = Pulses(owners.here())
    assert pulses.silent_s("a", row) == 0.0
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, not reaped
    try:
        assert (pulses.silent_s("a", row), Owner().lives(row)) == (float("inf"), False)
    finally:
        process.wait()


def test_damaged_rows_of_owners_are_dead():
    """A flipped bit turns a number into a text, and the text into a TypeError."""
    assert Pulses("h").silent_s("a", ("h", "x", b"y")) == float("inf")
    assert Owner().lives(("h", None, 1.0)) is False


# File descriptors


def test_few_file_descriptors_cost_speed_and_no_reply(tmp_path: Path):
    """61 requests were sent, 11 replies kept, and 50 paid ones dropped."""
    door = simulator(later(0.05))
    results = tmp_path / "results"
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url}, limits={"max_in_flight": 256})
        line = [sys.executable, "-m", "fusion_eval", "run", str(MINI), "--bench", str(bench)]
        shell = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *line, "-o", str(results)]
        done = subprocess.run(shell, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "24 calls in flight and not 256" in done.stderr
    assert len(door.arrived) == len(set(door.arrived)) == len(committed(results))
