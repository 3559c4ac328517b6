"""Failures have one word each, and deadlines end what hangs."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

import pytest
from engine_kit import call, sent
from pytest_httpserver import HTTPServer
from werkzeug import Response

import fusion_eval
from fusion_eval.core import Call, Reply
from fusion_eval.engine.attempt import RETRYABLE, WORDS
from fusion_eval.engine.breaker import CLOSED, GONE
from fusion_eval.engine.watch import Watch
from fusion_eval.errors import CallFailedError

ROOT = Path(fusion_eval.__file__).parent
USED = re.compile(
    r"""failure(?::\ str)?\ ?=\ ?"(\w+)"|_attempt\("(\w+)"|return\ "(\w+)",\ (?:None|False)
    |\d{3}:\ "(\w+)"|return\ "(\w+)"\ if\ reply""",
    re.VERBOSE,
)


def test_every_word_for_a_failure_is_listed_and_documented():
    """A word that no document explains is looked up by everybody who meets it, in vain."""
    used = {
        word
        for path in ROOT.rglob("*.py")
        if "simulator" not in path.parts
        for words in USED.findall(path.read_text("utf-8"))
        for word in words
        if word
    }
    documented = (ROOT.parent / "docs" / "failures.md").read_text("utf-8")

    assert len(used) >= 12
    assert used <= WORDS.keys()
    assert WORDS.keys() >= RETRYABLE | CLOSED | GONE
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
