"""`fusion-eval serve` and `rule` as they are typed."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from fusion_eval.cli import app
from fusion_eval.errors import InputError

TASKS = Path(__file__).parents[2] / "tasks" / "mini.yaml"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_serve_says_where_it_listens_answers_and_ends_at_an_interrupt():
    """The one line of the README."""
    port = _free_port()
    command = [
        sys.executable,
        "-m",
        "fusion_eval",
        "serve",
        "--bench",
        "demo",
        "--tasks",
        str(TASKS),
        "--recipes",
        "solo-heron,panel-top",
        "--port",
        str(port),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert said.startswith(f"SIMULATED models at http://127.0.0.1:{port}/v1")
        assert "solo-heron, panel-top" in said
        body = {"model": "panel-top", "messages": [{"role": "user", "content": "Why?"}]}
        for _ in range(200):
            try:
                answer = httpx2.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body)
                break
            except httpx2.ConnectError:
                time.sleep(0.05)
        assert answer.json()["fusion"]["recipe"] == "panel-top"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert "Traceback" not in out + err
    assert process.returncode in (0, 130)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bench", "nowhere"], "no such bench"),
        (["--bench", "demo", "--host", "0.0.0.0"], "no keys"),
        (["--bench", "demo", "--recipes", "solo-crow"], "unknown recipe"),
        (["--bench", "demo", "--tools-to", "hero"], "did you mean 'heron'"),
        (["--bench", "demo", "--rule", "nowhere.json"], "nowhere.json"),
        (["--bench", "demo", "--record", "kept.txt"], "kept.jsonl"),
    ],
    ids=["bench", "host", "recipe", "tools", "rule", "record"],
)
def test_what_cannot_be_served_is_said_before_anything_listens(monkeypatch, options, words):
    """A server that starts and cannot answer is found by its clients."""
    monkeypatch.delenv("FUSION_EVAL_SERVE_KEYS", raising=False)
    refused = CliRunner().invoke(app, ["serve", *options]).exception
    assert isinstance(refused, InputError | FileNotFoundError)
    assert words in str(refused)


def test_a_port_that_is_taken_is_an_input_error():
    """Two servers on one port would answer by turns, or one of them never."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = CliRunner().invoke(app, ["serve", "--bench", "demo", "--port", port]).exception
    assert isinstance(refused, InputError)
    assert f"--port {port}" in str(refused)


def test_help_has_an_example():
    """Whoever forgets an option looks there."""
    for verb in ("serve", "rule"):
        done = CliRunner().invoke(app, [verb, "--help"])
        assert done.exit_code == 0
        assert f"fusion-eval {verb}" in done.stdout
