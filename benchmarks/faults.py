"""Finding the ceiling of an endpoint, and living with its faults, against a bare loop.

    python benchmarks/faults.py

1,500 calls of 200 ms. The endpoint refuses above 40 in flight (Retry-After 1 s); the bench allows
200 and is not told. Then the same with 2 % 429, 3 % 500, 2 % resets, 2 % cut-off JSON, 1 % errors
under status 200 and 0.5 % of requests that are never answered (deadline 2 s).
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from loops import PROMPT, all_done, post

from fusion_eval.core import Call, Endpoint, Limits, Message, Model
from fusion_eval.engine.budget import Budget
from fusion_eval.engine.client import Clients
from fusion_eval.engine.ledger import Ledger
from fusion_eval.engine.prices import paid_for, worst_case
from fusion_eval.engine.stack import sending
from fusion_eval.errors import CallFailedError

CEILING, LATENCY_S, MOST = 40, 0.2, 200
FAULTS = {"limited": 0.02, "broken": 0.03, "reset": 0.02, "cut": 0.02, "error-200": 0.01}
HANG = {"hang": 0.005}


@contextmanager
def served(**options: float) -> Iterator[str]:
    """The endpoint in a process of its own."""
    arguments = [part for k, v in options.items() for part in (f"--{k}", str(v))]
    command = [sys.executable, str(Path(__file__).parent / "endpoint.py"), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


async def bare(url: str, calls: int) -> float:
    """Seconds of a loop that knows the ceiling."""
    one = post(url, CEILING, Path())
    started = time.perf_counter()
    await all_done(one, range(calls), CEILING)
    return time.perf_counter() - started


async def ours(url: str, calls: int, folder: Path) -> tuple[float, int, dict[str, Any]]:
    """Seconds, lost calls, and what the endpoint saw."""
    clients, lost = Clients(), 0
    endpoint = Endpoint(name="there", base_url=url, timeout_s=2.0)
    model = Model(name="m", endpoint=endpoint, id="maker/m", params={"max_tokens": 512})
    started = time.perf_counter()
    with Ledger(folder / "ledger.sqlite") as ledger:
        send = sending(
            clients,
            Limits(max_in_flight=MOST),
            Budget(None, worst_case, paid_for),
            lambda below: ledger.recording(below, run="run", worst=worst_case),
        )

        async def ready(_: Call) -> None: ...

        through = ledger.wrap(send, ready=ready)

        async def one(i: int) -> None:
            nonlocal lost
            message = Message(role="user", content=PROMPT.format(i))
            try:
                await through(Call(model=model, messages=(message,)))
            except CallFailedError:
                lost += 1

        await all_done(one, range(calls), MOST)
    took = time.perf_counter() - started
    await clients.close()
    async with aiohttp.ClientSession() as session, session.get(f"{url}/stats") as reply:
        return took, lost, await reply.json()


def main() -> None:
    """Both scenarios."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1_500
    with served(latency=LATENCY_S) as url:
        alone = asyncio.run(bare(url, calls))
    print(f"bare loop at {CEILING}: {alone:.1f} s")
    for name, faults in (("ceiling only", {}), ("with faults", {**FAULTS, **HANG})):
        with (
            served(latency=LATENCY_S, ceiling=CEILING, **faults) as url,
            tempfile.TemporaryDirectory() as folder,
        ):
            took, lost, seen = asyncio.run(ours(url, calls, Path(folder)))
        late = sum(number > 300 for number in seen["rejected_at"])
        print(
            f"{name}: {took:.1f} s ({took / alone:.2f} × bare), lost {lost}, rejected "
            f"{len(seen['rejected_at'])}, after warm-up {late} "
            f"({100 * late / max(1, seen['arrived'] - 300):.1f} %), {seen['outcomes']}"
        )


if __name__ == "__main__":
    main()
