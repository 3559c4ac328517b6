"""Looking after a ledger: what is in it, whether it is whole, and how it travels as JSON lines."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion_eval.core import total
from fusion_eval.engine import codec, prices, rows, schema, stored
from fusion_eval.engine.owners import Owner
from fusion_eval.engine.place import Place
from fusion_eval.engine.writer import DAMAGE, connect
from fusion_eval.errors import DamagedReplyError, TableError

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What an import did: replies that are new, that were known, and lines that were refused."""

    new: int
    known: int
    refused: tuple[str, ...]


@contextmanager
def opened(path: Place, *, make: bool = False) -> Iterator[sqlite3.Connection]:
    """The ledger of a file; TableError where there is none or it cannot be read."""
    if not make and not path.exists():
        raise TableError(f"{path}: there is no ledger; give the --output-dir of your runs")
    try:
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
        connection = connect(path)
    except DAMAGE as problem:
        raise TableError(f"{path}: this ledger cannot be used ({problem})") from None
    try:
        yield connection
    except DAMAGE as problem:
        raise TableError(
            f"{path}: this ledger cannot be used ({problem}); `fusion-eval ledger verify` says more"
        ) from None
    finally:
        connection.close()


def stats(path: Place) -> dict[str, Any]:
    """Counts and sizes: replies by model and run, and what may have been paid without a reply."""
    with opened(path) as ledger:
        models = ledger.execute(
            "SELECT model, count(*) FROM replies GROUP BY model ORDER BY 2 DESC"
        )
        runs = ledger.execute("SELECT run, count(*) FROM replies GROUP BY run ORDER BY min(at)")
        (oldest, newest) = ledger.execute("SELECT min(at), max(at) FROM replies").fetchone()
        lost = _lost(ledger)
        unpaid = [one for one in lost if not one["in_flight"]]
        return {
            "path": str(path),
            "version": len(schema.MIGRATIONS),
            "bytes": _bytes(ledger, path),
            "models": {str(name): count for name, count in models},
            "runs": {str(name): count for name, count in runs},
            "replies": ledger.execute("SELECT count(*) FROM replies").fetchone()[0],
            "oldest": when(oldest),
            "newest": when(newest),
            "in_flight": sum(one["in_flight"] for one in lost),
            "possibly_paid": unpaid,
            "possibly_paid_usd": total(one["most_usd"] for one in unpaid),
        }


def _bytes(ledger: sqlite3.Connection, path: Place) -> int:
    if isinstance(path, Path):
        return path.stat().st_size
    sizes = "pg_total_relation_size('replies') + pg_total_relation_size('intents')"
    return int(ledger.execute(f"SELECT {sizes}").fetchone()[0])


def _lost(ledger: sqlite3.Connection) -> list[dict[str, Any]]:
    """Attempts without a reply that may be billed; `in_flight` where their process still lives.

    Role and purpose are None where an earlier version sent the request.
    """
    me = Owner()
    pulses = {row[0]: row[1:] for row in ledger.execute("SELECT id, host, pid, at FROM owners")}
    sql = (
        "SELECT key, run, role, purpose, at, worst, owner, outcome, attempts FROM intents WHERE "
        "attempts NOTNULL OR outcome IS NULL OR outcome='interrupted' ORDER BY at"
    )
    return [
        {
            "key": str(key),
            "run": str(run),
            "role": role if role is None else str(role),
            "purpose": purpose if purpose is None else str(purpose),
            "at": when(at),
            "most_usd": prices.possibly(rows.lost(made, worst)),
            "in_flight": outcome is None and me.lives(pulses.get(owner)),
        }
        for key, run, role, purpose, at, worst, owner, outcome, made in ledger.execute(sql)
        if prices.possibly(rows.lost(made, worst)) != 0.0
    ]


def listed(path: Place, *, limit: int, model: str | None = None) -> list[dict[str, Any]]:
    """The newest replies, each with the start of its text."""
    columns = stored.COLUMNS
    sql = f"SELECT {columns} FROM replies WHERE model=coalesce(?, model) ORDER BY at DESC LIMIT ?"
    with opened(path) as ledger:
        return [
            {
                "key": str(row[0]), "at": when(row[2]), "run": str(row[1]), "model": str(row[3]),
                "text": _start(row, path),
            }
            for row in ledger.execute(sql, (model, limit))
        ]  # fmt: skip


def _start(row: Sequence[Any], path: Place) -> str:
    try:
        return " ".join(stored.read(row, path).reply.text.split())[:80]
    except DamagedReplyError:
        return "(damaged)"


def verify(path: Place) -> list[str]:
    """Every damage, in words: pages that SQLite cannot read, replies that do not fit their keys."""
    with opened(path) as ledger:
        pages = ledger.execute("PRAGMA integrity_check") if isinstance(path, Path) else ()
        found = [str(row[0]) for row in pages]  # a server checks its own
        damage = [f"{path}: {problem}" for problem in found if problem != "ok"]
        try:
            for row in ledger.execute(f"SELECT {stored.COLUMNS}, body FROM replies"):
                try:
                    stored.read_whole(row, path)
                except DamagedReplyError as problem:
                    damage.append(str(problem))
        except DAMAGE as problem:
            damage.append(f"{path}: not all replies can be read ({problem})")
    return damage


def unsealed(path: Place) -> int:
    """Replies of older versions, which have no seal: a change of them may not be seen."""
    with opened(path) as ledger:
        (count,) = ledger.execute("SELECT count(*) FROM replies WHERE seal IS NULL").fetchone()
        return int(count)


def prune(path: Place, *, older_than_days: float, dry_run: bool = False) -> int:
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


def exported(path: Place, damage: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """Every reply as a JSON value, oldest first.

    A damaged one is left out and named in `damage`; without that list it raises DamagedReplyError.
    """
    with opened(path) as ledger:
        found = ledger.execute(f"SELECT {stored.COLUMNS} FROM replies ORDER BY at, key")
        while True:
            try:
                if (row := found.fetchone()) is None:
                    return
                one = stored.read(row, path)
            except (DamagedReplyError, *DAMAGE) as problem:
                if damage is None:
                    raise
                damage.append(str(problem))
                if not isinstance(problem, DamagedReplyError):  # pages: nothing comes after it
                    return
                continue
            head = {"key": one.key, "run": one.run, "at": one.at, "model": one.model}
            answered = json.loads(codec.unpacked(row[5]))
            yield {**head, "request": json.loads(one.request), "reply": answered}


def imported(path: Place, lines: Iterable[bytes]) -> Taken:
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
                added = ledger.execute(rows.KEPT, values).rowcount
                new, known = new + added, known + 1 - added
        ledger.execute("COMMIT")
    return Taken(new, known, tuple(refused))


def _row(line: bytes) -> tuple[tuple[object, ...] | None, str | None]:
    """The columns of a reply, checked as one that is read; or what is wrong with the line."""
    try:
        value = json.loads(line.decode())
        texts = [
            json.dumps(value[name], ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            for name in ("request", "reply")
        ]
        at = value["at"] if type(value["at"]) is not int else float(value["at"])
        row = (value["key"], value["run"], at, value["model"], *map(codec.packed, texts))
    except UnicodeError:
        return None, "not UTF-8, or half of a character in a text"
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as problem:
        return None, f"not a line of `ledger export` ({type(problem).__name__})"
    try:
        stored.read((*row, None), "")
    except DamagedReplyError as problem:
        return None, problem.why
    return rows.sealed(*row), None


def when(at: object) -> str | None:
    """A time in UTC; None for what is none."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return None
