"""The file of the ledger: older and newer versions, full disks, folders nobody may write to."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import pytest
from engine_kit import asked, call, through

from fusion_eval.core import Attempt, Call, Reply
from fusion_eval.engine import codec, schema
from fusion_eval.engine.ledger import Ledger
from fusion_eval.errors import TableError

REPLY = Reply(text="Here.", cost_reported=0.01, attempts=(Attempt(number=1),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger may be made."""
    return tmp_path / "ledger.sqlite"


async def answer(_: Call) -> Reply:
    """A bottom of the stack that answers."""
    return REPLY


async def never(_: Call) -> Reply:
    """A bottom that must not be reached."""
    raise AssertionError("sent")


def _old_ledger(path: Path, one: Call) -> None:
    """A ledger as the first version wrote it: compressed, with an intent left open twice."""
    connection = sqlite3.connect(path)
    schema._calls(connection)
    request = {"endpoint": one.model.endpoint.base_url, "model": one.model.id, "draw": [0, 0]}
    blobs = [zlib.compress(text.encode()) for text in (json.dumps(request), codec.dump(REPLY))]
    row = (one.key, "old", 1.0, one.model.id, *blobs)
    connection.execute("INSERT INTO replies VALUES (?,?,?,?,?,?)", row)
    lost = codec.dump_attempts(
        (Attempt(number=1, failure="interrupted", billed=None, cost_worst=0.5),)
    )
    for name in ("a", "b"):
        connection.execute("INSERT INTO intents VALUES (?,'k','old',1.0,NULL,?)", (name, lost))
    connection.commit()
    connection.close()


def test_a_ledger_of_the_first_version_is_brought_up_to_date_with_all_it_holds(path: Path):
    """An update of this program must not cost anybody the calls of a month."""
    one = call()
    _old_ledger(path, one)

    with Ledger(path) as ledger:
        known = asyncio.run(through(ledger, never)(one))
        asyncio.run(through(ledger, answer, run="new")(call(draw=1)))
        assert (known.run, known.reply) == ("old", REPLY)
        assert ledger.spent("old", []) == 0.0 + 2 * 0.5

    assert asked(path, "PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
    assert len(asked(path, "SELECT key FROM replies")) == 2


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Half a migration is a ledger that no version can read."""
    _old_ledger(path, call())

    whole = schema.MIGRATIONS

    def broken(connection: sqlite3.Connection) -> None:
        whole[1](connection)
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", (schema._calls, broken))
        with pytest.raises(TableError, match="make room"):
            Ledger(path)

    assert asked(path, "PRAGMA user_version") == [(0,)]
    with Ledger(path) as ledger:
        assert ledger.find(call().key) is not None


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(path: Path):
    """An old program that writes into it would damage what it does not understand."""
    with Ledger(path) as ledger:
        asyncio.run(through(ledger, answer)(call()))
    asked(path, "PRAGMA user_version=99")
    before = path.read_bytes()

    with pytest.raises(TableError, match=r"newer fusion-eval \(version 99"):
        Ledger(path)

    assert path.read_bytes() == before


def test_a_database_of_somebody_else_is_refused_and_left_alone(path: Path):
    """A mistyped --output-dir must not put our tables into another program's data."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE customers (name TEXT)")
    connection.commit()
    connection.close()
    before = path.read_bytes()

    with pytest.raises(TableError, match="no ledger"):
        Ledger(path)

    assert path.read_bytes() == before


def test_a_full_disk_stops_the_run_before_it_pays_for_what_it_cannot_keep(path: Path):
    """A night of replies that nobody could write down is a night paid for nothing."""
    script = """
        import asyncio, resource, signal, sys
        sys.path.insert(0, {tests!r})
        from pathlib import Path
        from engine_kit import call, through
        from fusion_eval.core import Attempt, Reply
        from fusion_eval.engine.ledger import Ledger
        from fusion_eval.errors import TableError

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        sent = seen = 0

        async def answer(one):
            global sent
            sent += 1
            return Reply(text="x" * 3000, attempts=(Attempt(number=1),))

        async def work(ledger):
            global seen
            ask = through(ledger, answer)
            for draw in range(20):
                await ask(call(draw=draw))
                seen += 1
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
            for draw in range(20, 200):
                await ask(call(draw=draw))
                seen += 1

        with Ledger(Path({path!r})) as ledger:
            try:
                asyncio.run(work(ledger))
            except TableError as problem:
                print(sent, seen, problem)
    """
    tests = str(Path(__file__).parents[1])
    filled = textwrap.dedent(script).format(tests=tests, path=str(path))
    done = subprocess.run([sys.executable, "-c", filled], capture_output=True, text=True)

    sent, seen, problem = done.stdout.split(" ", 2)
    assert "make room" in problem
    assert int(sent) <= int(seen) + 1
    assert asked(path, "PRAGMA integrity_check") == [("ok",)]
    with Ledger(path) as ledger:
        kept = [draw for draw in range(200) if ledger.find(call(draw=draw).key) is not None]
    assert kept == list(range(int(seen)))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_an_error_before_the_first_call(path: Path):
    """The first reply would be lost, and with it what it cost."""
    path.parent.chmod(0o500)
    try:
        with Ledger(path) as ledger, pytest.raises((TableError, OSError), match=r"ledger|denied"):
            asyncio.run(through(ledger, never)(call()))
    finally:
        path.parent.chmod(0o700)
