"""Killed at random moments of a run under faults, again and again: nothing lost, nothing twice.

Ten kills by default; `FUSION_EVAL_KILLS=200 pytest tests/engine/test_durability.py` is the study.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

from engine_kit import (
    MINI,
    NESTED,
    Door,
    asked,
    bench_file,
    command,
    committed_ids,
    outcome,
    served,
    simulator,
)

import fusion_eval as fe
from fusion_eval.engine import upkeep
from fusion_eval.engine.place import ledger_of

KILLS = int(os.environ.get("FUSION_EVAL_KILLS", "10"))
FLIGHT = 6
SERVER_ERROR = (500, json.dumps({"error": "drawn"}))
CUT = (200, '{"choices": [{"mess')


def _faults(chance: random.Random) -> object:
    """A `before` that delays every request, and breaks one in ten; how is drawn per arrival."""
    import asyncio

    async def before(body: bytes, number: int) -> tuple[int, str] | None:
        await asyncio.sleep(chance.uniform(0.002, 0.03))
        drawn = chance.random()
        return SERVER_ERROR if drawn < 0.05 else CUT if drawn < 0.1 else None

    return before


class _Study:
    """One run after the other on the same results, each killed at a random moment."""

    def __init__(self, folder: Path, door: Door, url: str) -> None:
        self.folder = folder
        self.door = door
        self.url = url
        self.worlds = 0
        self.fresh()

    def fresh(self) -> None:
        """An empty results directory: the last one is finished."""
        self.worlds += 1
        limits = {"max_in_flight": FLIGHT, "attempts": 8}
        place = self.folder / str(self.worlds)
        self.bench = bench_file(
            place, {"base_url": self.url}, recipes=NESTED, limits=limits, seed=self.worlds
        )
        self.results = place / "results"

    def kill_after(self, seconds: float) -> bool:
        """False when the run ended before."""
        process = command(self.bench, self.results)
        while not self.results.exists() and process.poll() is None:
            time.sleep(0.002)
        time.sleep(seconds)
        ended = process.poll() is not None
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        return not ended

    def committed(self) -> set[str]:
        """Bodies of the requests whose replies are in the ledger."""
        ids = committed_ids(self.results)
        return {body for body, answered in self.door.ids.items() if answered in ids}

    def open_intents(self) -> set[str]:
        """Keys of the calls that were in flight."""
        sql = "SELECT key FROM intents WHERE outcome IS NULL"
        return {key for (key,) in asked(ledger_of(self.results), sql)}


def test_kills_at_random_moments_lose_nothing_and_repeat_only_what_was_in_flight(tmp_path: Path):
    """Every reply that is asked for twice is paid for twice, and every one lost is a hole."""
    chance = random.Random(11)
    door = simulator(_faults(chance))  # type: ignore[arg-type]
    killed = 0
    with served(door) as url:
        study = _Study(tmp_path, door, url)
        while killed < KILLS:
            before = set(study.committed()) if study.results.exists() else set()
            lost_before = study.open_intents() if study.results.exists() else set()
            arrived = len(door.arrived)
            if study.kill_after(chance.uniform(0.0, 1.5)):
                killed += 1
                after = study.committed()
                assert before <= after
                assert not before & set(door.arrived[arrived:])
                assert len(study.open_intents() - lost_before) <= FLIGHT
                assert upkeep.verify(ledger_of(study.results)) == []
            else:
                _ends_as_if_nothing_had_been(study, tmp_path)
                study.fresh()
        _ends_as_if_nothing_had_been(study, tmp_path)


def _ends_as_if_nothing_had_been(study: _Study, folder: Path) -> None:
    """Going on finishes the run with what an undisturbed run finds; committed calls stay."""
    committed, arrived = study.committed(), len(study.door.arrived)
    done = fe.run(MINI, study.bench, output_dir=study.results)
    assert not committed & set(study.door.arrived[arrived:])
    assert done.manifest["status"] == "finished"
    study.door.before, faults = None, study.door.before
    calm = fe.run(MINI, study.bench, output_dir=folder / f"calm-{study.worlds}")
    study.door.before = faults
    assert outcome(done) == outcome(calm)
