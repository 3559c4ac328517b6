"""What is compared: bare loops over the official client, and our stack with and without ledger.

    python benchmarks/loops.py KIND URL CALLS IN_FLIGHT

prints one JSON line: calls per second, processor milliseconds per call and the driver's own
scheduling lag (99th percentile, ms), without the warm-up.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path

import openai

from fusion_eval.bench.running import _WAITING
from fusion_eval.core import Call, Endpoint, Limits, Message, Model
from fusion_eval.engine import collector
from fusion_eval.engine.budget import Budget
from fusion_eval.engine.client import Clients
from fusion_eval.engine.ledger import Ledger
from fusion_eval.engine.prices import paid_for, worst_case
from fusion_eval.engine.stack import sending

One = Callable[[int], Awaitable[object]]
PROMPT = "Task {}: explain in two sentences why a panel can beat its best member, then answer."
FIELDS = {"temperature": 0.0, "max_tokens": 512}


def _body(i: int) -> dict[str, object]:
    message = {"role": "user", "content": PROMPT.format(i)}
    return {"model": "maker/m", "messages": [message], "seed": i, **FIELDS}


def default(url: str, in_flight: int, folder: Path) -> One:
    """`create()` of the official client as it comes."""
    client = openai.AsyncOpenAI(base_url=url, api_key="unused", max_retries=0)

    async def one(i: int) -> object:
        reply = await client.chat.completions.create(**_body(i))  # type: ignore[call-overload]
        return reply.choices[0].message.content

    return one


def post(url: str, in_flight: int, folder: Path) -> One:
    """The client's lower-level `post` over its aiohttp transport, reply decoded."""
    client = openai.AsyncOpenAI(
        base_url=url, api_key="unused", max_retries=0, http_client=openai.DefaultAioHttpClient()
    )

    async def one(i: int) -> object:
        reply = await client.post("/chat/completions", body=_body(i), cast_to=object)
        return reply["choices"][0]["message"]["content"]  # type: ignore[index]

    return one


def _call(url: str, i: int) -> Call:
    endpoint = Endpoint(name="there", base_url=url)
    model = Model(name="m", endpoint=endpoint, id="maker/m", params=dict(FIELDS))
    return Call(model=model, messages=(Message(role="user", content=PROMPT.format(i)),))


def ours(url: str, in_flight: int, folder: Path, *, durable: bool = True) -> One:
    """The whole stack: ledger, retry, budget, concurrency, client, check of what comes back."""
    ledger = Ledger(folder / "ledger.sqlite")
    budget = Budget(None, worst_case, paid_for)
    limits = Limits(max_in_flight=in_flight)

    def recording(send: object) -> object:
        return ledger.recording(send, run="run", worst=worst_case) if durable else send  # type: ignore[arg-type]

    send = sending(Clients(), limits, budget, recording)  # type: ignore[arg-type]
    through = ledger.wrap(send, ready=_ready)
    endpoint = Endpoint(name="there", base_url=url)
    model = Model(name="m", endpoint=endpoint, id="maker/m", params=dict(FIELDS))

    async def one(i: int) -> object:
        message = Message(role="user", content=PROMPT.format(i))
        call = Call(model=model, messages=(message,), draw=(0, 0), seed=7)
        return await (through(call) if durable else send(call))

    return one


def plain(url: str, in_flight: int, folder: Path) -> One:
    """Our stack without the ledger."""
    return ours(url, in_flight, folder, durable=False)


async def _ready(_: Call) -> None: ...


KINDS = {"default": default, "post": post, "ours": ours, "plain": plain}


async def _timed(kind: str, one: One, calls: int, in_flight: int) -> dict[str, float]:
    """A bare loop holds as many calls as may be in flight; our gate does that, as in a run, and a
    run puts the garbage collector off."""
    a_run = kind in ("ours", "plain")
    tasks = _WAITING * in_flight if a_run else in_flight
    await all_done(one, range(-3 * in_flight, 0), tasks)  # connections and imports, not timed
    with collector.seldom() if a_run else nullcontext():
        lags: list[float] = []
        watch = asyncio.ensure_future(_lag(lags))
        started, used = time.perf_counter(), _cpu()
        await all_done(one, range(calls), tasks)
        took, used = time.perf_counter() - started, _cpu() - used
        watch.cancel()
    lag = sorted(lags)[int(0.99 * len(lags))] if lags else took
    return {"calls_per_s": calls / took, "cpu_ms": 1e3 * used / calls, "lag_ms": 1e3 * lag}


async def _lag(lags: list[float], every_s: float = 0.01) -> None:
    """How late this loop wakes whoever sleeps: a slow driver looks like a slow endpoint else."""
    while True:
        due = time.perf_counter() + every_s
        await asyncio.sleep(every_s)
        lags.append(time.perf_counter() - due)


async def all_done(one: One, numbers: range, in_flight: int) -> None:
    waiting = iter(numbers)

    async def work() -> None:
        for i in waiting:
            await one(i)

    await asyncio.gather(*(work() for _ in range(in_flight)))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """One measurement in a process of its own."""
    kind, url, calls, in_flight = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    with tempfile.TemporaryDirectory() as folder:

        async def work() -> dict[str, float]:
            return await _timed(kind, KINDS[kind](url, in_flight, Path(folder)), calls, in_flight)

        print(json.dumps(asyncio.run(work())), flush=True)
        sys.stderr.close()  # clients are left open on purpose; nobody wants to read about it


if __name__ == "__main__":
    main()
