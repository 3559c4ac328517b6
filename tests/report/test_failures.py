"""Failures have one word each, and deadlines end what hangs."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

import pytest
from engine_kit import REASONING, bench_file, call, rows, sent, served, simulator
from pytest_httpserver import HTTPServer
from werkzeug import Response

import fusion_eval
from fusion_eval import cli
from fusion_eval.api import settled
from fusion_eval.bench.execute import execute
from fusion_eval.bench.progress import Silent
from fusion_eval.core import Call, Reply
from fusion_eval.engine.attempt import RETRYABLE, WORDS
from fusion_eval.engine.breaker import CLOSED, SILENT
from fusion_eval.engine.replies.words import FAILURES
from fusion_eval.engine.watch import Watch
from fusion_eval.errors import CallFailedError

ROOT = Path(fusion_eval.__file__).parent
USED = re.compile(
    r"""failure(?::\ str)?\ ?=\ ?"(\w+)"|attempt_failed\("(\w+)"|return\ "(\w+)",\ (?:None|False)
    |\d{3}:\ "(\w+)"|return\ "(\w+)"\ if\ reply""",
    re.VERBOSE,
)


def test_every_word_for_a_failure_is_listed_and_documented():
    """A word that no document explains is looked up by everybody who meets it, in vain."""
    used = {
        word
        for path in ROOT.rglob("*.py")
        if not {"simulator", "openai_api", "serving"} & {*path.parts}  # what a server answers
        for words in USED.findall(path.read_text("utf-8"))
        for word in words
        if word
    }
    used |= {*FAILURES.values()}
    documented = (ROOT.parent / "docs" / "failures.md").read_text("utf-8")

    assert len(used) >= 12
    assert used <= WORDS.keys()
    assert WORDS.keys() >= RETRYABLE | CLOSED | SILENT
    assert {word for word in WORDS if f"`{word}`" in documented} == WORDS.keys()


def test_a_connection_that_does_not_come_about_is_given_up_early_and_costs_nothing():
    """Two minutes for each of a thousand calls to a machine that is switched off is a day."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(0)
    address = listening.getsockname()
    others = [socket.socket() for _ in range(3)]  # they fill its queue
    for other in others:
        other.setblocking(False)
        other.connect_ex(address)
    try:
        with pytest.raises(CallFailedError) as failed:
            sent(call(f"http://127.0.0.1:{address[1]}/v1", timeout_s=25.0, connect_s=0.2))
    finally:
        for each in (*others, listening):
            each.close()
    (attempt,) = failed.value.attempts
    assert (attempt.failure, attempt.billed) == ("timeout", False)


def test_silence_is_given_up_before_the_whole_deadline(httpserver: HTTPServer):
    """A deadline that is long enough for a long answer is too long for a dead connection."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(5)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    try:
        with pytest.raises(CallFailedError) as failed:
            sent(call(url, timeout_s=25.0, silence_s=0.2))
    finally:
        listening.close()
    (attempt,) = failed.value.attempts
    assert (attempt.failure, attempt.billed) == ("timeout", None)


def test_a_status_of_408_is_a_timeout_that_is_tried_again(httpserver: HTTPServer):
    """The server says itself that asking again may help."""
    httpserver.expect_ordered_request("/v1/chat/completions").respond_with_response(
        Response("late", status=408)
    )
    httpserver.expect_ordered_request("/v1/chat/completions").respond_with_json(
        {"choices": [{"message": {"content": "Here."}}]}
    )
    (reply,) = sent(call(httpserver.url_for("/v1")), attempts=2)
    assert [a.failure for a in reply.attempts] == ["timeout", None]


def test_a_call_that_hangs_is_named_while_it_hangs():
    """A run that stands still without a word is killed, and its last calls are lost."""
    said: list[str] = []
    watch = Watch(said.append)
    one = call(timeout_s=0.04)

    async def hang(_: Call) -> Reply:
        while not said:
            await asyncio.sleep(0.001)
        return Reply(text="late")

    asyncio.run(asyncio.wait_for(watch.wrap(hang)(one), 20))
    assert one.key[:12] in said[0]
    assert "'there'" in said[0]


class _Notes(Silent):
    """Keeps what a person would have been told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


def test_a_run_names_the_call_that_holds_it_up(tmp_path: Path):
    """The watchdog is no use to anybody as long as no run listens to it."""

    async def slow_once(_: bytes, number: int) -> None:
        await asyncio.sleep(1.0 if number == 1 else 0.0)

    with served(simulator(slow_once, tasks=REASONING)) as url:
        bench = bench_file(
            tmp_path,
            {"base_url": url, "timeout_s": 1.6},
            recipes={"solo": {"strategy": "solo", "member": "heron"}},
            repeats=1,
        )
        tasks, ready, _ = settled(REASONING, bench, limit=2)
        notes = _Notes()
        run = execute(tasks, ready, results=tmp_path / "r", progress=notes)

    assert run.manifest["status"] == "finished"
    (told,) = notes.told
    assert "to heron at 'there' has had no reply for 1 s" in told


def test_a_run_that_brought_nothing_at_all_ends_with_its_word_and_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A dead model is the most common first run; a traceback would hide what is wrong."""

    async def broken(_: bytes, number: int) -> tuple[int, str]:
        return 400, '{"error": "no such parameter"}'

    with served(simulator(broken, tasks=REASONING)) as url:
        solo = {"solo": {"strategy": "solo", "member": "heron"}}
        bench = bench_file(tmp_path, {"base_url": url}, recipes=solo, limits={"attempts": 1})
        words = ["run", str(REASONING), "--bench", str(bench), "--limit", "2", "--quiet"]
        monkeypatch.setattr(
            "sys.argv", ["fusion-eval", *words, "--output-dir", str(tmp_path / "r")]
        )
        with pytest.raises(SystemExit) as ended:
            cli.main()

    said = capsys.readouterr()
    run = fusion_eval.read_run(tmp_path / "r" / "latest")
    assert ended.value.code == 5
    assert "Traceback" not in said.err + said.out
    assert {trial["failure"] for trial in rows(run, "trials")} == {"bad_request"}
    assert "bad_request" in (run.path / "report.md").read_text()
