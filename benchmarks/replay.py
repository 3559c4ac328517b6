"""Replay from a full ledger: calls per second, and the memory of the ledger alone.

    python benchmarks/replay.py [CALLS]

The ledger is filled by a bottom that answers at once with 2 kB; then a second process replays it.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loops import all_done

from fusion_eval.core import Attempt, Call, Endpoint, Message, Model, Reply, Usage
from fusion_eval.engine.ledger import Ledger
from fusion_eval.engine.retry import retry

TEXT = "the panel judge weighs each criterion " * 54


THERE = Endpoint(name="there", base_url="http://127.0.0.1:9/v1")
MODEL = Model(name="m", endpoint=THERE, id="maker/m", params={"max_tokens": 512})


def _call(i: int) -> Call:
    return Call(model=MODEL, messages=(Message(role="user", content=f"Task {i}: explain."),))


async def _answer(_: Call) -> Reply:
    usage = Usage(input=40, output=300)
    attempt = Attempt(number=1, usage=usage, latency_s=1.5)
    return Reply(text=TEXT, usage=usage, attempts=(attempt,), latency_s=1.5, extra={"id": "c"})


async def _ready(_: Call) -> None: ...


async def _asked(ledger: Ledger, calls: int) -> None:
    """Ask for every call once."""
    send = retry(ledger.recording(_answer, run="run", worst=lambda _: 0.1), attempts=1)
    through = ledger.wrap(send, ready=_ready)
    await all_done(lambda i: through(_call(i)), range(calls), 256)


def main() -> None:
    """Fill, replay, and the memory of both; each in a process of its own."""
    if len(sys.argv) == 4:
        path, calls = Path(sys.argv[2]), int(sys.argv[3])
        with Ledger(path) as ledger:
            started = time.perf_counter()
            asyncio.run(_asked(ledger, calls))
            took = time.perf_counter() - started
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{calls / took:8,.0f} calls/s, {ledger.made:,} sent, {memory:,.0f} MB at most")
        return
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for calls in (most // 10, most):
        with tempfile.TemporaryDirectory() as folder:
            for what in ("fill", "replay"):
                path = str(Path(folder) / "ledger.sqlite")
                print(f"{calls:,} calls, {what}:", end=" ", flush=True)
                subprocess.run([sys.executable, __file__, "one", path, str(calls)], check=True)


if __name__ == "__main__":
    main()
