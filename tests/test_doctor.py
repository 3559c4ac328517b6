"""`fusion-eval doctor`: what will not work is said before a run, with the way out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine_kit import bench_file, served, simulator


def _doctor(bench: Path, *options: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and findings."""
    command = [sys.executable, "-m", "fusion_eval", "doctor", "--bench", str(bench), "--json"]
    env = {**os.environ, **environment}
    done = subprocess.run([*command, *options], capture_output=True, text=True, env=env)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)["findings"]


def test_an_endpoint_that_works_is_called_only_when_that_is_asked_for(tmp_path: Path):
    """A check that costs money without being told is a bill nobody expects."""
    door = simulator()
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url})
        code, found = _doctor(bench)
        assert (code, door.arrived) == (0, [])
        assert all(one["good"] is not False for one in found)
        code, found = _doctor(bench, "--call")
    assert code == 0
    assert len(door.arrived) == 3
    assert sum("says its tokens" in one["text"] for one in found) == 3


def test_a_missing_key_an_unknown_price_and_a_missing_budget_are_all_named(tmp_path: Path):
    """Found one at a time, each costs a start; the last one is found after paying."""
    endpoint = {"base_url": "https://api.example.org/v1", "api_key_env": "NO_SUCH_KEY"}
    code, found = _doctor(bench_file(tmp_path, endpoint))
    bad = " ".join(one["text"] for one in found if one["good"] is False)
    assert code == 2
    for word in ("NO_SUCH_KEY", "price", "budget"):
        assert word in bad


def test_nobody_listening_is_named(tmp_path: Path):
    """A server that was not started is the commonest reason of all."""
    code, found = _doctor(bench_file(tmp_path, {"base_url": "http://127.0.0.1:9/v1"}), "--call")
    assert code == 2
    assert "nobody answers" in found[0]["text"]
