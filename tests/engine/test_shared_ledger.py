"""A ledger in PostgreSQL: what holds for the file holds for colleagues on other machines.

`make postgres` runs the suite of kills, budgets and resumed runs against it too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from engine_kit import (
    MINI,
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
from postgres_kit import cut_connections

import fusion_eval as fe
from fusion_eval.engine import upkeep
from fusion_eval.engine.copying import copy
from fusion_eval.engine.place import VARIABLE, ledger_of, place_of, shared
from fusion_eval.errors import InputError, TableError
from fusion_eval.store import read_run

FLIGHT = 6
_RUN = """
import sys, fusion_eval as fe
fe.run(sys.argv[1], sys.argv[2], output_dir=sys.argv[3])
"""


def _bench(folder: Path, url: str, **fields: object) -> Path:
    return bench_file(folder, {"base_url": url}, limits={"max_in_flight": FLIGHT}, **fields)


def test_four_machines_on_one_ledger_make_each_call_once(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
):
    """A team that shares a ledger pays once for what any colleague has asked, also meanwhile."""
    monkeypatch.setenv(VARIABLE, database)
    door = simulator(later(0.02))
    with served(door) as url:
        bench = _bench(tmp_path, url)
        folders = [tmp_path / str(k) for k in range(4)]
        processes = [
            subprocess.Popen([sys.executable, "-c", _RUN, str(MINI), str(bench), str(folder)])
            for folder in folders
        ]
        assert [process.wait(timeout=120) for process in processes] == [0] * 4
    assert len(door.arrived) == len(set(door.arrived)) == 148
    done = [read_run(folder / "latest") for folder in folders]
    assert all(outcome(run) == outcome(done[0]) for run in done)
    paid = [sum(row["spent_usd"] for row in rows(run, "calls")) for run in done]
    once = {row["key"]: row["cost_usd"] for row in rows(done[0], "calls")}
    assert sum(paid) == pytest.approx(sum(once.values()))


def test_connections_that_are_cut_lose_nothing_and_ask_nothing_twice(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
):
    """A database is restarted, a firewall forgets: a run waits and goes on, at no cost."""
    monkeypatch.setenv(VARIABLE, database)
    door, over = simulator(later(0.02)), threading.Event()
    cut = 0

    def cutting() -> None:
        nonlocal cut
        while not over.wait(0.05):
            cut += cut_connections(database)

    with served(door) as url:
        bench = _bench(tmp_path, url)
        thread = threading.Thread(target=cutting)
        thread.start()
        try:
            done = fe.run(MINI, bench, output_dir=tmp_path / "results")
        finally:
            over.set()
            thread.join()
        monkeypatch.delenv(VARIABLE)
        asked_then = list(door.arrived)
        calm = fe.run(MINI, bench, output_dir=tmp_path / "calm")
    assert cut >= 5
    assert done.manifest["status"] == "finished"
    assert len(asked_then) == len(set(asked_then)) == 148
    assert outcome(done) == outcome(calm)


def test_a_killed_run_is_gone_on_with_from_another_machine(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
):
    """What a machine that died had paid for is there for whoever takes over."""
    monkeypatch.setenv(VARIABLE, database)
    door = simulator(later(0.02))
    with served(door) as url:
        bench = _bench(tmp_path, url)
        process = command(bench, tmp_path / "first")
        until(lambda: len(door.arrived) >= 50, process)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        before, ids = list(door.arrived), committed_ids(tmp_path / "first")
        committed = {body for body, answered in door.ids.items() if answered in ids}
        done = fe.run(MINI, bench, output_dir=tmp_path / "second")
    twice = set(door.arrived[len(before) :]) & set(before)
    assert done.manifest["status"] == "finished"
    assert committed
    assert not twice & committed
    assert len(twice) <= FLIGHT
    lost = upkeep.stats(shared(database))["possibly_paid"]
    assert len(lost) <= FLIGHT


def test_a_bench_file_names_the_ledger_and_later_commands_find_it(
    tmp_path: Path, database: str, capfd: pytest.CaptureFixture[str]
):
    """`explain` that looks into an empty file says that a call was never made."""
    door = simulator()
    with served(door) as url:
        bench = _bench(tmp_path, url, ledger=database)
        run = fe.run(MINI, bench, output_dir=tmp_path / "results")
    place = ledger_of(tmp_path / "results")
    assert place == shared(database)
    assert not (tmp_path / "results" / "ledger.sqlite").exists()
    assert upkeep.stats(place)["replies"] == 148
    assert upkeep.verify(place) == []
    assert run.manifest["status"] == "finished"
    view = "SELECT role, sum(replies) FROM attempts_by_role GROUP BY role"
    assert sum(count for _, count in asked(place, view)) == 148


def test_a_ledger_copied_there_and_back_is_the_same_to_the_byte(tmp_path: Path, database: str):
    """Whoever moves to a database, or away from one, pays for nothing again."""
    door = simulator()
    with served(door) as url:
        fe.run(MINI, _bench(tmp_path, url), output_dir=tmp_path / "results")
    file, back = tmp_path / "results" / "ledger.sqlite", tmp_path / "back.sqlite"
    there = copy(file, shared(database))
    assert (there.new, there.known, there.damaged) == (148, 0, ())
    again = copy(file, shared(database))
    assert (again.new, again.known) == (0, 148)
    copy(shared(database), back)
    for table in ("replies", "intents"):
        sql = f"SELECT * FROM {table} ORDER BY 1"
        assert asked(back, sql) == asked(file, sql)


def test_a_copy_that_is_stopped_goes_on_where_it_was(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
):
    """A million replies take a while, and lines drop."""
    monkeypatch.setattr("fusion_eval.engine.copying._PAGE", 40)
    door = simulator()
    with served(door) as url:
        fe.run(MINI, _bench(tmp_path, url), output_dir=tmp_path / "results")
    file = tmp_path / "results" / "ledger.sqlite"

    def stop(done: int, of: int) -> None:
        assert of == 148
        if done >= 80:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(file, shared(database), stop)
    assert upkeep.stats(shared(database))["replies"] == 80
    rest = copy(file, shared(database))
    assert (rest.new, rest.known) == (68, 80)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://me:secret-word@db/evals", "PGPASSWORD"),
        ("postgresql://db/evals?password=secret-word", "PGPASSWORD"),
        ("mysql://me@db/evals", "postgresql://"),
        ("postgresql://[db/evals", "no URL"),
    ],
)
def test_a_url_that_is_none_or_holds_a_password_is_refused(url: str, words: str):
    """Passwords in URLs end in manifests, logs and shell histories."""
    with pytest.raises(InputError, match=words) as problem:
        place_of(url)
    assert "secret-word" not in str(problem.value)


def test_a_database_that_nobody_answers_for_is_named_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A traceback of a driver tells nobody which of ten machines is down."""
    pytest.importorskip("psycopg")
    monkeypatch.setattr("fusion_eval.engine.postgres._AT_FIRST_S", 0.1)
    monkeypatch.setenv(VARIABLE, "postgresql://me@127.0.0.1:1/evals")
    with pytest.raises(TableError, match=r"127\.0\.0\.1:1/evals.*refused.*reached"):
        fe.plan(MINI, "demo", output_dir=tmp_path)


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    """`No module named psycopg` names a package that nobody asked for."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(InputError, match=r"fusion-eval\[postgres\]"):
        upkeep.stats(shared("postgresql://me@db/evals"))


def test_tables_of_somebody_else_and_of_a_newer_version_are_left_alone(database: str):
    """A typing mistake in a name must not write into the company's customers."""
    psycopg = pytest.importorskip("psycopg")
    upkeep.stats(shared(database))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE ledger_version SET version=99")
        with pytest.raises(TableError, match="newer fusion-eval"):
            upkeep.stats(shared(database))
        connection.execute("DROP TABLE ledger_version")
    with pytest.raises(TableError, match="somebody else"):
        upkeep.stats(shared(database))
