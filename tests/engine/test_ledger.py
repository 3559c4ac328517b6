"""The store of calls: on disk before anybody sees it, shared, and whole after any stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_kit import CHEAP, asked, at_once, call, completion, model, no_pauses, through
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fusion_eval.core import Attempt, Call, Reply, Usage
from fusion_eval.engine import codec, upkeep
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.client import Clients
from fusion_eval.engine.gate import concurrency
from fusion_eval.engine.ledger import Known, Ledger
from fusion_eval.engine.place import Place, shared
from fusion_eval.engine.writer import connect
from fusion_eval.errors import CallFailedError, NotInLedgerError, TableError

REPLY = Reply(
    text="Here.",
    usage=Usage(input=3, output=4),
    cost_reported=0.01,
    attempts=(Attempt(number=1),),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a ledger may be made, as a file."""
    return tmp_path / "results" / "ledger.sqlite"


@pytest.fixture(params=["sqlite", "postgres"])
def path(request: pytest.FixtureRequest, file: Path) -> Place:
    """Where a ledger may be made, as a file and in a database: what is promised holds for both."""
    if request.param == "sqlite":
        return file
    return shared(request.getfixturevalue("database"))


async def answer(_: Call) -> Reply:
    """A bottom of the stack that answers at once."""
    await asyncio.sleep(0)
    return REPLY


async def never(_: Call) -> Reply:
    """A bottom that must not be reached."""
    raise AssertionError("sent")


# Once


def test_fifty_identical_calls_at_once_make_one_request(httpserver: HTTPServer, path: Place):
    """Nine recipes that share a draft would pay for it nine times, and get nine drafts."""
    httpserver.expect_request("/v1/chat/completions").respond_with_json(completion())
    one = call(httpserver.url_for("/v1"))

    async def work(ledger: Ledger) -> list[Any]:
        clients = Clients()
        try:
            ask = through(ledger, clients.send)
            return await asyncio.gather(*(ask(one) for _ in range(50)))
        finally:
            await clients.close()

    with Ledger(path) as ledger:
        known = asyncio.run(work(ledger))
        assert ledger.made == 1

    assert len(httpserver.log) == 1
    assert len({id(each.reply) for each in known}) == 1


def test_calls_that_differ_in_anything_that_can_change_the_reply_are_not_shared(path: Place):
    """A temperature that the key forgets makes two recipes the same by mistake."""
    url = "http://127.0.0.1:9/v1"
    calls = [
        call(url),
        call("http://127.0.0.1:8/v1"),
        call(url, prompt="Why?"),
        call(url, draw=1),
        call(url, seed=1),
        call(url, id="maker/other"),
        call(url, params={"temperature": 0.1}),
        call(url, extra_body={"provider": "x"}),
        call(url, tools=({"name": "search"},)),
    ]

    async def work(ledger: Ledger) -> None:
        ask = through(ledger, answer)
        await asyncio.gather(*(ask(each) for each in calls))

    with Ledger(path) as ledger:
        asyncio.run(work(ledger))
        assert ledger.made == len(calls)


def test_names_and_prices_do_not_make_a_call_another_one(path: Place):
    """Renaming a model in the bench file would pay for the whole run again."""

    async def work(ledger: Ledger) -> None:
        await through(ledger, answer)(call(name="there"))
        await through(ledger, never)(call(name="here", price=CHEAP, timeout_s=9.0))

    with Ledger(path) as ledger:
        asyncio.run(work(ledger))


def test_a_reply_of_an_earlier_run_is_found_with_the_name_of_that_run(path: Place):
    """What another run has paid must not be counted as spent again."""
    with Ledger(path) as ledger:
        asyncio.run(_one(ledger, answer, run="first"))
    with Ledger(path) as ledger:
        known = asyncio.run(_one(ledger, never, run="second"))

    assert (known.run, known.reply, ledger.made) == ("first", REPLY, 0)


async def _one(ledger: Ledger, send: Any, run: str = "run", **options: Any) -> Any:
    return await through(ledger, send, run, **options)(call())


