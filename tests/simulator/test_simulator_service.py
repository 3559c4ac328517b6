"""The endpoint: same request same reply, the real client, a real socket, and hostile content."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import mean
from typing import Any

import httpx2
import openai
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulator_kit import Room, body, number_task, rubric_task, said, world_with

from fusion_eval import prompts
from fusion_eval.simulator import app, load_world, transport
from fusion_eval.simulator.reply import TOKENS_PER_WORD
from fusion_eval.simulator.request import parse
from fusion_eval.simulator.world import MECHANISM

TASKS = [rubric_task(i) for i in range(8)] + [number_task(i, 3) for i in range(50, 54)]
HERON, CONDOR, OWL = "wader/heron", "raptor/condor", "strix/owl"
HERE = Path(__file__).parents[1]
GOLDEN = "32d45a3844eea2b4"


def _requests() -> list[bytes]:
    """One request of every kind."""
    room = Room(load_world("default"), TASKS)
    task = TASKS[0]
    drafts = [room.answer(m, task, 1) for m in (HERON, CONDOR)]
    return [
        body(HERON, prompts.answer(task.question), seed=1),
        body(HERON, prompts.answer(TASKS[9].question), seed=1),
        body(CONDOR, prompts.compare(task.question, drafts), prompts.ANALYSIS, seed=1),
        body(CONDOR, prompts.synthesize(task.question, drafts), seed=1),
        body(OWL, prompts.grade(task.question, drafts[0], task.criteria[0]), prompts.VERDICT),
        body(OWL, said("Who are you?")),
    ]


def _post(path: str, content: bytes) -> httpx2.Response:
    async def send() -> httpx2.Response:
        inside = transport(app(load_world("default"), TASKS))
        async with httpx2.AsyncClient(transport=inside, base_url="http://sim") as client:
            return await client.post(path, content=content)

    return asyncio.run(send())


def _digest_in_a_fresh_process(hash_seed: str) -> str:
    code = (
        "import hashlib\n"
        "from test_simulator_service import _requests, Room, load_world, TASKS, parse\n"
        "room = Room(load_world('default'), TASKS)\n"
        "seen = [repr(room.simulator.complete(parse(r))) for r in _requests()]\n"
        "print(hashlib.sha256(''.join(seen).encode()).hexdigest())"
    )
    path = os.pathsep.join(map(str, (Path(__file__).parent, HERE, HERE.parent)))
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_two_fresh_processes_give_the_same_replies():
    """A ledger would disagree with the next run, and every pinned number would drift."""
    assert _digest_in_a_fresh_process("1") == _digest_in_a_fresh_process("2")


def test_the_replies_are_those_of_every_other_python_and_machine():
    """A ledger made on one machine must replay on another.

    Nothing but BLAKE2b, IEEE arithmetic and `statistics.NormalDist` makes them. The suite holds
    this value on every Python it runs on. Who changes what is replied raises `MECHANISM`, and pins
    the new value here.
    """
    assert MECHANISM == 2
    assert _digest_in_a_fresh_process("3")[:16] == GOLDEN


def test_replies_do_not_hang_on_what_was_asked_before_or_at_the_same_time():
    """Runs differ in order and concurrency; their results must not."""
    requests = [parse(r) for r in _requests()]
    order = list(requests) * 2
    random.Random(3).shuffle(order)
    first, second = Room(load_world("default"), TASKS), Room(load_world("default"), TASKS[::-1])
    shuffled = {id(r): second.simulator.complete(r) for r in order}
    assert [first.simulator.complete(r) for r in requests] == [shuffled[id(r)] for r in requests]


def test_another_seed_is_another_reply_and_delivery_is_not():
    """Repeats would repeat the same answer, or streaming would change a score."""
    room, question = Room(load_world("default"), TASKS), prompts.answer(TASKS[0].question)
    assert len({room.text(HERON, question, seed=s) for s in range(5)}) == 5
    assert room.text(HERON, question, temperature=0.1) != room.text(HERON, question)
    assert room.reply(HERON, question, seed=1, stream=True) == room.reply(HERON, question, seed=1)
    one = json.dumps({"seed": 1, "model": HERON, "messages": [{"content": "x", "role": "user"}]})
    two = json.dumps({"messages": [{"role": "user", "content": "x"}], "model": HERON, "seed": 1})
    assert parse(one.encode()).draw == parse(two.encode()).draw


def test_answers_are_empty_cut_off_and_refused_as_often_as_declared():
    """Failure handling would be tested by luck."""
    rates = {"empty": 0.05, "truncated": 0.15, "refused": 0.1}
    changes = {f"rates__{name}": rate for name, rate in rates.items()}
    world = world_with(**changes, rates__steady_refusals=0.0)
    room, count = Room(world, TASKS), 900
    replies = [room.reply(HERON, prompts.answer(TASKS[0].question), seed=s) for s in range(count)]
    seen = {
        "empty": mean(r.content == "" for r in replies),
        "truncated": mean(r.finish == "length" for r in replies),
        "refused": mean(r.finish == "content_filter" and r.content is None for r in replies),
    }
    for name, rate in rates.items():
        assert seen[name] == pytest.approx(rate, abs=3 * (rate * (1 - rate) / count) ** 0.5), name


def test_usage_and_cost_add_up():
    """Every dollar of a simulated run comes from these figures."""
    world = load_world("default")
    for request in _requests():
        reply = _post("/v1/chat/completions", request).json()
        usage, price = reply["usage"], world.prices[reply["model"]]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        assert usage["completion_tokens_details"]["reasoning_tokens"] <= usage["completion_tokens"]
        dollars = usage["prompt_tokens"] * price.input + usage["completion_tokens"] * price.output
        assert usage["cost"] == pytest.approx(dollars / 1e6, abs=1e-12)
        words = sum(len(m["content"].split()) for m in json.loads(request)["messages"])
        assert usage["prompt_tokens"] == pytest.approx(words * TOKENS_PER_WORD, abs=8)
        assert reply["simulated"]["world"] == world.digest
        assert reply["simulated"]["latency_s"] > 0


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_token_limit_cuts_the_reply_and_says_so(name):
    """Caps re-order real writers; a simulator that ignores them hides it."""
    room, question = Room(load_world("default"), TASKS), prompts.answer(TASKS[1].question)
    whole, cut = room.reply(CONDOR, question), room.reply(CONDOR, question, **{name: 60})
    assert cut.finish == "length"
    assert 0 < cut.visible_tokens + cut.reasoning_tokens <= 60 < whole.visible_tokens
    assert room.reply(CONDOR, question, **{name: 100_000}).finish == "stop"


def test_the_real_client_gets_replies_streams_and_errors():
    """The default bench has no other door."""

    async def talk() -> tuple[Any, str, Any, list[str]]:
        http = httpx2.AsyncClient(transport=transport(app(load_world("default"), TASKS)))
        url = "http://sim/some/prefix/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="-", http_client=http) as client:
            ask = client.chat.completions.create
            messages: Any = [{"role": "user", "content": TASKS[0].question.prompt}]
            whole = await ask(model=HERON, messages=messages)
            options: Any = {"include_usage": True}
            stream = await ask(model=HERON, messages=messages, stream=True, stream_options=options)
            chunks = [chunk async for chunk in stream]
            text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
            with pytest.raises(openai.NotFoundError, match="does not exist"):
                await ask(model="aviary/dodo", messages=messages)
            with pytest.raises(openai.BadRequestError, match="messages"):
                await ask(model=HERON, messages=[])
            return whole, text, chunks[-1].usage, [m.id async for m in client.models.list()]

    whole, text, usage, models = asyncio.run(talk())
    assert whole.choices[0].message.content == text
    assert whole.usage.total_tokens == usage.total_tokens
    assert whole.usage.model_extra["cost"] == usage.model_extra["cost"]
    assert whole.model_extra["simulated"]["world"] == load_world("default").digest
    assert models == list(load_world("default").models)


def test_a_socket_gives_the_same_reply_as_the_door_inside():
    """`simulate` and the default bench must give the same scores."""
    config = uvicorn.Config(app(load_world("default"), TASKS), port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        for request in _requests():
            outside = httpx2.post(f"http://127.0.0.1:{port}/v1/chat/completions", content=request)
            assert outside.json() == _post("/v1/chat/completions", request).json()
    finally:
        server.should_exit = True
        thread.join(timeout=5)


def test_latency_is_slept_only_on_request():
    """A bench of 15,000 calls would take hours, or a server could not be timed."""
    request = _requests()[0]

    async def timed(sleep: bool) -> tuple[float, float]:
        inside = transport(app(load_world("default"), TASKS, sleep=sleep))
        async with httpx2.AsyncClient(transport=inside, base_url="http://sim") as client:
            started = time.perf_counter()
            reply = await client.post("/v1/chat/completions", content=request, timeout=60)
            return time.perf_counter() - started, reply.json()["simulated"]["latency_s"]

    async def no_wait(seconds: float) -> None:
        slept.append(seconds)

    slept: list[float] = []
    took, declared = asyncio.run(timed(False))
    assert took < declared / 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fusion_eval.simulator.service.asyncio.sleep", no_wait)
        assert asyncio.run(timed(True))[1] == declared
    assert declared in slept


def test_bodies_that_are_no_requests_get_400_in_openai_form():
    """A harness's bug must look like a harness's bug."""
    good = {"model": HERON, "messages": [{"role": "user", "content": "x"}]}
    bodies: list[object] = [
        [],
        "x",
        {},
        {"model": HERON},
        {**good, "model": 3},
        {**good, "messages": "x"},
        {**good, "messages": [1]},
        {**good, "messages": [{"content": "x"}]},
        {**good, "messages": [{"role": "user", "content": 3}]},
        {**good, "messages": [{"role": "user", "content": [3]}]},
        {**good, "max_tokens": 0},
        {**good, "max_tokens": "many"},
        {**good, "response_format": 1},
        {**good, "response_format": {"type": "json_schema"}},
        {**good, "n": 3},
    ]
    for content in [b"", b"{", b"\xff", b"[" * 100_000, *(json.dumps(b).encode() for b in bodies)]:
        reply = _post("/v1/chat/completions", content)
        assert reply.status_code == 400, content[:80]
        assert reply.json()["error"]["type"] == "invalid_request_error"
    assert _post("/v1/elsewhere", b"{}").status_code == 404


_PIECES = st.sampled_from(
    [
        TASKS[0].question.prompt,
        TASKS[9].question.prompt,
        TASKS[0].criteria[0].requirement,
        "This account names the 0.0th cause and its effect.",
        '{"consensus": [], "contradictions": {}, "blind_spots": 3, "unique_insights": null}',
        '{"consensus": ' * 40,
        "Answer: 151",
        "Here is an overview of the matter.",
        "MET or UNMET, as JSON",
        "\ud800",
    ]
)
_TEXTS = st.lists(st.one_of(_PIECES, st.text(max_size=60)), max_size=8).map("\n".join)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "enum", "anyOf", "x", "minimum"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_SIMULATOR = Room(load_world("default"), TASKS).simulator


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(_TEXTS, min_size=1, max_size=3),
    schema=st.none() | _JSON,
    cap=st.none() | st.integers(1, 50),
)
def test_no_content_makes_it_fall_over(texts, schema, cap):
    """A model may write anything, and the next model must read it: never a 500."""
    request: dict[str, Any] = {
        "model": HERON,
        "messages": [{"role": "user", "content": text} for text in texts],
        "max_tokens": cap,
    }
    if isinstance(schema, dict):
        form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        request["response_format"] = form
    done = _SIMULATOR.complete(parse(json.dumps(request).encode()))
    assert done.finish in ("stop", "length", "content_filter")
    json.dumps(done.content).encode()
