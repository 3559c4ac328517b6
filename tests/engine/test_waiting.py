"""Limits and outages are waited for: said, bounded, at no cost, and ended by the first Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from engine_kit import asked, call, completion
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fusion_eval.core import Attempt, Limits
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.breaker import Breaker
from fusion_eval.engine.budget import Budget
from fusion_eval.engine.client import Clients
from fusion_eval.engine.retry import retry
from fusion_eval.engine.stack import sending
from fusion_eval.engine.waiting import Waits, span
from fusion_eval.errors import DeadEndpointError

PATH = "/v1/chat/completions"


def all_answered(url: str, calls: int, notes: list[str], **limits: Any) -> list[str]:
    """The texts of so many calls through the whole stack but the ledger."""

    async def work() -> list[str]:
        clients = Clients()
        budget = Budget(None, lambda _: None, lambda _, __: None)
        send = sending(clients, Limits(**limits), budget, lambda s: s, say=notes.append)
        try:
            async with asyncio.timeout(60):
                asks = (send(call(url, prompt=str(i), timeout_s=10.0)) for i in range(calls))
                return [reply.text for reply in await asyncio.gather(*asks)]
        finally:
            await clients.close()

    return asyncio.run(work())


def _limited(most: int, window_s: float) -> Callable[[Request], Response]:
    """An endpoint that takes so many requests in a sliding window, and says nothing in headers."""
    passed: deque[float] = deque()
    lock = threading.Lock()

    def answer(_: Request) -> Response:
        with lock:
            now = time.monotonic()
            while passed and passed[0] < now - window_s:
                passed.popleft()
            if len(passed) >= most:
                body = {"error": {"message": "Rate limit exceeded", "code": 429}}
                return Response(json.dumps(body), status=429)
            passed.append(now)
        return Response(json.dumps(completion()), content_type="application/json")

    return answer


def test_a_limit_that_no_header_tells_loses_no_call(httpserver: HTTPServer):
    """Four attempts in three seconds lost 30 of 40 trials to a limit of 10 in 15 s."""
    httpserver.expect_request(PATH).respond_with_handler(_limited(10, 1.5))

    texts = all_answered(httpserver.url_for("/v1"), 40, [], attempts=4)

    assert texts == ["Here."] * 40


def test_a_limit_that_lasts_longer_than_a_run_waits_ends_it_and_says_until_when(
    httpserver: HTTPServer,
):
    """A daily limit was slept for in silence, an hour per attempt."""
    body = {"error": {"message": "Daily limit reached. Please try again in 7h12m0s."}}
    httpserver.expect_request(PATH).respond_with_json(body, status=429)

    with pytest.raises(DeadEndpointError, match=r"7 h 12 min.*wait_s: 600.*Daily limit"):
        all_answered(httpserver.url_for("/v1"), 1, [])


def test_a_model_that_refuses_everything_is_given_up_after_the_deadline():
    """Backing off for ever is a hang with a reason."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def refuse(_: Any) -> Any:
        problem = AttemptFailedError(Attempt(number=0, failure="rate_limited", billed=False))
        problem.refused_for_s = sum(waited)
        raise problem

    send = retry(refuse, attempts=2, waits=Waits(sleep=sleep, most_s=300))
    with pytest.raises(DeadEndpointError, match="wait_s: 300"):
        asyncio.run(send(call()))

    assert 240 < sum(waited) <= 300
    assert max(waited) <= 30


@contextmanager
def _dies(port: int, down: threading.Event) -> Iterator[None]:
    """A server on a port that is gone while `down` is set."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Quiet."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            time.sleep(0.05)
            body = json.dumps(completion()).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(body)

    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            if down.is_set():
                time.sleep(0.02)
                continue
            with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
                server.timeout = 0.02
                while not down.is_set() and not over.is_set():
                    server.handle_request()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_every_call_is_answered_although_the_endpoint_is_gone_for_a_while():
    """Four attempts last four seconds; an outage of six ended a run."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    down, notes = threading.Event(), list[str]()
    with _dies(port, down):
        threading.Timer(0.3, down.set).start()
        threading.Timer(3.3, down.clear).start()
        texts = all_answered(f"http://127.0.0.1:{port}/v1", 100, notes, attempts=4, max_in_flight=8)

    assert texts == ["Here."] * 100
    assert any("is gone" in note for note in notes)
    assert "answers again" in notes[-1]


