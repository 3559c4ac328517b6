"""`fusion-eval ledger`: damage is found and named, and what is exported comes back whole."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
from pathlib import Path
from typing import Any

import forked
import pytest
from engine_kit import OBJECT, call, through

from fusion_eval.core import Attempt, Call, Reply
from fusion_eval.engine import codec, upkeep
from fusion_eval.engine.ledger import Ledger
from fusion_eval.engine.lookup import lookup
from fusion_eval.errors import DamagedReplyError, FusionEvalError, TableError

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
    done = forked.run("ledger", *arguments, "-o", folder)
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


def test_an_export_of_a_damaged_ledger_saves_everything_else(path: Path, tmp_path: Path):
    """It stopped at the first damaged reply, and every paid reply behind it was lost."""
    (first, *others) = [line["key"] for line in upkeep.exported(path)]
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE replies SET reply = x'00' WHERE key = ?", (first,))
    file = tmp_path / "saved.jsonl"
    code, _, err = _ledger("export", str(file), folder=path.parent)

    assert code == 2
    assert [json.loads(line)["key"] for line in file.read_text().splitlines()] == others
    assert f"left out: {path}" in err or "left out: " in err
    assert first[:12] in err
    taken = upkeep.imported(tmp_path / "new.sqlite", file.read_bytes().splitlines())
    assert (taken.new, taken.refused) == (2, ())


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


def _rewritten(path: Path, change: Any) -> None:
    """Alter the stored replies of a ledger as an editor would: decoded, changed, encoded."""
    with sqlite3.connect(path) as connection:
        for key, blob in list(connection.execute("SELECT key, reply FROM replies")):
            value = json.loads(codec.unpacked(blob))
            change(value)
            blob = codec.packed(json.dumps(value))
            connection.execute("UPDATE replies SET reply=? WHERE key=?", (blob, key))


def test_a_reply_that_was_edited_into_another_good_one_is_named(path: Path):
    """UNMET edited into MET replayed as a better score, and `verify` said whole."""
    _rewritten(path, lambda value: value.update(text="MET"))

    damage = upkeep.verify(path)

    assert len(damage) == len(CALLS)
    assert all("bytes have changed" in line and "ledger forget" in line for line in damage)
    with Ledger(path) as ledger, pytest.raises(DamagedReplyError, match="bytes have changed"):
        ledger.find(CALLS[0].key)


def test_replies_of_older_versions_are_counted_as_unsealed_and_still_serve(path: Path):
    """Nobody can say whether they are as they were written; throwing them away costs money."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE replies SET seal=NULL")
    assert (upkeep.verify(path), upkeep.unsealed(path)) == ([], len(CALLS))
    assert "3 replies of an older version" in _ledger("verify", folder=path.parent)[1]
    with Ledger(path) as ledger:
        assert ledger.find(CALLS[0].key) is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", 5),
        ("latency_s", "x"),
        ("usage", {"input": "a", "output": 1}),
        ("usage", 3),
        ("attempts", None),
        ("attempts", [{"failure": 5}]),
        ("simulated", "yes"),
        ("extra", []),
    ],
)
def test_an_import_refuses_replies_of_other_types(path: Path, tmp_path: Path, field, value):
    """They were taken, and the next plan or run died of them."""
    lines = list(upkeep.exported(path))
    lines[1]["reply"][field] = value
    taken = upkeep.imported(tmp_path / "other.sqlite", [json.dumps(x).encode() for x in lines])
    assert (taken.new, taken.known, len(taken.refused)) == (2, 0, 1)
    assert taken.refused[0].startswith("line 2: cannot be read")


@pytest.mark.parametrize("head", [{"key": 5}, {"run": None}, {"at": "now"}, {"model": []}])
def test_an_import_refuses_a_head_of_other_types(path: Path, tmp_path: Path, head):
    """A number as the name of a run is no run that anybody can find."""
    lines = [{**line, **head} for line in upkeep.exported(path)]
    taken = upkeep.imported(tmp_path / "other.sqlite", [json.dumps(x).encode() for x in lines])
    assert (taken.new, len(taken.refused)) == (0, 3)


def test_an_import_names_lines_that_are_not_utf_8(path: Path, tmp_path: Path):
    """One odd byte ended the import with a traceback."""
    good = [json.dumps(line).encode() for line in upkeep.exported(path)]
    taken = upkeep.imported(tmp_path / "other.sqlite", [b'{"key": "\xff"}', *good])
    assert (taken.new, taken.refused) == (
        3,
        ("line 1: not UTF-8, or half of a character in a text",),
    )


@pytest.mark.parametrize("version", [-5, -1])
def test_a_version_that_no_ledger_has_is_named(path: Path, version: int):
    """It ended in an IndexError, for ever."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={version}")
    with pytest.raises(TableError, match=f"version {version} of its tables"):
        Ledger(path)


NOT_UTF8 = "line 1: not UTF-8, or half of a character in a text"
FLIPS = int(os.environ.get("FUSION_EVAL_MUTATIONS", "60"))


def test_no_flipped_bit_of_a_ledger_ends_in_a_traceback(path: Path, tmp_path: Path):
    """A damaged disk should cost the replies that it hit, and a sentence that says so."""
    whole = path.read_bytes()
    for seed in range(FLIPS):
        chance, bent = random.Random(seed), bytearray(whole)
        for _ in range(20):
            at = chance.randrange(len(bent))
            bent[at] ^= 1 << chance.randrange(8)
        file = tmp_path / f"{seed}.sqlite"
        file.write_bytes(bytes(bent))
        _used_in_every_way(file, f"seed {seed}")


def _used_in_every_way(file: Path, what: str) -> None:
    def read() -> None:
        with Ledger(file) as ledger:
            ledger.spent("run", {})
            ledger.failed_attempts("run")
            list(ledger.history(CALLS[0].model.id))
            for one in CALLS:
                ledger.find(one.key)

    ways: dict[str, Any] = {
        "read": read,
        "verify": lambda: upkeep.verify(file),
        "stats": lambda: json.dumps(upkeep.stats(file), allow_nan=False),
        "ls": lambda: upkeep.listed(file, limit=5),
        "export": lambda: list(upkeep.exported(file)),
        "export the rest": lambda: list(upkeep.exported(file, [])),
        "look up": lambda: lookup(file)(CALLS[0].key),
    }
    for name, way in ways.items():
        try:
            way()
        except FusionEvalError:
            continue
        except Exception as problem:
            raise AssertionError(f"{name} of the ledger of {what}") from problem
