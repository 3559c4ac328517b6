"""What an endpoint does wrong: capacity, faults per arrival, dialects, and what it does not do."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
import uvicorn
from simulator_kit import body, rubric_task

from fusion_eval import prompts
from fusion_eval.simulator import World, app, load_world, transport

TASK = rubric_task(1)
HERON, URL = "wader/heron", "/v1/chat/completions"
REQUEST = body(HERON, prompts.answer(TASK.question), seed=1)
FAULTS = ("error_500", "reset", "truncated_json", "error_200", "hang")


def _world(latency_s: float | None = None, **service: Any) -> World:
    """The default world behind an endpoint with these properties, perhaps of fixed latency."""
    value = load_world("default").model_dump() | {"service": service}
    for models in value["makers"].values() if latency_s is not None else ():
        for bird in models.values():
            bird["latency"] = {"first_token_s": latency_s, "per_token_s": 0.0, "spread": 0.0}
    return World.model_validate(value)


@contextmanager
def _socket(world: World, *, sleep: bool = False) -> Iterator[str]:
    """The endpoint on a port of this machine."""
    config = uvicorn.Config(app(world, [TASK], sleep=sleep), port=0, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.force_exit = server.should_exit = True
        thread.join(timeout=5)


def _post(url: str, **more: Any) -> httpx2.Response:
    return httpx2.post(f"{url}{URL}", content=REQUEST, **more)


def _inside(world: World, requests: list[bytes]) -> list[httpx2.Response]:
    """The same without a socket, one request after the other."""

    async def send() -> list[httpx2.Response]:
        inside = transport(app(world, [TASK]))
        async with httpx2.AsyncClient(transport=inside, base_url="http://sim") as client:
            return [await client.post(URL, content=r) for r in requests]

    return asyncio.run(send())


def test_an_endpoint_with_capacity_40_refuses_above_it_and_recovers():
    """Throttling decides how long a run takes; a harness that never met it will hammer."""
    world = _world(0.5, capacity=40, retry_after_s=0.25, rate_limit_headers=True)

    async def burst(client: httpx2.AsyncClient, count: int) -> list[httpx2.Response]:
        each = (client.post(URL, content=REQUEST) for _ in range(count))
        return list(await asyncio.gather(*each))

    async def talk() -> tuple[list[httpx2.Response], list[httpx2.Response]]:
        inside = transport(app(world, [TASK], sleep=True))
        async with httpx2.AsyncClient(transport=inside, base_url="http://s", timeout=9) as client:
            return await burst(client, 60), await burst(client, 40)

    first, second = asyncio.run(talk())
    refused = [r for r in first if r.status_code == 429]
    assert len(refused) == 20
    assert [r.status_code for r in first].count(200) == 40
    for reply in refused:
        assert reply.headers["Retry-After"] == "0.25"
        assert reply.headers["x-ratelimit-remaining-requests"] == "0"
        assert reply.json()["error"]["type"] == "rate_limit_error"
    assert {r.status_code for r in second} == {200}
    assert second[0].headers["x-ratelimit-limit-requests"] == "40"


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_seen_by_a_raw_client_as_it_is_described(fault):
    """Retry and accounting are tested against these; a fault that is none tests nothing."""
    with _socket(_world(faults={fault: 1.0}, hang_s=30.0)) as url:
        if fault == "reset":
            with pytest.raises(httpx2.RemoteProtocolError):
                _post(url)
        elif fault == "hang":
            with pytest.raises(httpx2.ReadTimeout):
                _post(url, timeout=0.5)
        else:
            reply = _post(url)
            assert reply.status_code == (500 if fault == "error_500" else 200)
            if fault == "truncated_json":
                with pytest.raises(json.JSONDecodeError):
                    reply.json()
            else:
                assert set(reply.json()) == {"error"}


def test_a_dropped_connection_is_one_without_a_socket_too():
    """The default bench has no socket, and its retries must meet the same thing."""
    with pytest.raises(httpx2.ReadError, match="reset"):
        _inside(_world(faults={"reset": 1.0}), [REQUEST])


def test_faults_are_drawn_for_each_arrival_so_that_a_retry_may_pass():
    """A fault that hangs on the request would come back in every attempt."""
    replies = _inside(_world(faults={"error_500": 0.3}), [REQUEST] * 300)
    failed = [r.status_code == 500 for r in replies]
    assert sum(failed) == pytest.approx(90, abs=3 * (300 * 0.3 * 0.7) ** 0.5)
    assert len({r.content for r in replies if r.status_code == 200}) == 1
    again = _inside(_world(faults={"error_500": 0.3}), [REQUEST] * 300)
    assert [r.status_code == 500 for r in again] == failed


def test_a_stream_can_be_cut_and_dropped():
    """Streams break in other places than whole bodies."""
    streamed = json.dumps({**json.loads(REQUEST), "stream": True}).encode()
    (reply,) = _inside(_world(faults={"truncated_json": 1.0}), [streamed])
    assert "data: " in reply.text
    assert "[DONE]" not in reply.text
    with pytest.raises(httpx2.ReadError):
        _inside(_world(faults={"reset": 1.0}), [streamed])


def test_no_packaged_world_has_faults():
    """A default bench that fails at random would teach nobody anything."""
    for name in ("default", "no-effect", "needle"):
        service = load_world(name).service
        assert service == type(service)()


def test_an_endpoint_without_json_schema_says_so_in_openai_words():
    """The client steps down from the schema only for an error that names `response_format`."""
    graded = prompts.grade(TASK.question, "Nothing.", TASK.criteria[0])
    wanted = body(HERON, graded, prompts.VERDICT, seed=1)
    (reply,) = _inside(_world(json_schema=False), [wanted])
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "response_format"
    assert "response_format" in reply.json()["error"]["message"]


def test_an_endpoint_without_seed_gives_another_reply_each_time():
    """Whoever relies on `seed` for repeats must see what happens where it is ignored."""
    with_seed, without = _world(), _world(seed=False)
    assert len({r.content for r in _inside(with_seed, [REQUEST] * 4)}) == 1
    texts = {r.json()["choices"][0]["message"]["content"] for r in _inside(without, [REQUEST] * 4)}
    assert len(texts) == 4


@pytest.mark.parametrize(
    ("dialect", "keys"),
    [
        ("cost", {"cost", "completion_tokens_details", "prompt_tokens_details"}),
        ("openai", {"completion_tokens_details", "prompt_tokens_details"}),
        ("bare", set()),
        ("reasoning_beside", {"completion_tokens_details"}),
        ("none", None),
    ],
)
def test_usage_comes_in_the_dialect_of_the_model(dialect, keys):
    """Dollars that are counted twice or forgotten are found by dialects, not by one mock."""
    value = load_world("default").model_dump()
    value["makers"]["wader"][HERON]["usage"] = dialect
    (reply,) = _inside(World.model_validate(value), [REQUEST])
    used = reply.json().get("usage")
    if keys is None:
        assert "usage" not in reply.json()
        return
    counts = {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert set(used) == counts | keys
    thought = used.get("completion_tokens_details", {}).get("reasoning_tokens", 0)
    beside = thought if dialect == "reasoning_beside" else 0
    assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"] + beside