def test_a_gateway_with_nobody_behind_it_is_waited_for_by_one_call_at_a_time():
    """A hundred calls that knock all the time keep a server from coming up."""
    clock = _Clock()
    breaker = Breaker(clock=clock, waits=Waits(sleep=clock.sleep, outage_s=100))
    endpoint = call().model.endpoint
    problems = [_gone(503) for _ in range(3)]
    for problem in problems:
        breaker.failed(endpoint, problem)
    assert [problem.held for problem in problems] == [False, False, True]

    async def work() -> list[str]:
        went: list[str] = []

        async def knock(name: str) -> None:
            await breaker.admit(endpoint)
            went.append(name)

        first = asyncio.create_task(knock("first"))
        others = [asyncio.create_task(knock(f"other {i}")) for i in range(20)]
        await asyncio.sleep(0.02)
        alone = list(went)
        breaker.replied(endpoint)
        await asyncio.gather(first, *others)
        assert len(went) == 21
        return alone

    assert len(asyncio.run(work())) == 1


def test_an_endpoint_that_stays_gone_is_given_up_after_the_time_that_was_said():
    """A run that waits for ever hides that nothing happens."""
    clock, notes = _Clock(), list[str]()
    breaker = Breaker(clock=clock, waits=Waits(notes.append, sleep=clock.sleep, outage_s=100))
    endpoint = call().model.endpoint
    refused = AttemptFailedError(Attempt(number=0, failure="connection", billed=False), gone=True)
    breaker.failed(endpoint, refused)

    async def work() -> None:
        while True:
            await breaker.admit(endpoint)
            breaker.failed(endpoint, refused)
            breaker.left(endpoint)

    with pytest.raises(DeadEndpointError, match="given up"):
        asyncio.run(work())

    assert 100 <= clock.now < 110
    assert len(notes) == 1
    assert "2 min" in notes[0]


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def _gone(status: int) -> AttemptFailedError:
    attempt = Attempt(number=0, failure="server_error", detail=f"status {status}", billed=None)
    return AttemptFailedError(attempt, gone=True)


def test_a_long_wait_is_said_once_with_its_end_and_a_short_one_is_not():
    """A run that stands still without a word is killed, and its calls in flight with it."""
    notes: list[str] = []

    async def sleep(_: float) -> None:
        """At once."""

    async def work() -> None:
        waits = Waits(notes.append, sleep=sleep)
        await waits.wait(29, "model 'm'")
        for _ in range(3):
            await waits.wait(300, "model 'm'")

    asyncio.run(work())
    (note,) = notes
    assert note.startswith("model 'm'; waiting until ")
    assert "(5 min), Ctrl-C ends the wait" in note
    assert [span(s) for s in (45, 300, 25920)] == ["45 s", "5 min", "7 h 12 min"]


def test_the_first_ctrl_c_ends_a_wait_and_the_run_can_be_gone_on_with(
    httpserver: HTTPServer, tmp_path: Path
):
    """Nothing is in flight while a call waits, so nobody should wait with it."""
    busy = Response("busy", status=429, headers={"Retry-After": "500"})
    httpserver.expect_request(PATH).respond_with_response(busy)
    (tmp_path / "t.yaml").write_text(
        "name: t\ntasks:\n  - {id: q, check: exact, target: a, prompt: Say a.}\n"
    )
    (tmp_path / "b.yaml").write_text(
        f"endpoints:\n  e: {{base_url: 'http://127.0.0.1:{httpserver.port}/v1'}}\n"
        "models:\n  m: {endpoint: e, id: m}\nrecipes:\n  s: {strategy: solo, member: m}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "fusion_eval", "run", "t.yaml", "--bench", "b.yaml"],
        cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert process.stderr is not None
    heard = ""
    while "waiting until" not in heard:
        line = process.stderr.readline()
        assert line, heard
        heard += line
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode == 130
    assert "'m' at endpoint 'e' is at its rate limit" in heard
    (outcome,) = asked(tmp_path / "results" / "ledger.sqlite", "SELECT outcome FROM intents")
    assert outcome == ("failed",)