def test_a_failure_is_shared_within_a_run_and_tried_again_in_the_next(path: Place):
    """Whether a recipe gets a second chance must not depend on when it happens to ask."""
    tries = 0

    async def fail(_: Call) -> Reply:
        nonlocal tries
        tries += 1
        raise AttemptFailedError(Attempt(number=1, failure="timeout", detail="slow", billed=None))

    async def work(ledger: Ledger) -> None:
        ask = through(ledger, fail)
        together = await asyncio.gather(ask(call()), ask(call()), return_exceptions=True)
        for problem in together:
            assert isinstance(problem, CallFailedError)
        with pytest.raises(CallFailedError, match="slow"):
            await ask(call())

    with Ledger(path) as ledger:
        asyncio.run(work(ledger))
        assert tries == 1
    with Ledger(path) as ledger:
        assert asyncio.run(_one(ledger, answer)).reply == REPLY


# On disk


def test_an_intent_is_on_disk_before_the_request_arrives(httpserver: HTTPServer, path: Place):
    """After a crash nobody could say which calls may have been billed."""
    seen: list[Any] = []

    def handler(_: Request) -> Response:
        seen.extend(asked(path, "SELECT key, run, outcome, worst FROM intents"))
        return Response(json.dumps(completion()), content_type="application/json")

    httpserver.expect_request("/v1/chat/completions").respond_with_handler(handler)
    one = call(httpserver.url_for("/v1"))

    async def work(ledger: Ledger) -> None:
        clients = Clients()
        await through(ledger, clients.send, worst=0.25)(one)
        await clients.close()

    with Ledger(path) as ledger:
        asyncio.run(work(ledger))

    ((key, run, outcome, worst),) = seen
    assert (key, run, outcome) == (one.key, "run", None)
    assert worst == 0.25


def test_a_reply_is_on_disk_before_anybody_sees_it(path: Place):
    """A process killed a moment later would pay again for what it had already used."""

    async def work(ledger: Ledger) -> None:
        ask = through(ledger, answer)

        async def look(draw: int) -> None:
            one = call(draw=draw)
            await ask(one)
            found = asked(path, f"SELECT count(*) FROM replies WHERE key='{one.key}'")
            assert found == [(1,)]

        await asyncio.gather(*(look(draw) for draw in range(40)))

    with Ledger(path) as ledger:
        asyncio.run(work(ledger))


def test_a_reply_that_came_just_before_the_end_is_kept(path: Place):
    """Rows gather for a moment before they are written; what was paid last would be paid again."""

    async def answer(_: Call) -> Reply:
        return Reply(text="last", attempts=(Attempt(number=1),))

    async def work(ledger: Ledger) -> None:
        send = ledger.recording(answer, run="run", worst=lambda _: 0.5)
        await send(call())
        ledger.close()  # in the same step of the loop: nobody has handed the row over

    asyncio.run(work(Ledger(path)))
    with Ledger(path) as again:
        known = again.find(call().key)
    assert known is not None
    assert known.reply.text == "last"


def test_open_intents_on_disk_are_never_more_than_may_be_in_flight(path: Place):
    """After a kill that many calls are sent again, and count as possibly paid."""
    seen: list[int] = []

    async def looked_at(one: Call) -> Reply:
        own = f"max(CASE WHEN key='{one.key}' THEN 1 ELSE 0 END)"
        sql = f"SELECT count(*), {own} FROM intents WHERE outcome IS NULL"
        ((open_, mine),) = asked(path, sql)
        assert mine
        seen.append(open_)
        await asyncio.sleep(0.002 * (one.draw[1] % 5))
        return await answer(one)

    async def work(ledger: Ledger) -> None:
        recorded = ledger.recording(looked_at, run="run", worst=lambda _: None)
        ask = ledger.wrap(concurrency(recorded, max_in_flight=3), ready=at_once)
        await asyncio.gather(*(ask(call(draw=draw)) for draw in range(60)))

    with Ledger(path) as ledger:
        asyncio.run(work(ledger))
    assert len(seen) == 60
    assert max(seen) <= 3


