"""Replies that were broken on purpose: each is a reply or a failure, and none is lost.

`make hostile` runs 20,000 of them; here are the first 400.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from engine_kit import call, completion, through
from made_replies import BAD_HEADERS, GOOD, Broken, broken, odd_header

from fusion_eval.core import Call, Reply
from fusion_eval.engine import codec, mending, upkeep
from fusion_eval.engine.attempt import WORDS, AttemptFailedError
from fusion_eval.engine.client import Clients
from fusion_eval.engine.ledger import Ledger

SEED = int(os.environ.get("HOSTILE_SEED", "20261130"))
COUNT = int(os.environ.get("HOSTILE_REPLIES", "400"))
KEY = "sk-SECRET0123456789abcdef"


async def _serve(replies: list[Broken]) -> tuple[asyncio.Server, str]:
    """A server on a socket that answers every request with the next reply; and its URL.

    What comes after the last, as a request in another form, gets an error.
    """
    waiting = list(reversed(replies))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                status, headers, content = waiting.pop() if waiting else (500, [], b"")
                lines = [b"%s: %s" % pair for pair in headers]
                lines += [b"content-length: %d" % len(content), b"", b""]
                writer.write(b"HTTP/1.1 %d X\r\n" % status + b"\r\n".join(lines) + content)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def _outcomes(
    replies: list[Broken], calls: Callable[[str], list[Call]]
) -> list[Reply | AttemptFailedError]:
    """What becomes of calls to a URL; anything else that is raised, and a hang, is a crash."""

    async def work() -> list[Reply | AttemptFailedError]:
        found: list[Reply | AttemptFailedError] = []
        server, url = await _serve(replies)
        clients = Clients()
        for one in calls(url):
            try:
                async with asyncio.timeout(20):
                    found.append(await clients.send(one))
            except AttemptFailedError as problem:
                found.append(problem)
        await clients.close()
        server.close()
        return found

    return asyncio.run(work())


def test_every_broken_reply_is_a_reply_or_a_word(monkeypatch: pytest.MonkeyPatch):
    """One that is neither ends a paid run with a traceback, and again at every new start."""
    monkeypatch.setenv("HOSTILE_KEY", KEY)
    chance = random.Random(SEED)
    made = [broken(chance, KEY) for _ in range(COUNT)]

    found = _outcomes(made, lambda url: [call(url, api_key_env="HOSTILE_KEY")] * COUNT)

    assert len(found) == COUNT
    for one in found:
        if isinstance(one, Reply):
            kept = codec.dump(one) + (one.raw or "")
            assert codec.load(codec.dump(one)) == one
        else:
            kept = one.attempt.detail
            assert one.attempt.failure in WORDS
        assert kept.encode()
        assert KEY not in kept
    answered = sum(isinstance(one, Reply) for one in found)
    assert 0.1 * COUNT < answered < 0.9 * COUNT  # some of each, or nothing was tried


def test_no_odd_header_throws_a_good_reply_away():
    """The reply is paid; a limit that is told badly is no reason to pay for another."""
    chance = random.Random(SEED + 1)
    count = max(100, COUNT // 10)
    good = json.dumps(completion()).encode()
    replies = [(200, [odd_header(chance) for _ in range(3)], good) for _ in range(count)]
    replies += [(200, headers, good) for headers in BAD_HEADERS]

    found = _outcomes(replies, lambda url: [call(url)] * len(replies))

    assert all(isinstance(one, Reply) and one.text == "Here." for one in found)


def test_every_reply_can_be_kept_shown_and_read_again(tmp_path: Path):
    """What a ledger cannot hold is asked and paid again at every new start."""
    chance = random.Random(SEED + 2)
    calls = [call(prompt=str(i)) for i in range(60)]
    made = [(200, [], broken(chance, KEY, of=GOOD)[2]) for _ in calls]
    pairs = zip(calls, _outcomes(made, lambda url: [call(url)] * 60), strict=True)
    kept = {one.key: reply for one, reply in pairs if isinstance(reply, Reply)}
    path = tmp_path / "ledger.sqlite"

    async def work(ledger: Ledger) -> None:
        async def send(asked: Call) -> Reply:
            return kept[asked.key]

        ask = through(ledger, send)
        for one in calls:
            if one.key in kept:
                assert (await ask(one)).reply.text == kept[one.key].text

    with Ledger(path) as ledger:
        asyncio.run(work(ledger))

    assert len(kept) > 10
    assert upkeep.verify(path) == []
    assert mending.reread(path).changed == {}
