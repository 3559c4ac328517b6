"""Replies of a ledger looked at, forgotten, or read again by the reader of today: no call."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from fusion_eval.answers.thoughts import split_thoughts
from fusion_eval.core import Attempt, Reply
from fusion_eval.engine import codec, replies, rows
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.place import Place
from fusion_eval.engine.upkeep import opened, when
from fusion_eval.errors import InputError

_SHORTEST = 6
_ROW = "key, run, at, model, request, reply, body"


@dataclass(frozen=True, slots=True)
class Reread:
    """What reading again has changed: keys whose reply is another one now, by what differs, and
    those that the reader of today takes for a failure, with its words. `bodies` were there."""

    replies: int
    bodies: int
    changed: dict[str, tuple[str, ...]]
    failures: dict[str, str]


def show(path: Place, call: str) -> dict[str, Any]:
    """One call: what was asked, what is read out of the reply, and the body as it came.

    call : the key, or its first six or more digits
    """
    with opened(path) as ledger:
        key, run, at, model, request, reply, body = _one(ledger, path, call)
        kept = json.loads(codec.unpacked(body)) if body else None
        return {
            "key": key, "run": run, "at": when(at), "model": model,
            "request": json.loads(codec.unpacked(request)),
            "reply": json.loads(codec.unpacked(reply)), "body": kept,
        }  # fmt: skip


def forget(
    path: Place,
    *,
    call: str | None = None,
    failed: bool = False,
    model: str | None = None,
    dry_run: bool = False,
) -> list[str]:
    """Forget replies, so that their calls are asked again; the keys of these calls.

    Of one call, of all whose reply brought nothing (`failed`: no text, or what the reader of today
    takes for a failure), or of one model id; `failed` and `model` together mean both. What was
    paid for them stays on the bill of its run.

    Raises InputError where no choice is made, or there is no such call.
    """
    if (call is None) == (not failed and model is None):
        raise InputError("say what to forget: the key of a call, or --failed, or --model ID")
    with opened(path) as ledger:
        chosen = [_one(ledger, path, call)] if call else list(_chosen(ledger, failed, model))
        if not dry_run:
            ledger.execute("BEGIN IMMEDIATE")
            for key, _, _, _, _, reply, _ in chosen:
                ledger.execute(*rows.forgotten(key, _paid_for_nothing(ledger, key, reply)))
                ledger.execute("DELETE FROM replies WHERE key=?", (key,))
            ledger.execute("COMMIT")
        return [row[0] for row in chosen]


def reread(path: Place, *, dry_run: bool = False) -> Reread:
    """Read every reply again from its body; of those without one, tell thoughts from the text.

    What was asked, when, and how long it took stay as they are. A body that is a failure by now
    leaves its reply as it was.
    """
    count = bodies = 0
    changed: dict[str, tuple[str, ...]] = {}
    failures: dict[str, str] = {}
    with opened(path) as ledger:
        ledger.execute("BEGIN IMMEDIATE")
        keys = [key for (key,) in ledger.execute("SELECT key FROM replies ORDER BY at, key")]
        for row in (_one(ledger, path, key) for key in keys):
            key, run, at, model, request, reply, body = row
            count, bodies = count + 1, bodies + bool(body)
            old = codec.load(codec.unpacked(reply))
            try:
                new = _again(old, body)
            except AttemptFailedError as problem:
                failures[key] = f"{problem.attempt.failure}: {problem.attempt.detail}"
                continue
            if new != old:
                names = ("text", "thoughts", "finish", "usage", "cost_reported", "model_served")
                differs = [name for name in names if getattr(new, name) != getattr(old, name)]
                changed[key] = tuple(differs or ["extra"])
                blob = codec.packed(codec.dump(new))
                ledger.execute(*rows.rewritten(key, run, at, model, request, blob, body))
        ledger.execute("ROLLBACK" if dry_run else "COMMIT")
    return Reread(count, bodies, changed, failures)


def _one(ledger: sqlite3.Connection, path: Place, call: str) -> tuple[Any, ...]:
    wanted = call.strip().lower()
    if len(wanted) < _SHORTEST or not wanted.isalnum():
        raise InputError(f"{call!r} is no key of a call; give its first {_SHORTEST} digits or more")
    sql = f"SELECT {_ROW} FROM replies WHERE key>=? AND key<? LIMIT 2"
    found = ledger.execute(sql, (wanted, wanted + "g")).fetchall()
    if len(found) != 1:
        how = "no reply to a call" if not found else "more than one reply to calls"
        raise InputError(f"{path}: {how} {call}…; `fusion-eval ledger ls` lists the newest")
    return tuple(found[0])


def _chosen(
    ledger: sqlite3.Connection, failed: bool, model: str | None
) -> Iterator[tuple[Any, ...]]:
    sql = f"SELECT {_ROW} FROM replies WHERE model=coalesce(?, model) ORDER BY at, key"
    for row in ledger.execute(sql, (model,)):
        if not failed or _brought_nothing(row[5], row[6]):
            yield row


def _brought_nothing(reply: bytes, body: bytes | None) -> bool:
    """Whether a reply has no text, or is a failure to the reader of today, or damaged."""
    try:
        read = _again(codec.load(codec.unpacked(reply)), body)
    except Exception:
        return True
    return not read.text.strip() and read.finish != "tool_calls"


def _again(old: Reply, body: bytes | None) -> Reply:
    """A kept reply as it is read today; what only the moment of the call knew stays."""
    if body is None:
        text, thoughts = split_thoughts(old.text)
        return replace(old, text=text, thoughts=old.thoughts or thoughts)
    new = replies.reread(codec.unpacked(body))
    *before, last = old.attempts
    last = replace(last, usage=new.usage, cost_reported=new.cost_reported)
    return replace(
        old,
        text=new.text,
        thoughts=new.thoughts,
        finish=new.finish,
        usage=new.usage,
        cost_reported=new.cost_reported,
        model_served=new.model_served,
        attempts=(*before, last),
        extra={**old.extra, **new.extra},
    )


def _paid_for_nothing(ledger: sqlite3.Connection, key: str, reply: bytes) -> Attempt:
    """A forgotten reply as an attempt that brought nothing and was paid.

    Its worst case is the one that was reserved, where the reply does not say what it cost.
    """
    try:
        last = codec.load(codec.unpacked(reply)).attempts[-1]
    except Exception:
        last = Attempt(number=1)
    reserved = ledger.execute("SELECT worst FROM intents WHERE key=? AND outcome='done'", (key,))
    costs = (last.cost_reported, last.cost_worst, *(worst for (worst,) in reserved))
    cost = next((usd for usd in costs if isinstance(usd, float)), None)
    return replace(last, failure="forgotten", billed=None, cost_worst=cost)
