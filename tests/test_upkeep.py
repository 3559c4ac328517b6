"""`fusion-eval ledger`: damage is found and named, and what is exported comes back whole."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from engine_kit import OBJECT, call, through

from fusion_eval.core import Attempt, Call, Reply
from fusion_eval.engine import codec, upkeep
from fusion_eval.engine.ledger import Ledger
from fusion_eval.errors import TableError

CALLS = [
    call(draw=0),
    call(draw=1, prompt="Wo? ☃", output=OBJECT, seed=7, params={"top_p": 0.5}),
    call(draw=2, prompt="long " * 3000, tools=({"type": "function"},), extra_body={"a": [1, 2.5]}),
]


async def answer(one: Call) -> Reply:
    """A reply that names its call."""
    return Reply(text=f"reply {one.draw}", attempts=(Attempt(number=1),), extra={"id": "c"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of three replies and one call that was in flight at a kill."""
    path = tmp_path / "ledger.sqlite"

    async def work(ledger: Ledger) -> None:
        ask = through(ledger, answer, run="first")
        for one in CALLS:
            await ask(one)
        flying = asyncio.create_task(through(ledger, _hang, run="killed")(call(draw=9)))
        while ledger.made < 4:
            await asyncio.sleep(0.001)
        flying.cancel()
        await ledger.stop()

    with Ledger(path) as ledger:
        asyncio.run(work(ledger))
    return path


async def _hang(_: Call) -> Reply:
    await asyncio.Event().wait()
    raise AssertionError


def _ledger(*arguments: str, folder: Path) -> tuple[int, str, str]:
    """`fusion-eval ledger …` as a user types it: exit code, stdout, stderr."""
    command = [sys.executable, "-m", "fusion_eval", "ledger", *arguments, "-o", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_every_stored_request_gives_its_key_again(path: Path):
    """A reply under a wrong key answers a question that nobody asked."""
    assert upkeep.verify(path) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE replies SET reply=x'7b7d' WHERE rowid=2", "cannot be read"),
        ("UPDATE replies SET reply=x'00ff' WHERE rowid=2", "cannot be read"),
        (
            "UPDATE replies SET request=(SELECT request FROM replies WHERE rowid=1) WHERE rowid=2",
            "belongs to another key",
        ),
        ("UPDATE replies SET request=x'7b' WHERE rowid=2", "request cannot be read"),
    ],
)
def test_a_reply_that_was_changed_is_named(path: Path, damage: str, said: str):
    """A flipped bit in a reply becomes a score; only its key can tell."""
    with sqlite3.connect(path) as connection:
        connection.execute(damage)

    code, _, err = _ledger("verify", folder=path.parent)

    assert code == 2
    assert CALLS[1].key[:12] in err
    assert said in err
    assert "Traceback" not in err


def test_a_torn_page_is_found(path: Path):
    """A disk that lost a page says nothing until somebody reads it."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(content)

    code, _, err = _ledger("verify", folder=path.parent)

    assert code == 2
    assert "Traceback" not in err
    assert err.strip()


def test_what_is_exported_comes_back_and_answers_the_same_calls(path: Path, tmp_path: Path):
    """A ledger that cannot travel is a bill that the colleague pays again."""
    file, other = tmp_path / "calls.jsonl", tmp_path / "other"
    assert _ledger("export", str(file), folder=path.parent)[0] == 0
    code, out, _ = _ledger("import", str(file), "--json", folder=other)
    again = json.loads(_ledger("import", str(file), "--json", folder=other)[1])

    assert (code, json.loads(out)) == (0, {"new": 3, "known": 0, "refused": []})
    assert again == {"new": 0, "known": 3, "refused": []}
    with Ledger(path) as here, Ledger(other / "ledger.sqlite") as there:
        assert [here.find(one.key) for one in CALLS] == [there.find(one.key) for one in CALLS]
    assert upkeep.verify(other / "ledger.sqlite") == []


def test_a_line_that_does_not_fit_its_key_is_refused_and_named(path: Path, tmp_path: Path):
    """Replies from elsewhere are believed for ever; one edited by hand must not slip in."""
    lines: list[dict[str, Any]] = list(upkeep.exported(path))
    lines[1]["request"]["draw"] = [5, 5]
    file = tmp_path / "edited.jsonl"
    file.write_text("\n".join([*map(json.dumps, lines), "{", ""]))

    code, out, err = _ledger("import", str(file), folder=tmp_path / "other")

    assert code == 2
    assert out.startswith("2 new replies, 0 known, 2 refused")
    assert "line 2: its request belongs to another key" in err
    assert "line 4: not a line" in err


def test_calls_that_may_have_been_paid_without_a_reply_are_listed(path: Path):
    """After a kill somebody wants to know what the provider will ask for."""
    found = upkeep.stats(path)

    assert (found["replies"], found["runs"]) == (3, {"first": 3})
    (lost,) = found["possibly_paid"]
    assert (lost["key"], lost["run"], lost["most_usd"]) == (call(draw=9).key, "killed", 0.5)
    assert "possibly paid" in _ledger("stats", folder=path.parent)[1]


def test_pruning_removes_what_is_old_and_keeps_what_may_be_owed(path: Path):
    """Forgotten together with the replies, a lost call would enlarge the budget."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE replies SET at = at - 86400 * 10 WHERE rowid < 3")
    assert upkeep.prune(path, older_than_days=5, dry_run=True) == 2
    assert upkeep.prune(path, older_than_days=5) == 2

    with Ledger(path) as ledger:
        assert [ledger.find(one.key) is None for one in CALLS] == [True, True, False]
    assert len(upkeep.stats(path)["possibly_paid"]) == 1


def test_a_folder_without_a_ledger_is_named_and_none_is_made(tmp_path: Path):
    """An empty answer for a mistyped folder reads as: nothing was ever paid."""
    with pytest.raises(TableError, match="there is no ledger"):
        upkeep.stats(tmp_path / "ledger.sqlite")
    assert _ledger("ls", folder=tmp_path / "typo")[0] == 2
    assert not (tmp_path / "typo").exists()


def test_long_text_is_stored_smaller_and_comes_back():
    """Grading sends every answer again and again; uncompressed that is most of the file."""
    long = json.dumps({"text": "word " * 5000})
    assert len(codec.packed(long)) < len(long) / 10
    assert codec.unpacked(codec.packed(long)) == long
