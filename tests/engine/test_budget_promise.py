"""How far a budget goes, in worlds where lengths are guessed: `tests/made_budgets.py` draws them.

`make budgets` runs 300 worlds and writes the table of docs/budgets.md; the suite runs few.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from made_budgets import Writers, forecast, world
from made_worlds import WORLDS, worlds

from fusion_eval.bench import execute as executing
from fusion_eval.bench.execute import execute

FULL = 300
QUICK = (1, 3, 4, 5, 8, 13, 15, 17)
"""Seeds of worlds with few calls, for the suite."""


@dataclass(frozen=True)
class Ended:
    """How a world ended: whether without a stop, and what it cost."""

    tasks: int
    finished: bool
    used: float  # what it cost, as a multiple of what was expected
    tight: bool  # one call may cost more than the whole run is expected to


@pytest.fixture
def budgeted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`budgeted(seed, times)`: a world under so many times its expected cost, to its end."""

    def work(seed: int, times: float) -> Ended:
        folder = tmp_path / f"{seed}"
        folder.mkdir()
        tasks, bench, _ = world(seed, folder)
        guess, bank = forecast(tasks, bench), Writers(seed)
        monkeypatch.setattr(executing, "Clients", lambda *_, **__: bank)
        most, done, finished = times * guess.expected_usd, False, True
        while not done:
            limits = replace(bench.limits, budget_usd=most)
            run = execute(tasks, replace(bench, limits=limits), results=folder / "results")
            assert bank.billed <= most * (1 + 1e-9), f"seed {seed}"
            assert run.manifest["paid_usd"] == pytest.approx(bank.billed)
            done = run.manifest["status"] == "finished"
            if not done:  # as the command that is printed: it goes on with what it names
                finished = False
                told = run.manifest["forecast"]
                assert told["finish_usd"] >= told["begin_usd"] > most * 0.999, f"seed {seed}"
                most = told["finish_usd"]
        tight = guess.call_usd > guess.expected_usd
        return Ended(len(tasks.tasks), finished, bank.billed / guess.expected_usd, tight)

    return work


KINDS: dict[str, Callable[[Ended], bool]] = {
    "6 to 7 tasks": lambda one: one.tasks <= 7,
    "8 to 11 tasks": lambda one: 8 <= one.tasks <= 11,
    "12 to 29 tasks": lambda one: 12 <= one.tasks <= 29,
    "30 to 90 tasks": lambda one: one.tasks >= 30,
    "all": lambda one: True,
    "of these, a call may cost more than the whole run is expected to": lambda one: one.tight,
}


def _record(times: float, ended: list[Ended]) -> None:
    """Lines of docs/budgets.md, in the file that FUSION_EVAL_BUDGETS names."""
    if not (path := os.environ.get("FUSION_EVAL_BUDGETS")):
        return
    with open(path, "a", encoding="utf-8") as file:
        for kind, belongs in KINDS.items():
            if some := [one for one in ended if belongs(one)]:
                done = sum(one.finished for one in some)
                cost = sorted(one.used for one in some)
                file.write(
                    f"| {times:g} × expected: {kind} | {len(some)} | {done} "
                    f"({done / len(some):.1%}) | {cost[len(cost) // 2]:.2f} | {cost[-1]:.2f} |\n"
                )


@pytest.mark.simulation
@pytest.mark.parametrize("times", [2.0, 0.7])
def test_twice_the_expected_cost_finishes_and_no_budget_is_overspent(budgeted, times: float):
    """A budget of more than twice the expected cost stopped after one task of six."""
    full = worlds() >= WORLDS["full"]
    seeds = range(FULL if times == 2.0 else FULL // 3) if full else QUICK[:: 1 if times > 1 else 3]
    ended = [budgeted(seed, times) for seed in seeds]
    _record(times, ended)

    done = Counter(one.finished for one in ended)
    if times == 2.0:
        assert done[True] >= math.floor(0.95 * len(ended))
    else:
        assert done[False] > 0
