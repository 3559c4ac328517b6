"""`fusion-eval doctor`: what will not work is said before a run, with the way out."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path
from typing import Any

import forked
import pytest
import yaml
from engine_kit import MINI, bench_file, model, served, simulator

import fusion_eval as fe
from fusion_eval.bench.refuse import unlisted
from fusion_eval.errors import EndpointError


def _doctor(bench: Path, *options: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and findings."""
    env = {**os.environ, **environment}
    done = forked.run("doctor", "--bench", bench, "--json", *options, env=env)
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
    assert len(door.arrived) == 3 * 3
    assert sum("says its tokens" in one["text"] for one in found) == 3
    assert sum(one["text"] == "streams" for one in found) == 3
    assert sum("did not call it" in one["text"] for one in found) == 3  # the simulator has no tools


def test_an_id_with_a_slip_is_named_with_what_it_should_be_before_anything_is_asked(
    tmp_path: Path,
):
    """One wrong letter fails every call of one model, while all the others are paid for."""
    door = simulator()
    with served(door) as url:
        ids = json.load(urllib.request.urlopen(f"{url}/models"))["data"]
        right = ids[0]["id"]
        slip = right[:-2] + right[-1] + right[-2]
        entry = {"endpoint": "there", "id": slip}
        bench = _bench_of(tmp_path, {"base_url": url}, entry)
        code, found = _doctor(bench)
        with pytest.raises(EndpointError, match=f"did you mean '{right}'"):
            fe.run(MINI, bench, output_dir=tmp_path / "results")
        assert door.arrived == []
        open_list = _bench_of(tmp_path, {"base_url": url, "lists_models": False}, entry)
        assert _doctor(open_list)[0] == 0
    assert code == 2
    assert any(f"did you mean '{right}'" in f["text"] for f in found if f["good"] is False)


def _bench_of(folder: Path, endpoint: dict[str, Any], entry: dict[str, Any]) -> Path:
    path = folder / "one-model.yaml"
    recipes = {"solo": {"strategy": "solo", "member": "m"}}
    grader = {"model": "m", "protocol": "draco"}
    bench = {"endpoints": {"there": endpoint}, "models": {"m": entry}, "recipes": recipes}
    path.write_text(yaml.safe_dump({**bench, "grader": grader}))
    return path


def test_variants_and_prefixes_of_gateways_are_no_slips():
    """A run that is refused because of `:free` could have been made."""
    listed = frozenset({"maker/model-4", "models/gemini-9", "llama9:latest"})
    for good in ("maker/model-4", "maker/model-4:free", "gemini-9", "llama9", "something-else"):
        assert unlisted(model(id=good), listed) is None, good
    for slip in ("maker/modle-4", "maker/model-4x", "models/gemini-8"):
        assert "did you mean" in (unlisted(model(id=slip), listed) or ""), slip


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
    assert "no response from" in found[0]["text"]