def test_nothing_is_written_before_the_first_call_is_ready(file: Path):
    """A wrong URL should leave no empty results folder behind."""

    async def not_ready(_: Call) -> None:
        raise TableError("nobody listens")

    async def work(ledger: Ledger) -> None:
        ask = ledger.wrap(never, ready=not_ready)
        with pytest.raises(TableError):
            await ask(call())

    with Ledger(file) as ledger:
        asyncio.run(work(ledger))
    assert not file.parent.exists()


def test_every_attempt_that_brought_nothing_stays_with_its_worst_case(path: Place):
    """They may be on the bill, and `possibly_paid_usd` is made from them."""
    failures = [("timeout", None), ("rate_limited", False), ("timeout", None)]

    async def fail(_: Call) -> Reply:
        failure, billed = failures.pop(0)
        raise AttemptFailedError(Attempt(number=1, failure=failure, billed=billed))

    async def work(ledger: Ledger) -> None:
        with pytest.raises(CallFailedError):
            await _one(ledger, fail, worst=0.3, attempts=2)

    with Ledger(path) as ledger, no_pauses():
        asyncio.run(work(ledger))
        assert ledger.made == 1
    with Ledger(path) as ledger:
        (left,) = ledger.failed_attempts("run").values()
        assert [(a.failure, a.cost_worst) for a in left] == [
            ("timeout", 0.3),
            ("rate_limited", None),
            ("timeout", 0.3),
        ]
        assert ledger.failed_attempts("another") == {}
        assert ledger.spent("run", []) == pytest.approx(0.6)


def test_what_a_run_has_spent_is_its_replies_and_the_worst_of_what_is_unknown(path: Place):
    """A run that is resumed would otherwise spend its budget once per resume."""
    reply = Reply(text="x", usage=Usage(input=10**6, output=10**6), attempts=(Attempt(number=1),))
    silent = Reply(text="x", attempts=(Attempt(number=1),))

    async def send(one: Call) -> Reply:
        return silent if one.messages[0].content == "silent" else reply

    tries = iter([Attempt(number=1, failure="timeout", billed=None)])

    async def second_time(_: Call) -> Reply:
        for attempt in tries:
            raise AttemptFailedError(attempt)
        return reply

    async def work(ledger: Ledger) -> None:
        await through(ledger, send)(call(prompt="paid", price=CHEAP))
        await through(ledger, send, worst=0.25)(call(prompt="silent", price=CHEAP))
        again = through(ledger, second_time, worst=0.5, attempts=2)
        assert (await again(call(prompt="again", price=CHEAP))).reply == reply

    with Ledger(path) as ledger, no_pauses():
        asyncio.run(work(ledger))
    priced, elsewhere = [model(price=CHEAP)], [replace(model(price=CHEAP), name="x", id="x")]
    with Ledger(path) as ledger:
        assert ledger.spent("run", priced) == pytest.approx(3.0 + 0.25 + 0.5 + 3.0)
        assert ledger.spent("run", elsewhere) < 3.0
        assert ledger.spent("another", priced) == 0.0


def test_a_ledger_of_many_replies_finds_all_of_them(path: Place, monkeypatch: pytest.MonkeyPatch):
    """Replies that no longer fit into memory must come back from disk, not be paid again."""
    monkeypatch.setattr("fusion_eval.engine.ledger._RECENT", 5)

    async def work(ledger: Ledger, send: Any) -> None:
        ask = through(ledger, send)
        await asyncio.gather(*(ask(call(draw=draw)) for draw in range(30)))

    with Ledger(path) as ledger:
        asyncio.run(work(ledger, answer))
        asyncio.run(work(ledger, never))
        assert ledger.made == 30


# Replay


