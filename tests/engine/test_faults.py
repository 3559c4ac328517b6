"""Endpoints as they are: with a ceiling that nobody tells, with faults, and gone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from engine_kit import MINI, at_once, bench_file, call, rows, served, simulator

import fusion_eval as fe
from fusion_eval.core import Limits
from fusion_eval.ending import unfinished
from fusion_eval.engine.budget import Budget
from fusion_eval.engine.client import Clients
from fusion_eval.engine.ledger import Ledger
from fusion_eval.engine.prices import paid_for, worst_case
from fusion_eval.engine.stack import sending
from fusion_eval.errors import CallFailedError

ENDPOINT = Path(__file__).parents[2] / "benchmarks" / "endpoint.py"


@contextmanager
def endpoint(*arguments: str) -> Iterator[str]:
    """The endpoint of the benchmarks, in a process of its own; its URL."""
    command = [sys.executable, str(ENDPOINT), "--latency", "0.02", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


async def _asked(url: str, calls: int, folder: Path) -> tuple[list[str], dict[str, Any]]:
    """The failures of so many calls at once, and what the endpoint saw."""
    clients = Clients()
    failures: list[str] = []
    with Ledger(folder / "ledger.sqlite") as ledger:
        send = sending(
            clients,
            Limits(max_in_flight=100),
            Budget(None, worst_case, paid_for),
            lambda below: ledger.recording(below, run="run", worst=worst_case),
        )
        through = ledger.wrap(send, ready=at_once)

        async def one(draw: int) -> None:
            try:
                await through(call(url, draw=draw, timeout_s=1.0))
            except CallFailedError as problem:
                failures.append(problem.failure)

        await asyncio.gather(*(one(draw) for draw in range(calls)))
    await clients.close()
    async with aiohttp.ClientSession() as session, session.get(f"{url}/stats") as reply:
        return failures, await reply.json()


def test_the_ceiling_of_an_endpoint_is_found_and_no_call_is_lost(tmp_path: Path):
    """A fixed limit guessed too high loses one call in five: missing data, or paid for twice."""
    with endpoint("--ceiling", "25") as url:
        failures, seen = asyncio.run(_asked(url, 400, tmp_path))

    assert failures == []
    assert seen["outcomes"]["good"] == 400
    # about 15 on a quiet machine; where the run itself has to wait, round trips blur
    assert len(seen["rejected_at"]) <= 120


def test_every_fault_ends_in_a_reply_or_in_a_word(tmp_path: Path):
    """One unforeseen fault in a night must not take the night with it."""
    faults = ("--limited", "--broken", "--reset", "--cut", "--error-200")
    arguments = [part for fault in faults for part in (fault, "0.03")]
    with endpoint(*arguments, "--hang", "0.01") as url:
        failures, seen = asyncio.run(_asked(url, 200, tmp_path))

    assert seen["outcomes"].keys() >= {"good", "broken", "reset", "cut"}
    assert seen["outcomes"]["good"] + len(failures) == 200
    assert len(failures) <= 3


def test_a_run_whose_key_is_refused_in_the_middle_stops_and_names_what_is_not_done(
    tmp_path: Path,
):
    """Credit runs out at night; hundreds of trials would be written down as failures."""

    async def broke(body: bytes, number: int) -> tuple[int, str] | None:
        return (402, '{"error": "no credit"}') if number > 60 else None

    door = simulator(broke)
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url})
        stopped = fe.run(MINI, bench, output_dir=tmp_path / "results")
        written = len(rows(stopped, "trials"))
        door.before = None
        done = fe.run(MINI, bench, output_dir=tmp_path / "results")

    trials = stopped.manifest["trials"]
    assert stopped.manifest["status"] == "incomplete"
    assert trials["done"] < trials["wanted"]
    assert written == trials["done"]
    said = unfinished(stopped.manifest) or ""
    assert "is given up" in said
    assert "no_credit" in said
    assert (done.id, done.manifest["status"]) == (stopped.id, "finished")
