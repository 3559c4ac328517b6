"""What a run says while it runs, and when it stops."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forked
from engine_kit import MINI, RECIPES, bench_file, command, later, served, simulator, until

import fusion_eval as fe
from fusion_eval.bench.progress import Now, Silent
from fusion_eval.terminal import standing


class _Heard(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def advanced(self, now: Callable[[], Now]) -> None:
        self.told.append(now())


def test_progress_is_told_what_was_made_found_and_tried_again(tmp_path: Path):
    """Who watches a run for an hour wants to know whether it is stuck, slow or expensive."""

    async def broken_once(body: bytes, number: int) -> tuple[int, str] | None:
        return (500, "{}") if number == 3 else None

    heard, again = _Heard(), _Heard()
    with served(simulator(broken_once)) as url:
        bench = bench_file(tmp_path, {"base_url": url}, recipes=RECIPES)
        done = fe.run(MINI, bench, output_dir=tmp_path / "results", progress=heard)
        fe.run(MINI, bench, output_dir=tmp_path / "results", progress=again)

    last = heard.told[-1]
    assert len(heard.told) == done.manifest["trials"]["wanted"]
    assert last.made == done.manifest["calls"]["made"]
    assert last.hits + last.made >= done.manifest["calls"]["distinct"]
    assert last.retries == 1
    assert last.in_flight <= 1
    assert (again.told[-1].made, again.told[-1].retries) == (0, 0)
    assert again.told[-1].hits >= done.manifest["calls"]["distinct"]


def test_the_line_says_dollars_calls_and_what_is_in_flight():
    """A bar alone does not say that the budget is nearly gone."""
    now = Now(
        made=1200, hits=40, in_flight=8, retries=3,
        spent_usd=0.5, reserved_usd=0.25, budget_usd=5.0,
    )  # fmt: skip
    assert standing(now, 100.0) == (
        "$0.5000 + $0.2500 reserved of $5.00, 1,200 calls, 12/s, 8 in flight, 40 hits, 3 retries"
    )


def test_an_interrupted_run_prints_the_command_to_go_on(tmp_path: Path):
    """Half of what was paid is lost where nobody knows that it can be used again."""
    door = simulator(later(0.05))
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url})
        process = command(bench, tmp_path / "results")
        until(lambda: len(door.arrived) >= 20, process)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert f"to go on: fusion-eval run {MINI} --bench {bench}" in err


def test_a_log_gets_plain_lines_and_no_bar(tmp_path: Path):
    """A bar drawn over itself a thousand times is what a CI log then consists of."""
    done = forked.run("run", MINI, "--recipes", "solo-condor", "--output-dir", tmp_path)

    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if " trials, " in line]
    wanted = fe.read_run(tmp_path / "latest").manifest["trials"]["wanted"]
    assert lines[-1].startswith(f"{wanted} of {wanted} trials, ")
    assert " calls, " in lines[-1]
    assert not {"\r", "█", "|"} & set(done.stderr)
