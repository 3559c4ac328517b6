"""Who `serve` lets in, how much it lets them ask, and what it never lets out."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from serve_kit import Endpoint, Line, bench_of, chat, running, served

from fusion_eval.bench.configure import configure
from fusion_eval.errors import BenchFileError, InputError
from fusion_eval.loopback import is_loopback
from fusion_eval.serving.app import build
from fusion_eval.serving.limits import PerMinute
from fusion_eval.serving.refusals import Refused
from fusion_eval.serving.settings import Settings, keys_in

THREE = {"a": Line(), "b": Line(), "writer": Line()}
KEY, OTHER = "mine-0123456789abcdef", "yours-0123456789abcde"
UPSTREAM_KEY = "sk-upstream-0123456789abcdef"


def ask(url: str, body: Any, **more: Any) -> httpx2.Response:
    return httpx2.post(f"{url}/chat/completions", json=body, timeout=30, **more)


def test_with_keys_nobody_asks_without_one_but_for_health(tmp_path):
    """A stranger would spend the dollars of whoever runs the server."""
    bearer = {"Authorization": f"Bearer {OTHER}"}
    with served(Endpoint(**THREE), tmp_path, keys=(KEY, OTHER)) as url:
        root = url.removesuffix("/v1")
        for wrong in ({}, {"Authorization": f"Basic {KEY}"}, {"Authorization": f"Bearer {KEY}x"}):
            refused = ask(url, chat(), headers=wrong)
            assert refused.status_code == 401
            assert refused.json()["error"]["type"] == "authentication_error"
            assert httpx2.get(f"{root}/metrics", headers=wrong).status_code == 401
        assert ask(url, chat(), headers=bearer).status_code == 200
        assert httpx2.get(f"{root}/health").status_code == 200


def test_keys_are_compared_in_constant_time_and_all_of_them(monkeypatch, tmp_path):
    """A comparison that ends at the first wrong letter tells the key letter by letter."""
    compared: list[tuple[bytes, bytes]] = []

    def watched(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr("fusion_eval.serving.door.hmac.compare_digest", watched)
    with served(Endpoint(**THREE), tmp_path, keys=(KEY, OTHER)) as url:
        assert ask(url, chat(), headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
    assert len(compared) == 2
    assert {len(one) for pair in compared for one in pair} == {32}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org"])
def test_another_address_than_loopback_needs_keys(host):
    """Everybody in a café could ask."""
    with pytest.raises(InputError, match="no keys"):
        Settings(host=host)
    assert Settings(host=host, keys=(KEY,)).local is False


@pytest.mark.parametrize(
    "header",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost@evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example:8080"},
    ],
    ids=lambda header: " ".join(*header.items()),
)
def test_a_foreign_host_or_origin_is_refused_on_the_loopback(tmp_path, header):
    """Any page in a browser of this machine could ask, and read the answer."""
    endpoint = Endpoint(**THREE)
    with served(endpoint, tmp_path) as url:
        assert ask(url, chat(), headers=header).status_code == 403
        assert ask(url, chat(), headers={"Origin": "http://localhost:3000"}).status_code == 200
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(
    ("host", "mine"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("[::1]", True),
        ("localhost.", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("localhost.evil", False),
        ("", False),
    ],
)
def test_loopback_names_are_those_of_this_machine(host, mine):
    """A name that only looks like it would open the door."""
    assert is_loopback(host) is mine


def test_keys_come_from_one_variable_each_once():
    """A key with a blank beside it would never match."""
    assert keys_in(f" {KEY}, {OTHER},,{KEY}") == (KEY, OTHER)


def test_a_key_has_its_own_minute_and_is_told_when_to_come_back(tmp_path):
    """One client in a loop would lock out all others."""
    mine, yours = ({"Authorization": f"Bearer {key}"} for key in (KEY, OTHER))
    with served(Endpoint(**THREE), tmp_path, keys=(KEY, OTHER), per_minute=2) as url:
        statuses = [ask(url, chat(), headers=mine).status_code for _ in range(2)]
        late = ask(url, chat(), headers=mine)
        assert ask(url, chat(), headers=yours).status_code == 200
    assert statuses == [200, 200]
    assert late.status_code == 429
    assert 1 <= int(late.headers["Retry-After"]) <= 60
    assert late.json()["error"]["type"] == "rate_limit_error"


def test_a_minute_slides():
    """Twice the limit could be asked around the turn of a minute."""
    times = iter([0.0, 50.0, 59.9, 60.0, 60.1, 110.0])
    limit = PerMinute(2, clock=lambda: next(times))

    def is_refused() -> bool:
        try:
            limit.take("me")
        except Refused:
            return True
        return False

    assert [is_refused() for _ in range(6)] == [False, False, True, False, True, False]


def test_a_body_that_is_too_long_is_refused_however_it_comes(tmp_path):
    """One request could fill the memory."""
    body = json.dumps(chat("solo", "x" * 5000)).encode()
    with served(Endpoint(**THREE), tmp_path, max_body=4000) as url:
        told = httpx2.post(f"{url}/chat/completions", content=body)
        chunked = httpx2.post(f"{url}/chat/completions", content=iter([body[:3000], body[3000:]]))
        assert ask(url, chat("solo", "x" * 3000)).status_code == 200
    assert (told.status_code, chunked.status_code) == (413, 413)
    assert told.json()["error"]["code"] == "request_too_large"


def test_the_dollars_of_a_day_are_a_limit(tmp_path):
    """A night would cost what nobody has."""
    models = dict.fromkeys(THREE, ", max_tokens: 100")
    endpoint = Endpoint(**{name: replace(line, usage=BIG) for name, line in THREE.items()})
    with served(endpoint, tmp_path, usd_per_day=0.002, models=models) as url:
        statuses = [ask(url, chat()).status_code for _ in range(12)]
        last = ask(url, chat())
    assert statuses[0] == 200
    assert last.status_code == 429
    assert last.json()["error"]["code"] == "insufficient_quota"
    assert 0 < int(last.headers["Retry-After"]) <= 86_400
    assert len(endpoint.bodies) == statuses.count(200) < 12


BIG = {"prompt_tokens": 100, "completion_tokens": 90, "total_tokens": 190}


def test_five_hundred_clients_at_once_meet_the_limit_and_nothing_worse(tmp_path):
    """A burst would be answered late or never, for everybody."""
    endpoint = Endpoint(a=Line(first_s=0.3), b=Line(), writer=Line())
    with served(endpoint, tmp_path, max_requests=20) as url:
        statuses = asyncio.run(_at_once(url, 500))
        assert httpx2.get(f"{url.removesuffix('/v1')}/health").json()["in_flight"] == 0
        assert ask(url, chat()).status_code == 200
    assert set(statuses) == {200, 503}
    assert endpoint.most_inside <= 20
    assert statuses[200] >= 20
    assert sum(statuses.values()) == 500


async def _at_once(url: str, count: int) -> Counter[int]:
    limits = httpx2.Limits(max_connections=count)
    async with httpx2.AsyncClient(timeout=60, limits=limits) as client:

        async def one() -> int:
            answer = await client.post(f"{url}/chat/completions", json=chat())
            if answer.status_code == 503:
                assert answer.headers["Retry-After"] == "1"
                assert answer.json()["error"]["type"] == "server_error"
            return answer.status_code

        return Counter(await asyncio.gather(*(one() for _ in range(count))))


def test_five_hundred_malformed_requests_show_no_key_and_move_no_request(
    tmp_path, monkeypatch, capfd
):
    """A key in an error message is read by whoever caused the error."""
    monkeypatch.setenv("UP_KEY", UPSTREAM_KEY)
    notes: list[str] = []
    seen: list[str] = []
    echo = f"no such thing: {UPSTREAM_KEY}"
    endpoint = Endpoint(a=Line(pieces=(echo,)), b=Line(status=500), writer=Line())
    with running(endpoint.app) as upstream:
        bench_of(upstream, tmp_path)
        text = (tmp_path / "bench.yaml").read_text().replace("/v1}", "/v1, api_key_env: UP_KEY}")
        (tmp_path / "bench.yaml").write_text(text)
        bench = configure(tmp_path / "bench.yaml")
        settings = Settings(keys=(KEY,), usd_per_day=1.0)
        with running(build(bench, settings, say=notes.append)) as mine, httpx2.Client() as client:
            for content, headers in _malformed(500):
                path = "responses" if b'"input"' in content else "chat/completions"
                answer = client.post(f"{mine}/v1/{path}", content=content, headers=headers)
                assert answer.status_code < 500 or answer.status_code == 502, answer.text
                seen.append(answer.text + str(answer.headers))
    out, err = capfd.readouterr()
    for text in (*seen, *notes, out, err):
        assert UPSTREAM_KEY not in text
        assert KEY not in text
    assert {head["authorization"] for head in endpoint.headers} <= {f"Bearer {UPSTREAM_KEY}"}
    assert {body["model"] for body in endpoint.bodies} <= {"a", "b", "writer"}
    assert not any({"base_url", "api_key", "models"} & body.keys() for body in endpoint.bodies)


def _malformed(count: int) -> list[tuple[bytes, dict[str, str]]]:
    """Bodies that are broken, or that try to reach somewhere else."""
    chance = random.Random(7)
    values: list[Any] = [None, 0, -1, 1e308, True, "", "x" * 300, [], {}, [[]], {"a": 1}, "\ud800"]
    fields = [
        "model",
        "messages",
        "stream",
        "seed",
        "stop",
        "tools",
        "n",
        "metadata",
        "input",
        "response_format",
        "stream_options",
        "logprobs",
        "instructions",
    ]
    wanted = {
        "base_url": "http://evil.example",
        "api_key": KEY,
        "endpoint": "evil",
        "models": ["evil"],
        "extra_body": {"base_url": "http://evil.example"},
        "fusion": {"members": ["solo"], "endpoint": "http://evil.example"},
    }
    made = []
    for i in range(count):
        body: dict[str, Any] = chat(chance.choice(["solo", "panel", "vote", "nobody"]))
        for _ in range(chance.randrange(3)):
            body[chance.choice(fields)] = chance.choice(values)
        if i % 3 == 0:
            body |= wanted
        content = json.dumps(body).encode()
        if i % 4 == 0:
            content = content[: chance.randrange(len(content))]
        if i % 11 == 0:
            content = bytes(chance.randrange(256) for _ in range(60)) + content
        if i % 13 == 0:
            content = b"[" * 50_000
        key = KEY if i % 5 else f"{KEY[:-1]}?"
        made.append((content, {"Authorization": f"Bearer {key}"}))
    return made


def test_a_recipe_that_would_contain_itself_is_refused_with_its_circle(tmp_path):
    """One request would ask until the money is gone."""
    circle = "\n  x: {strategy: vote, members: [y, a]}\n  y: {strategy: vote, members: [x]}\n"
    with pytest.raises(BenchFileError, match="x → y → x"):
        bench_of("http://127.0.0.1:9", tmp_path, circle)


def test_a_server_that_is_its_own_endpoint_is_refused(tmp_path):
    """A recipe would ask itself through the network, where no circle can be seen."""
    bench = bench_of("http://localhost:8080", tmp_path)
    with pytest.raises(InputError, match="would ask itself"):
        build(bench, Settings(port=8080))


def test_a_server_that_meets_its_own_request_by_another_name_ends_the_loop(tmp_path):
    """Behind a proxy no server can tell from a URL that it is its own endpoint."""
    endpoint = Endpoint(**THREE)
    with running(endpoint.app) as upstream:
        mine = Settings()
        with running(build(bench_of(upstream, tmp_path), mine)) as url:
            assert ask(f"{url}/v1", chat()).status_code == 200
            (sent,) = [head["x-fusion-via"] for head in endpoint.headers]
            looped = ask(f"{url}/v1", chat(), headers={"x-fusion-via": sent})
            other = ask(f"{url}/v1", chat(), headers={"x-fusion-via": "another"})
    assert (looped.status_code, other.status_code) == (508, 200)
    assert looped.json()["error"]["code"] == "loop_detected"


def test_paid_models_need_a_limit_of_dollars_and_a_price(tmp_path):
    """A server on the network would spend without an end."""
    (tmp_path / "b.yaml").write_text(
        "endpoints: {up: {base_url: https://api.example.org/v1}}\n"
        "models: {m: {endpoint: up, id: nobody/knows}}\n"
        "recipes: {solo: {strategy: solo, member: m}}\n"
    )
    bench = configure(tmp_path / "b.yaml")
    with pytest.raises(InputError, match="--usd-per-day") as refused:
        build(bench, Settings())
    assert any("price of model 'm' is unknown" in one for one in refused.value.problems)
