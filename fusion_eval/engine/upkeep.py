"""Looking after a ledger: what is in it, whether it is whole, and how it travels as JSON lines."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion_eval.engine import codec, rows, schema
from fusion_eval.engine.owners import Owner
from fusion_eval.engine.writer import connect
from fusion_eval.errors import TableError

_DAY_S = 86_400.0
_COLUMNS = "key, run, at, model, request, reply"
_PUT = f"INSERT OR IGNORE INTO replies ({_COLUMNS}) VALUES (?,?,?,?,?,?)"


@dataclass(frozen=True, slots=True)
class Taken:
    """What an import did: replies that are new, that were known, and lines that were refused."""

    new: int
    known: int
    refused: tuple[str, ...]


@contextmanager
def opened(path: Path, *, make: bool = False) -> Iterator[sqlite3.Connection]:
    """The ledger of a file; TableError where there is none or it cannot be read."""
    if not make and not path.exists():
        raise TableError(f"{path}: there is no ledger; give the --output-dir of your runs")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = connect(path)
    except sqlite3.DatabaseError as problem:
        raise TableError(f"{path}: this ledger cannot be used ({problem})") from None
    try:
        yield connection
    except sqlite3.DatabaseError as problem:
        raise TableError(
            f"{path}: this ledger cannot be used ({problem}); `fusion-eval ledger verify` says more"
        ) from None
    finally:
        connection.close()


def stats(path: Path) -> dict[str, Any]:
    """Counts and sizes: replies by model and run, and what may have been paid without a reply."""
    with opened(path) as ledger:
        models = ledger.execute(
            "SELECT model, count(*) FROM replies GROUP BY model ORDER BY 2 DESC"
        )
        runs = ledger.execute("SELECT run, count(*) FROM replies GROUP BY run ORDER BY min(at)")
        (oldest, newest) = ledger.execute("SELECT min(at), max(at) FROM replies").fetchone()
        lost = _open(ledger)
        return {
            "path": str(path),
            "version": len(schema.MIGRATIONS),
            "bytes": path.stat().st_size,
            "models": dict(models.fetchall()),
            "runs": dict(runs.fetchall()),
            "replies": ledger.execute("SELECT count(*) FROM replies").fetchone()[0],
            "oldest": when(oldest),
            "newest": when(newest),
            "in_flight": sum(one["in_flight"] for one in lost),
            "possibly_paid": [one for one in lost if not one["in_flight"]],
        }


def _open(ledger: sqlite3.Connection) -> list[dict[str, Any]]:
    """Attempts that were sent and never ended; `in_flight` where their process still lives."""
    me = Owner()
    pulses = {row[0]: row[1:] for row in ledger.execute("SELECT id, host, pid, at FROM owners")}
    sql = (
        "SELECT key, run, at, worst, owner, outcome FROM intents "
        "WHERE outcome IS NULL OR outcome='interrupted' ORDER BY at"
    )
    return [
        {
            "key": key,
            "run": run,
            "at": when(at),
            "most_usd": worst,
            "in_flight": outcome is None and me.lives(pulses.get(owner)),
        }
        for key, run, at, worst, owner, outcome in ledger.execute(sql)
    ]


def listed(path: Path, *, limit: int, model: str | None = None) -> list[dict[str, Any]]:
    """The newest replies, each with the start of its text."""
    sql = f"SELECT {_COLUMNS} FROM replies WHERE model=coalesce(?, model) ORDER BY at DESC LIMIT ?"
    with opened(path) as ledger:
        return [
            {"key": key, "at": when(at), "run": run, "model": name, "text": _start(blob)}
            for key, run, at, name, _, blob in ledger.execute(sql, (model, limit))
        ]


def _start(blob: bytes) -> str:
    try:
        return " ".join(codec.load(codec.unpacked(blob)).text.split())[:80]
    except Exception:
        return "(damaged)"


def verify(path: Path) -> list[str]:
    """Every damage, in words: pages that SQLite cannot read, replies that do not fit their keys."""
    with opened(path) as ledger:
        found = [str(row[0]) for row in ledger.execute("PRAGMA integrity_check")]
        damage = [f"{path}: {problem}" for problem in found if problem != "ok"]
        sql = f"SELECT {_COLUMNS} FROM replies"
        try:
            for key, run, _, _, request, reply in ledger.execute(sql):
                if problem := _problem(key, request, reply):
                    damage.append(f"reply {key[:12]} of run {run}: {problem}")
        except sqlite3.DatabaseError as problem:
            damage.append(f"{path}: not all replies can be read ({problem})")
    return damage


def _problem(key: str, request: bytes, reply: bytes) -> str | None:
    try:
        codec.load(codec.unpacked(reply))
    except Exception as problem:
        return f"cannot be read ({type(problem).__name__})"
    try:
        made_of = rows.key_of(codec.unpacked(request))
    except Exception as problem:
        return f"its request cannot be read ({type(problem).__name__})"
    if made_of is not None and made_of != key:
        return "its request belongs to another key"
    return None


def prune(path: Path, *, older_than_days: float, dry_run: bool = False) -> int:
    """Remove replies that are older; what may have been paid without a reply stays listed."""
    before = time.time() - older_than_days * _DAY_S
    with opened(path) as ledger:
        (count,) = ledger.execute("SELECT count(*) FROM replies WHERE at<?", (before,)).fetchone()
        if count and not dry_run:
            ledger.execute("BEGIN IMMEDIATE")
            ledger.execute("DELETE FROM replies WHERE at<?", (before,))
            ledger.execute("DELETE FROM intents WHERE at<? AND outcome='done'", (before,))
            ledger.execute("COMMIT")
            ledger.execute("VACUUM")
        return int(count)


def exported(path: Path) -> Iterator[dict[str, Any]]:
    """Every reply as a JSON value, oldest first."""
    with opened(path) as ledger:
        for key, run, at, model, request, reply in ledger.execute(
            f"SELECT {_COLUMNS} FROM replies ORDER BY at, key"
        ):
            asked = json.loads(codec.unpacked(request))
            answered = json.loads(codec.unpacked(reply))
            head = {"key": key, "run": run, "at": at, "model": model}
            yield {**head, "request": asked, "reply": answered}


def imported(path: Path, lines: Iterable[str]) -> Taken:
    """Take replies from JSON lines, all or none of them on disk; a line that does not fit its own
    key is refused."""
    with opened(path, make=True) as ledger:
        new = known = 0
        refused: list[str] = []
        ledger.execute("BEGIN IMMEDIATE")
        for number, line in enumerate(lines, start=1):
            values, problem = _row(line) if line.strip() else (None, None)
            if problem is not None:
                refused.append(f"line {number}: {problem}")
            elif values is not None:
                added = ledger.execute(_PUT, values).rowcount
                new, known = new + added, known + 1 - added
        ledger.execute("COMMIT")
    return Taken(new, known, tuple(refused))


def _row(line: str) -> tuple[tuple[object, ...] | None, str | None]:
    try:
        value = json.loads(line)
        request = json.dumps(value["request"], ensure_ascii=False, separators=(",", ":"))
        reply = json.dumps(value["reply"], ensure_ascii=False, separators=(",", ":"))
        key, at = str(value["key"]), float(value["at"])
        blobs = codec.packed(request), codec.packed(reply)
        row = (key, str(value["run"]), at, str(value["model"]), *blobs)
    except (ValueError, KeyError, TypeError) as problem:
        return None, f"not a line of `ledger export` ({type(problem).__name__}: {problem})"
    return (row, None) if (wrong := _problem(key, *blobs)) is None else (None, wrong)


def when(at: float | None) -> str | None:
    return None if at is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