def test_a_replay_sends_nothing_and_names_what_it_misses(path: Place):
    """`--replay` promises no network and no cost."""

    async def work(ledger: Ledger) -> None:
        await _one(ledger, answer)
        assert (await _one(ledger, never, replay=True)).reply == REPLY
        with pytest.raises(NotInLedgerError, match=call(draw=1).key[:12]):
            await through(ledger, never, replay=True)(call(draw=1))

    with Ledger(path) as ledger:
        asyncio.run(work(ledger))
        assert ledger.made == 1


def test_a_replay_without_a_ledger_makes_none(file: Path):
    """A file that appears where there was none looks like a run."""

    async def work(ledger: Ledger) -> None:
        with pytest.raises(NotInLedgerError):
            await _one(ledger, never, replay=True)

    with Ledger(file) as ledger:
        asyncio.run(work(ledger))
    assert not file.exists()


# Stopping


def test_a_waiter_that_gives_up_does_not_take_the_call_from_the_others(path: Place):
    """One strategy with a time limit would throw away a reply that others have paid for."""

    async def work(ledger: Ledger) -> None:
        go = asyncio.Event()

        async def slow(_: Call) -> Reply:
            await go.wait()
            return REPLY

        ask = through(ledger, slow)
        first, second = asyncio.create_task(ask(call())), asyncio.create_task(ask(call()))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0)
        go.set()
        assert (await second).reply == REPLY
        assert first.cancelled()

    with Ledger(path) as ledger:
        asyncio.run(work(ledger))
        assert ledger.made == 1


def test_a_call_that_everybody_gave_up_is_still_waited_for_and_kept(path: Place):
    """It is billed all the same; thrown away, it would be paid a second time."""

    async def work(ledger: Ledger) -> None:
        async def slow(_: Call) -> Reply:
            await asyncio.sleep(0.02)
            return REPLY

        waiter = asyncio.create_task(_one(ledger, slow))
        await asyncio.sleep(0.005)
        waiter.cancel()
        await ledger.settle()

    with Ledger(path) as ledger:
        asyncio.run(work(ledger))
    with Ledger(path) as ledger:
        assert asyncio.run(_one(ledger, never)).reply == REPLY


def test_a_call_that_is_cancelled_leaves_an_open_intent_with_its_worst_case(path: Place):
    """Nobody knows whether it was billed, and the tables have a column for that."""

    async def work(ledger: Ledger) -> None:
        async def hang(_: Call) -> Reply:
            await asyncio.Event().wait()
            return REPLY

        waiter = asyncio.create_task(_one(ledger, hang, worst=0.7))
        while not ledger.made:
            await asyncio.sleep(0.001)
        await ledger.stop()
        with pytest.raises(asyncio.CancelledError):
            await waiter

    with Ledger(path) as ledger:
        asyncio.run(work(ledger))
    with Ledger(path) as ledger:
        ((left,),) = ledger.failed_attempts("run").values()
        assert (left.failure, left.billed, left.cost_worst) == ("interrupted", None, 0.7)
        assert ledger.spent("run", []) == 0.7


_PROCESS = textwrap.dedent(
    """
    import asyncio, random, sys
    sys.path.insert(0, {tests!r})
    from pathlib import Path
    from engine_kit import call, through
    from fusion_eval.core import Attempt, Reply
    from fusion_eval.engine.ledger import Ledger
    from fusion_eval.engine.place import place_of

    name = sys.argv[1]

    async def send(one):
        await asyncio.sleep(random.random() * 0.02)
        return Reply(text=name, attempts=(Attempt(number=1, cost_reported=1.0),))

    async def work(ledger):
        ask = through(ledger, send, run=name)
        print("started", flush=True)
        sys.stdin.readline()
        draws = [*range({count})] * {copies}
        known = await asyncio.gather(*(ask(call(draw=draw)) for draw in draws))
        for draw, each in zip(draws, known):
            print(call(draw=draw).key, each.reply.text, flush=True)

    with Ledger(place_of({path!r})) as ledger:
        asyncio.run(work(ledger))
    """
)


