"""What the tests of the engine and of runs share: a real server, small benches, calls to send."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow.parquet as pq
import uvicorn
import yaml
from forked import Forked

from fusion_eval.core import Call, Endpoint, Message, Model, Price, Reply, Schema, Send
from fusion_eval.engine import codec
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.client import Clients
from fusion_eval.engine.ledger import Known, Ledger
from fusion_eval.engine.place import Place, ledger_of
from fusion_eval.engine.postgres import Connection
from fusion_eval.engine.retry import retry
from fusion_eval.engine.waiting import Waits
from fusion_eval.errors import CallFailedError
from fusion_eval.loading.tasks import load_tasks
from fusion_eval.simulator import app, load_world

MINI = Path(__file__).parents[1] / "tasks" / "mini.yaml"
REASONING = Path(__file__).parents[1] / "tasks" / "reasoning.yaml"
OBJECT = Schema(name="verdict", json_schema={"type": "object", "properties": {"a": {}}})
CHEAP = Price(input=1.0, output=2.0)


def model(url: str = "http://127.0.0.1:9/v1", **fields: Any) -> Model:
    """A model at an endpoint; fields of the endpoint are recognised by their name."""
    of_endpoint = {*Endpoint.__slots__}
    there = {name: fields.pop(name) for name in of_endpoint & fields.keys()}
    endpoint = Endpoint(**{"name": "there", "base_url": url, "timeout_s": 5.0, **there})
    return Model(**{"name": "m", "id": "maker/m", "endpoint": endpoint, **fields})


def call(
    url: str = "http://127.0.0.1:9/v1", prompt: str = "Where?", draw: int = 0, **fields: Any
) -> Call:
    """One request; what is not the call's own is the model's."""
    names = {"output", "tools", "seed", "role", "domain"}
    own = {name: fields.pop(name) for name in names & fields.keys()}
    message = Message(role="user", content=prompt)
    return Call(model=model(url, **fields), messages=(message,), draw=(0, draw), **own)


def completion(text: str | None = "Here.", **fields: Any) -> dict[str, Any]:
    """The body of an ordinary chat completion; `message`, `finish`, `usage` may be given."""
    message = {"role": "assistant", "content": text, **fields.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": fields.pop("finish", "stop")}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    head = {"id": "c1", "object": "chat.completion", "created": 1, "model": "served/m"}
    return {**head, "choices": [choice], "usage": usage, **fields}


@contextmanager
def no_pauses() -> Iterator[None]:
    """Retries follow at once where no endpoint says when."""
    with mock.patch("fusion_eval.engine.retry.backoff", return_value=0.0):
        yield


def once(send: Send) -> Send:
    """A single attempt, failed as a call fails."""

    async def sending(asked: Call) -> Reply:
        try:
            return await send(asked)
        except AttemptFailedError as problem:
            attempt = replace(problem.attempt, number=1)
            raise CallFailedError(attempt.failure or "", attempt.detail, [attempt]) from None

    return sending


def sent(*calls: Call, attempts: int = 1, waits: Waits | None = None) -> list[Reply]:
    """The replies of a real client that asks one after the other, with retries above it."""

    async def ask() -> list[Reply]:
        clients = Clients()
        again = retry(clients.send, attempts=attempts, waits=waits)
        send = again if attempts > 1 or waits else once(clients.send)
        try:
            async with asyncio.timeout(30):  # a hang is a failure too
                return [await send(each) for each in calls]
        finally:
            await clients.close()

    return asyncio.run(ask())


async def at_once(_: Call) -> None:
    """A `ready` that finds nothing wrong."""


def through(
    ledger: Ledger,
    send: Callable[[Call], Awaitable[Reply]],
    run: str = "run",
    worst: float | None = 0.5,
    attempts: int = 1,
    **options: Any,
) -> Callable[[Call], Awaitable[Known]]:
    """The ledger above and below one attempt with `send`, for a run of that name."""
    recorded = ledger.recording(send, run=run, worst=lambda _: worst)
    return ledger.wrap(retry(recorded, attempts=attempts), ready=at_once, **options)


class Door:
    """An ASGI app seen from its door: which requests came, what they cost, what goes wrong there.

    `arrived` names the bodies in their order, `ids` the completions that answered them.

    `before` is awaited with the body and the number of the arrival; what it returns, a pair of
    status and body, is answered in place of the app.
    """

    def __init__(
        self,
        inner: Any,
        before: Callable[[bytes, int], Awaitable[tuple[int, str] | None]] | None = None,
    ) -> None:
        self.inner = inner
        self.before = before
        self.arrived: list[str] = []
        self.ids: dict[str, str] = {}
        self.billed_usd = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/chat/completions"):
            return await self.inner(scope, receive, send)
        body = await _body(receive)
        self.arrived.append(digest(body))
        instead = await self.before(body, len(self.arrived)) if self.before else None
        if instead is not None:
            return await _answer(send, *instead)

        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> dict[str, Any]:
            return messages.pop() if messages else await receive()

        async def seen(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.body" and message.get("body", b"")[:1] == b"{":
                said = json.loads(message["body"])
                self.ids[digest(body)] = said.get("id", "")
                self.billed_usd += (said.get("usage") or {}).get("cost", 0.0)
            await send(message)

        return await self.inner(scope, again, seen)


def digest(body: bytes) -> str:
    """A name for the body of a request."""
    return hashlib.sha256(body).hexdigest()[:16]


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _answer(send: Any, status: int, text: str) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


def simulator(
    before: Callable[[bytes, int], Awaitable[tuple[int, str] | None]] | None = None,
    tasks: Path = MINI,
) -> Door:
    """The simulator that knows a task file, behind a door."""
    return Door(app(load_world("default"), load_tasks(tasks).tasks), before)


def later(seconds: float) -> Callable[[bytes, int], Awaitable[None]]:
    """A `before` that makes every request wait."""

    async def wait(body: bytes, number: int) -> None:
        await asyncio.sleep(seconds)

    return wait


@contextmanager
def served(inner: Any) -> Iterator[str]:
    """The app on a port of this machine, in a thread; gives its base URL."""
    config = uvicorn.Config(inner, port=0, log_level="error", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = server.force_exit = True
        thread.join()


RECIPES: dict[str, Any] = {
    "solo": {"strategy": "solo", "member": "heron"},
    "vote": {"strategy": "vote", "members": ["heron", "heron", "kestrel"]},
    "panel": {"strategy": "panel", "members": ["heron", "kestrel"], "synthesizer": "heron"},
}
NESTED: dict[str, Any] = {
    "solo": {"strategy": "solo", "member": "heron"},
    "drafts": {"strategy": "self_fusion", "member": "heron", "n": 2},
    "vote": {"strategy": "vote", "members": ["kestrel", "drafts", "heron"]},
    "late": {"strategy": "users_strategies:after", "first": "kestrel", "then": "heron"},
    "later": {"strategy": "users_strategies:after", "first": "drafts", "then": "heron"},
    "top": {
        "strategy": "panel",
        "members": ["later", "late", "vote", "kestrel", "heron"],
        "judge": "kestrel",
        "synthesizer": "drafts",
    },
}
IDS = {"heron": "wader/heron", "kestrel": "raptor/kestrel", "referee": "strix/owl"}


def bench_file(folder: Path, endpoint: dict[str, Any], **fields: Any) -> Path:
    """A bench file of three models at one endpoint; `price` goes to each of them."""
    price = fields.pop("price", None)
    entry = {"endpoint": "there", "temperature": 0.7, "max_tokens": 512}
    models = {
        name: {**entry, "id": i, **({"price": price} if price else {})} for name, i in IDS.items()
    }
    content = {
        "endpoints": {"there": endpoint},
        "models": models,
        "recipes": fields.pop("recipes", RECIPES),
        "grader": {"model": "referee"},
        "limits": {"max_in_flight": 8, **fields.pop("limits", {})},
        "repeats": 2,
        **fields,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "bench.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def rows(run: Any, table: str) -> list[dict[str, Any]]:
    """A table of a run, row by row."""
    return pq.read_table(run.path / f"{table}.parquet").to_pylist()


def outcome(run: Any) -> dict[str, Any]:
    """What a run found out, without what depends on when it ran and what was there already."""
    paid = {"spent_usd", "grading_spent_usd", "possibly_paid_usd", "cached", "attempt", "key"}
    clock = {
        "latency_s",
        "latency_sum_s",
        "first_token_s",
        "start_s",
        "end_s",
        "latency_source",
        "call_key",
        "price_date",
    }
    found: dict[str, Any] = {}
    for table in ("trials", "verdicts", "calls"):
        kept = [
            {k: _rounded(v) for k, v in row.items() if k not in paid | clock}
            for row in rows(run, table)
        ]
        found[table] = sorted(kept, key=repr) if table == "calls" else kept
    return found


def _rounded(value: Any) -> Any:
    """Sums of dollars are added up in the order of keys, and keys hold the URL."""
    return round(value, 9) if isinstance(value, float) else value


def committed(results: Path) -> list[tuple[Any, ...]]:
    """(key, run) of all replies in the ledger."""
    return asked(ledger_of(results), "SELECT key, run FROM replies ORDER BY key")


def committed_ids(results: Path) -> set[str]:
    """The ids of the completions whose replies are in the ledger."""
    blobs = asked(ledger_of(results), "SELECT reply FROM replies")
    return {json.loads(codec.unpacked(blob))["extra"]["id"] for (blob,) in blobs}


def asked(path: Place, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query on a connection of its own."""
    opened = sqlite3.connect(path, timeout=20) if isinstance(path, Path) else Connection(path)
    try:
        return opened.execute(sql).fetchall()
    finally:
        opened.close()


def script(text: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(text)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def command(bench: Path, results: Path) -> Forked:
    """`fusion-eval run` as a process of its own."""
    args = (MINI, "--bench", bench, "--output-dir", results)
    return Forked("run", *args, "--json", "--quiet")


def until(happened: Any, process: Forked | subprocess.Popen[str]) -> None:
    """Wait until something has happened while the process works."""
    while not happened():
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