def _process(path: Place, name: str, count: int, copies: int = 1) -> subprocess.Popen[str]:
    tests = str(Path(__file__).parents[1])
    script = _PROCESS.format(tests=tests, path=str(path), count=count, copies=copies)
    process = subprocess.Popen(
        [sys.executable, "-c", script, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def _finished(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Start them together; what each has printed."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    return outputs


def test_two_processes_on_one_ledger_lose_nothing_and_agree_on_every_reply(path: Place):
    """Two benches at once are normal; where both made a call, one reply must count for both,
    or a replay of the slower run gives other answers than the run itself."""
    processes = [_process(path, name, 300) for name in ("left", "right")]
    outputs = _finished(processes)
    stored = {key: codec.load(_text(blob)).text for key, blob in _replies(path)}
    assert len(stored) == 300
    for output in outputs:
        seen = dict(line.split() for line in output.splitlines())
        assert seen == stored
    assert len(asked(path, "SELECT id FROM intents")) == 300  # not one was made twice
    assert asked(path, "SELECT count(*) FROM owners") == [(0,)]


def test_a_reply_that_came_second_is_still_on_the_bill_of_its_run(path: Place):
    """A laptop that slept is taken for dead; what it had asked for was paid for all the same,
    though the other process's reply is the one that counts."""
    with Ledger(path) as mine, Ledger(path) as theirs:

        async def send(_: Call) -> Reply:
            _without_a_pulse(path)
            await _one(theirs, answer, run="theirs")
            return Reply(text="late", cost_reported=1.0, attempts=(Attempt(number=1),))

        known = asyncio.run(_one(mine, send, run="mine"))

    assert (known.run, known.reply.text) == ("theirs", "Here.")
    with Ledger(path) as ledger:
        assert ledger.spent("mine", []) == pytest.approx(1.0)


def _without_a_pulse(path: Place) -> None:
    """No owner of a claim has a pulse, as it is long after its process has stopped."""
    connection = connect(path)
    connection.execute("DELETE FROM owners")
    connection.close()


def test_a_call_in_flight_in_another_process_is_waited_for_and_not_sent_again(path: Place):
    """Two terminals on one bench would pay for everything twice, exactly while it is dearest."""
    sent = 0

    async def slow(one: Call) -> Reply:
        nonlocal sent
        sent += 1
        await asyncio.sleep(0.05)
        return REPLY

    async def both(mine: Ledger, theirs: Ledger) -> list[Known]:
        return await asyncio.gather(_one(mine, slow, run="mine"), _one(theirs, slow, run="theirs"))

    with Ledger(path) as mine, Ledger(path) as theirs:
        known = asyncio.run(both(mine, theirs))
        assert (mine.made + theirs.made, sent) == (1, 1)
    assert known[0] == known[1]


def test_a_call_that_failed_elsewhere_is_tried_by_whoever_waited(path: Place):
    """The other run may have no attempts left; its failure says nothing about ours."""
    tries: list[str] = []

    async def fails(one: Call) -> Reply:
        tries.append("theirs")
        await asyncio.sleep(0.05)
        raise AttemptFailedError(Attempt(number=0, failure="server_error", billed=False))

    async def works(one: Call) -> Reply:
        tries.append("mine")
        return REPLY

    async def both(mine: Ledger, theirs: Ledger) -> Known:
        other = asyncio.create_task(_one(theirs, fails, run="theirs"))
        while not tries:
            await asyncio.sleep(0.001)
        known = await _one(mine, works, run="mine")
        with pytest.raises(CallFailedError):
            await other
        return known

    with Ledger(path) as mine, Ledger(path) as theirs:
        assert asyncio.run(both(mine, theirs)).run == "mine"
    assert tries == ["theirs", "mine"]


def test_fifty_identical_calls_in_two_processes_make_one_request(path: Place):
    """A sweep started twice would double the bill of every call that both need."""
    processes = [_process(path, name, 1, copies=50) for name in ("left", "right")]
    outputs = _finished(processes)

    assert len({line for output in outputs for line in output.splitlines()}) == 1
    assert len(asked(path, "SELECT id FROM intents")) == 1


def _replies(path: Place) -> list[tuple[str, bytes]]:
    return asked(path, "SELECT key, reply FROM replies")


def _text(blob: bytes) -> str:
    return codec.unpacked(blob)


def test_a_ledger_of_a_killed_process_opens_and_has_all_that_was_seen(path: Place):
    """The machine that dies in the night must not take the replies of the evening with it."""
    process = _process(path, "killed", 2000)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    made = "SELECT 1 FROM sqlite_master WHERE name='replies'"
    while isinstance(path, Path) and (not path.exists() or not asked(path, made)):
        pass
    while not _replies(path):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    with Ledger(path) as ledger:
        known = asyncio.run(through(ledger, answer)(call(draw=5000)))
        assert known.reply == REPLY
        before = len(_replies(path))
    assert before >= 2
    assert upkeep.verify(path) == []


# Files that are no ledger


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_file_that_is_no_ledger_is_named_and_left_alone(file: Path, content: bytes):
    """Overwritten, it would be somebody's data; unreadable, it must not end in a traceback."""
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(TableError, match=r"ledger\.sqlite.*--output-dir"):
        Ledger(file)

    assert file.read_bytes() == content


def test_a_ledger_with_a_torn_page_says_so_when_it_is_met(file: Path):
    """A bad disk shows in the middle of a run, and the way out is the same."""

    async def fill(ledger: Ledger) -> None:
        await asyncio.gather(*(through(ledger, answer)(call(draw=i)) for i in range(200)))

    with Ledger(file) as ledger:
        asyncio.run(fill(ledger))
    data = bytearray(file.read_bytes())
    data[4096 * 3 :] = b"\xff" * (len(data) - 4096 * 3)
    file.write_bytes(data)

    async def read(ledger: Ledger) -> None:
        for i in range(200):
            await through(ledger, never, replay=True)(call(draw=i))

    with pytest.raises(TableError, match=r"ledger\.sqlite"), Ledger(file) as ledger:
        asyncio.run(read(ledger))


# The codec

usages = st.none() | st.builds(Usage, **dict.fromkeys(Usage.__slots__, st.integers(0, 10**9)))
numbers = st.none() | st.floats(0, 1e6)
attempts = st.builds(
    Attempt,
    number=st.integers(1, 20),
    failure=st.none() | st.text(max_size=20),
    detail=st.text(max_size=50),
    latency_s=st.floats(0, 1e6),
    usage=usages,
    cost_reported=numbers,
    billed=st.none() | st.booleans(),
    cost_worst=numbers,
)
replies = st.builds(
    Reply,
    text=st.text(max_size=200),
    finish=st.text(max_size=10),
    usage=usages,
    latency_s=st.floats(0, 1e6),
    model_served=st.none() | st.text(max_size=20),
    cost_reported=numbers,
    simulated=st.booleans(),
    attempts=st.lists(attempts, max_size=3).map(tuple),
    extra=st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), max_size=3),
    key=st.none() | st.text(max_size=10),
)


@given(reply=replies)
def test_a_reply_comes_back_from_the_ledger_as_it_went_in(reply: Reply):
    """A character or a cent lost on the way makes the replay differ from the run."""
    assert codec.load(codec.dump(reply)) == reply
    assert codec.attempts(codec.dump_attempts(reply.attempts)) == reply.attempts


def test_ready_is_asked_for_every_new_call_and_for_no_known_one(path: Place):
    """A run that is complete needs no endpoint, and so no key."""
    asked_for: list[Call] = []

    async def ready(one: Call) -> None:
        asked_for.append(one)

    async def work(ledger: Ledger) -> None:
        recorded = ledger.recording(answer, run="run", worst=lambda _: None)
        ask = ledger.wrap(recorded, ready=ready)
        await ask(call())
        await ask(call())

    with Ledger(path) as ledger:
        asyncio.run(work(ledger))
    assert asked_for == [call()]
