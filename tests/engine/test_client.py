"""The bottom of the stack on real HTTP: whatever an endpoint does is a reply, or a word."""

from __future__ import annotations

import asyncio
import email.utils
import json
import socket
import time
from typing import Any

import pytest
from engine_kit import CHEAP, OBJECT, call, completion, model, sent
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fusion_eval.core import Attempt, Usage
from fusion_eval.engine import codec
from fusion_eval.engine.client import Clients
from fusion_eval.engine.waiting import Waits
from fusion_eval.errors import CallFailedError, EndpointError

KEY = "sk-very-secret-0123456789"
PATH = "/v1/chat/completions"


@pytest.fixture
def url(httpserver: HTTPServer) -> str:
    """Base URL of a server that answers as the test says."""
    return httpserver.url_for("/v1")


def failed(*args: Any, **kwargs: Any) -> CallFailedError:
    """The failure of a call that must fail."""
    with pytest.raises(CallFailedError) as caught:
        sent(call(*args, **kwargs))
    return caught.value


def attempt(problem: CallFailedError) -> Attempt:
    """Its only attempt."""
    (only,) = problem.attempts
    assert isinstance(only, Attempt)
    return only


# Retrying


def test_a_rate_limit_is_waited_out_for_as_long_as_the_server_says(
    httpserver: HTTPServer, url: str
):
    """Whoever comes back too early is refused again, and loses the call after four attempts."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    busy = Response("busy", status=429, headers={"Retry-After": "0.07"})
    httpserver.expect_ordered_request(PATH).respond_with_response(busy)
    httpserver.expect_ordered_request(PATH).respond_with_json(completion())
    (reply,) = sent(call(url), attempts=2, waits=Waits(sleep=sleep))

    assert 0.07 <= waited[0] < 0.1
    assert reply.text == "Here."
    assert [(a.number, a.failure, a.billed) for a in reply.attempts] == [
        (1, "rate_limited", False),
        (2, None, True),
    ]


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("1.5", 1.5, 1.5),
        ("0", 0.0, 0.0),
        ("-3", 0.0, 0.0),
        ("86400", 86400.0, 86400.0),
        pytest.param(  # named: each process of a test run would call it after its own second
            email.utils.formatdate(time.time() + 1800, usegmt=True), 300.0, 1800.0, id="date"
        ),
    ],
)
def test_retry_after_is_read_as_a_number_or_as_a_date(
    httpserver: HTTPServer, url: str, header: str, low: float, high: float
):
    """An HTTP date read as nothing would be answered by hammering a server that asked for peace."""
    busy = Response("busy", status=429, headers={"Retry-After": header})
    httpserver.expect_request(PATH).respond_with_response(busy)

    assert low <= _asked_to_wait(url) <= high


@pytest.mark.parametrize("header", ["soon", "nan", "inf", ""])
def test_a_retry_after_that_says_nothing_leaves_the_wait_to_us(
    httpserver: HTTPServer, url: str, header: str
):
    """A wait of NaN or infinity would hang the run for ever."""
    busy = Response("busy", status=429, headers={"Retry-After": header})
    httpserver.expect_request(PATH).respond_with_response(busy)

    assert _asked_to_wait(url) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m1.5s"}, 361.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "9s"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "noon"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": ""}, None),
    ],
)
def test_without_a_retry_after_the_limit_that_is_used_up_says_when_to_come_back(
    httpserver: HTTPServer, url: str, headers: dict[str, str], seconds: float | None
):
    """OpenAI and those who copy it say it in these headers; a guess would be refused again."""
    busy = Response("busy", status=429, headers=headers)
    httpserver.expect_request(PATH).respond_with_response(busy)

    assert _asked_to_wait(url) == seconds


def test_a_good_reply_that_was_the_last_one_says_until_when(httpserver: HTTPServer, url: str):
    """Whoever asks on is refused, and some providers count refusals against the limit."""
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1.5s"}
    good = Response(json.dumps(completion()), headers=headers, content_type="application/json")
    httpserver.expect_request(PATH).respond_with_response(good)
    (reply,) = sent(call(url))
    assert reply.extra["used_up_s"] == 1.5


def _asked_to_wait(url: str) -> Any:
    """Seconds that a refused attempt carries, for `retry` to obey."""

    async def ask() -> Any:
        clients = Clients()
        try:
            await clients.send(call(url))
        except Exception as problem:
            return problem.retry_after_s  # type: ignore[attr-defined]
        finally:
            await clients.close()

    return asyncio.run(ask())


@pytest.mark.usefixtures("no_waits")
def test_a_server_error_is_tried_again_and_every_attempt_is_kept(httpserver: HTTPServer, url: str):
    """Attempts may be billed; one that is forgotten makes a recipe look cheaper than it is."""
    for status in (500, 503, 502):
        httpserver.expect_ordered_request(PATH).respond_with_data("no", status=status)
    httpserver.expect_ordered_request(PATH).respond_with_json(completion())

    (reply,) = sent(call(url), attempts=4)

    assert [a.failure for a in reply.attempts] == ["server_error"] * 3 + [None]
    assert [a.number for a in reply.attempts] == [1, 2, 3, 4]
    assert {a.billed for a in reply.attempts[:3]} == {None}


@pytest.mark.usefixtures("no_waits")
def test_no_more_attempts_are_made_than_the_bench_allows(httpserver: HTTPServer, url: str):
    """The client's own retries, left on, would multiply ours and bill the user for all of them."""
    httpserver.expect_request(PATH).respond_with_data("no", status=500)
    with pytest.raises(CallFailedError) as caught:
        sent(call(url), attempts=3)

    assert len(httpserver.log) == 3
    assert len(caught.value.attempts) == 3


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "bad_request"),
        (401, "not_allowed"),
        (402, "no_credit"),
        (403, "not_allowed"),
        (404, "not_found"),
        (413, "bad_request"),
    ],
)
def test_a_refused_request_is_not_sent_again(
    httpserver: HTTPServer, url: str, status: int, word: str
):
    """Ten thousand calls with a wrong model id should not become forty thousand."""
    httpserver.expect_request(PATH).respond_with_json({"error": {"message": "no"}}, status=status)
    with pytest.raises(CallFailedError) as caught:
        sent(call(url), attempts=4)

    assert len(httpserver.log) == 1
    assert (caught.value.failure, attempt(caught.value).billed) == (word, False)


# Connections


def test_a_refused_connection_is_a_failure_that_cost_nothing():
    """Counted at its worst, a server that is down would use up the budget without one reply."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        problem = failed(f"http://127.0.0.1:{unused.getsockname()[1]}/v1")

    assert (problem.failure, attempt(problem).billed) == ("connection", False)


def test_a_name_that_does_not_exist_is_a_failure_that_cost_nothing():
    """A typing error in the host name would look like a slow server that may have billed us."""
    problem = failed("http://no-such-host.invalid/v1")

    assert (problem.failure, attempt(problem).billed) == ("connection", False)


def test_a_connection_that_breaks_after_the_request_may_have_been_billed():
    """Read as `refused`, the money would be spent twice and counted once."""
    with _listener(b"") as url:
        problem = failed(url)

    assert (problem.failure, attempt(problem).billed) == ("connection", None)


def test_a_server_that_is_silent_is_a_timeout_that_may_have_been_billed():
    """A run that waits for ever for one reply never ends."""
    with _listener(None) as url:
        problem = failed(url, timeout_s=0.2)

    assert (problem.failure, attempt(problem).billed) == ("timeout", None)


def test_a_server_that_drips_is_stopped_by_the_same_timeout():
    """Time-outs that begin anew with every byte let a gateway's keep-alive hold a run for hours."""
    with _listener(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", drip=True) as url:
        problem = failed(url, timeout_s=0.4)

    assert problem.failure == "timeout"


def test_a_body_that_is_cut_off_is_a_failure_and_not_half_an_answer():
    """Half a JSON document may still hold a whole sentence, and would be graded as the answer."""
    body = json.dumps(completion()).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with _listener(head % len(body) + body[:60]) as url:
        problem = failed(url)

    assert problem.failure in {"connection", "bad_reply"}
    assert attempt(problem).billed is None


class _listener:
    """A raw socket that reads a request and then sends `reply`, drips, or (None) says nothing."""

    def __init__(self, reply: bytes | None, drip: bool = False) -> None:
        self.reply = reply
        self.drip = drip

    def __enter__(self) -> str:
        import threading

        self.socket = socket.create_server(("127.0.0.1", 0))
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/v1"

    def _work(self) -> None:
        try:
            connection, _ = self.socket.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            if self.reply is None:
                self.closing.wait(10)
                return
            connection.sendall(self.reply)
            while self.drip and not self.closing.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.socket.close()
        self.thread.join()


# Bodies that are no completion


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ('{"choices": [{"message": {"content": "Hal', "bad_reply"),
        ("<html><body>502 Bad Gateway</body></html>", "bad_reply"),
        ("", "bad_reply"),
        ("null", "bad_reply"),
        ('"a string"', "bad_reply"),
        ("[1, 2]", "bad_reply"),
        ("[" * 100_000, "bad_reply"),
        ('{"choices": []}', "bad_reply"),
        ('{"choices": null}', "bad_reply"),
        ('{"choices": {"0": 1}}', "bad_reply"),
        ('{"choices": ["x"]}', "bad_reply"),
        ('{"choices": [{"message": {"content": [{"type": "image"}]}}]}', "bad_reply"),
        ('{"error": {"code": 502, "message": "upstream"}}', "provider_error"),
        ('{"error": "upstream"}', "provider_error"),
        ('{"error": {"code": 429, "message": "slow down"}}', "rate_limited"),
        ('{"choices": null, "error": {"code": "429"}}', "rate_limited"),
    ],
)
def test_a_status_of_200_without_an_answer_is_a_failure(
    httpserver: HTTPServer, url: str, body: str, word: str
):
    """Taken for an answer, an error page is graded, scores 0, and blames the model."""
    httpserver.expect_request(PATH).respond_with_data(body, content_type="application/json")

    problem = failed(url)

    assert problem.failure == word
    assert attempt(problem).billed is (False if word == "rate_limited" else None)


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("body", ["<html>", '{"choices": []}', '{"error": {"code": 500}}'])
def test_a_status_of_200_without_an_answer_is_tried_again(
    httpserver: HTTPServer, url: str, body: str
):
    """One bad minute of a gateway would otherwise cost every trial that met it."""
    httpserver.expect_ordered_request(PATH).respond_with_data(body)
    httpserver.expect_ordered_request(PATH).respond_with_json(completion("Here."))

    (reply,) = sent(call(url), attempts=2)

    assert reply.text == "Here."


@pytest.mark.parametrize(
    "oddity",
    [
        {"usage": []},
        {"usage": "many"},
        {"usage": {"prompt_tokens": "10", "completion_tokens": 5}},
        {"usage": {"prompt_tokens": -1, "completion_tokens": 5}},
        {"usage": {"cost": "free"}},
        {"model": 7},
        {"id": None},
        {"simulated": {"latency_s": "soon"}},
    ],
)
def test_an_odd_field_beside_the_answer_does_not_lose_the_answer(
    httpserver: HTTPServer, url: str, oddity: dict[str, Any]
):
    """The answer is paid for; a crash over its bookkeeping would end the whole run."""
    httpserver.expect_request(PATH).respond_with_json(completion(**oddity))

    (reply,) = sent(call(url))

    assert reply.text == "Here."
    assert codec.load(codec.dump(reply)) == reply


# What a reply says


@pytest.mark.parametrize(
    ("fields", "text", "finish"),
    [
        ({}, "Here.", "stop"),
        ({"text": None}, "", "stop"),
        ({"text": None, "message": {"refusal": "I cannot."}}, "", "refusal"),
        ({"text": None, "finish": "content_filter"}, "", "refusal"),
        ({"text": "Cut", "finish": "length"}, "Cut", "length"),
        ({"text": "Cut", "finish": "max_tokens"}, "Cut", "length"),
        ({"finish": None}, "Here.", "stop"),
    ],
)
def test_text_and_finish_are_read_in_every_dialect(
    httpserver: HTTPServer, url: str, fields: dict[str, Any], text: str, finish: str
):
    """A refusal read as an empty answer, or a cut read as a whole one, is scored as the model's."""
    httpserver.expect_request(PATH).respond_with_json(completion(**fields))

    (reply,) = sent(call(url))

    assert (reply.text, reply.finish) == (text, finish)


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(input=10, output=5)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 1},
            },
            Usage(input=1, cache_read=8, cache_write=1, output=5),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 50,
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
            Usage(input=10, output=10, reasoning=40),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 50,
                "total_tokens": 100,
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
            Usage(input=10, output=50, reasoning=40),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
            Usage(input=10, output=5, reasoning=40),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": None,
                "completion_tokens_details": {"reasoning_tokens": None},
            },
            Usage(input=10, output=5),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 99},
            },
            Usage(input=10, cache_read=99, output=5),
        ),
        (None, None),
        ({}, None),
    ],
)
def test_tokens_are_put_into_buckets_that_do_not_overlap(
    httpserver: HTTPServer, url: str, usage: Any, read: Usage | None
):
    """Reasoning counted twice, or cached input charged as fresh, moves points on the plot."""
    httpserver.expect_request(PATH).respond_with_json(completion(usage=usage))

    (reply,) = sent(call(url))

    assert reply.usage == read


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        ({"cost": 0.25}, 0.25),
        ({"cost": 0}, 0.0),
        ({"cost": -1}, None),
        ({"cost": None}, None),
        ({"cost": True}, None),
        ({}, None),
        (
            {"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}},
            0.21,
        ),
        ({"cost": 0.25, "cost_details": {"upstream_inference_cost": 0.2}}, 0.25),
        ({"cost": 0.01, "is_byok": True, "cost_details": None}, 0.01),
    ],
)
def test_the_reported_cost_is_read_and_a_negative_one_is_unknown(
    httpserver: HTTPServer, url: str, said: dict[str, Any], cost: float | None
):
    """-1 stands for a dynamic price: summed up as dollars it would make recipes earn money."""
    usage = {"prompt_tokens": 1, "completion_tokens": 1, **said}
    httpserver.expect_request(PATH).respond_with_json(completion(usage=usage))

    (reply,) = sent(call(url))

    assert reply.cost_reported == (pytest.approx(cost) if cost is not None else None)


def test_half_an_emoji_does_not_stop_the_run(httpserver: HTTPServer, url: str):
    r"""Models emit "\ud83d" when they are cut inside an emoji; JSON takes it and UTF-8 does not."""
    text = json.dumps(completion("whole \U0001f600 half \ud83d", id="\udead"))
    httpserver.expect_request(PATH).respond_with_data(text)

    (reply,) = sent(call(url))

    assert reply.text == "whole \U0001f600 half \ufffd"
    assert codec.dump(reply).encode()


def test_costs_that_are_no_numbers_are_unknown(httpserver: HTTPServer, url: str):
    """NaN in one call would make NaN of every sum that it is part of."""
    text = json.dumps(completion(usage={"prompt_tokens": 1, "completion_tokens": 1, "cost": 9e99}))
    for odd in ("NaN", "Infinity"):
        httpserver.expect_ordered_request(PATH).respond_with_data(text.replace("9e+99", odd))

    assert [reply.cost_reported for reply in sent(call(url), call(url))] == [None, None]


def test_a_reply_is_marked_as_simulated_by_what_it_says_itself(httpserver: HTTPServer, url: str):
    """A simulator behind a URL looks like an endpoint; its numbers must never pass for real."""
    said = {"latency_s": 12.5, "world": "w"}
    httpserver.expect_ordered_request(PATH).respond_with_json(completion(simulated=said))
    httpserver.expect_ordered_request(PATH).respond_with_json(completion())

    first, second = sent(call(url), call(url))

    assert (first.simulated, first.latency_s) == (True, 12.5)
    assert not second.simulated
    assert second.latency_s != 12.5


# What goes out


def _bodies(httpserver: HTTPServer) -> list[dict[str, Any]]:
    return [json.loads(request.get_data()) for request, _ in httpserver.log]


def test_parameters_extra_fields_and_seed_are_on_the_wire_and_nothing_else(
    httpserver: HTTPServer, url: str, monkeypatch: pytest.MonkeyPatch
):
    """A temperature that is declared, hashed and never sent makes every comparison a fiction."""
    monkeypatch.setenv("A_KEY", KEY)
    httpserver.expect_request(PATH).respond_with_json(completion())
    one = call(
        url,
        api_key_env="A_KEY",
        params={"temperature": 0.3, "max_tokens": 77},
        extra_body={"provider": {"order": ["x"]}, "max_tokens": 78},
    )
    sent(one)

    (body,) = _bodies(httpserver)
    assert body == {
        "model": "maker/m",
        "messages": [{"role": "user", "content": "Where?"}],
        "temperature": 0.3,
        "max_tokens": 78,
        "provider": {"order": ["x"]},
        "seed": one.wire_seed,
    }
    assert httpserver.log[0][0].headers["Authorization"] == f"Bearer {KEY}"


def test_draws_differ_on_the_wire_and_an_endpoint_that_takes_no_seed_gets_none(
    httpserver: HTTPServer, url: str
):
    """With equal seeds a server may answer self-fusion three times with the same text."""
    httpserver.expect_request(PATH).respond_with_json(completion())
    sent(call(url, draw=0), call(url, draw=1), call(url, sends_seed=False))

    first, second, third = _bodies(httpserver)
    assert first["seed"] != second["seed"]
    assert "seed" not in third


def test_a_schema_goes_down_from_json_schema_to_json_object_to_text_and_this_is_remembered(
    httpserver: HTTPServer, url: str
):
    """An endpoint without structured output would refuse every verdict, or be asked thrice each."""

    def picky(request: Request) -> Response:
        form = json.loads(request.get_data()).get("response_format")
        if form is None:
            return Response(json.dumps(completion()), content_type="application/json")
        message = f"response_format {form['type']} is not supported"
        error = {"error": {"message": message, "param": "response_format"}}
        return Response(json.dumps(error), status=400, content_type="application/json")

    httpserver.expect_request(PATH).respond_with_handler(picky)
    first, second = sent(call(url, output=OBJECT), call(url, output=OBJECT, draw=1))

    forms = [
        (body.get("response_format") or {"type": "text"})["type"] for body in _bodies(httpserver)
    ]
    assert forms == ["json_schema", "json_object", "text", "text"]
    assert len(first.attempts) == len(second.attempts) == 1
    assert first.extra["rung"] == second.extra["rung"] == "text"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "'json_schema' is not available for this model"),
        (422, "body.response_format: extra fields not permitted"),
    ],
)
def test_servers_refuse_a_schema_in_several_ways(
    httpserver: HTTPServer, url: str, status: int, message: str
):
    """vLLM and FastAPI servers answer 422; every verdict of such a server would be lost."""
    httpserver.expect_ordered_request(PATH).respond_with_json({"detail": message}, status=status)
    httpserver.expect_ordered_request(PATH).respond_with_json(completion())

    assert sent(call(url, output=OBJECT))[0].text == "Here."


def test_a_bad_request_that_is_not_about_the_schema_stays_one(httpserver: HTTPServer, url: str):
    """Dropping the schema for any 400 would hide that the prompt is too long."""
    httpserver.expect_request(PATH).respond_with_json({"error": "context too long"}, status=400)

    assert failed(url, output=OBJECT).failure == "bad_request"
    assert len(httpserver.log) == 1


# The key


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize(
    "body",
    [
        f'{{"error": {{"message": "Incorrect API key provided: {KEY}"}}}}',
        f"<html>Bearer {KEY}</html>",
        f'{{"choices": [{{"message": {{"content": ["{KEY}"]}}}}]}}',
        json.dumps(completion(f"Your key is {KEY}.", id=KEY)),
    ],
)
def test_a_server_that_echoes_the_key_cannot_put_it_into_an_error_or_a_reply(
    httpserver: HTTPServer, url: str, monkeypatch: pytest.MonkeyPatch, status: int, body: str
):
    """Errors and replies go into the ledger and into reports, and those get published."""
    monkeypatch.setenv("A_KEY", KEY)
    httpserver.expect_request(PATH).respond_with_data(body, status=status)
    try:
        (reply,) = sent(call(url, api_key_env="A_KEY"))
    except CallFailedError as problem:
        kept = str(problem) + codec.dump_attempts(problem.attempts)
    else:
        kept = codec.dump(reply)

    assert KEY not in kept
    assert kept


@pytest.mark.parametrize("key", ["sk-ключ", "sk-1\x002"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, key: str
):
    """It would fail every call, each time with the key in the text of the exception."""
    monkeypatch.setattr("os.environ", {"A_KEY": key})
    with pytest.raises(EndpointError) as caught:
        sent(call(api_key_env="A_KEY"))

    assert "A_KEY" in str(caught.value)
    assert key not in str(caught.value)


def test_a_key_comes_from_the_environment_or_else_from_a_dotenv_file(
    httpserver: HTTPServer, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
):
    """A key with the newline that `cat key.txt` leaves behind would be refused by the server."""
    httpserver.expect_request(PATH).respond_with_json(completion())
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("# mine\nexport A_KEY='from-file'\nB_KEY=other\n")
    monkeypatch.delenv("A_KEY", raising=False)
    monkeypatch.setenv("B_KEY", "from-environment\n")
    sent(call(url, api_key_env="A_KEY"))
    sent(call(url, api_key_env="B_KEY"))

    seen = [request.headers["Authorization"] for request, _ in httpserver.log]
    assert seen == ["Bearer from-file", "Bearer from-environment"]


# The check before the first call


def _check(url: str, **fields: Any) -> None:
    async def check() -> None:
        clients = Clients()
        try:
            await clients.check(model(url, price=CHEAP, **fields).endpoint)
        finally:
            await clients.close()

    asyncio.run(check())


def test_the_check_refuses_an_endpoint_where_nobody_listens():
    """Thousands of calls would each fail four times before anybody sees the wrong port."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(EndpointError, match=address):
            _check(f"http://{address}/v1")


@pytest.mark.parametrize("status", [401, 403])
def test_the_check_refuses_a_key_that_the_endpoint_refuses(
    httpserver: HTTPServer, url: str, monkeypatch: pytest.MonkeyPatch, status: int
):
    """The message names the variable to look at, and never the key in it."""
    monkeypatch.setenv("A_KEY", KEY)
    httpserver.expect_request("/v1/models").respond_with_data(f"bad key {KEY}", status=status)
    with pytest.raises(EndpointError) as caught:
        _check(url, api_key_env="A_KEY")

    assert "A_KEY" in str(caught.value)
    assert KEY not in str(caught.value)


def test_the_check_names_the_variable_of_a_missing_key(monkeypatch: pytest.MonkeyPatch):
    """Sent without a key, every call is refused, and some endpoints ban who does that."""
    monkeypatch.delenv("A_KEY", raising=False)
    with pytest.raises(EndpointError, match="A_KEY"):
        _check("http://127.0.0.1:9/v1", api_key_env="A_KEY")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "not here"),
        (405, ""),
        (500, "oops"),
        (200, "<html>hello</html>"),
        (200, "[1]"),
        (200, ""),
    ],
)
def test_the_check_takes_an_endpoint_without_a_model_list(
    httpserver: HTTPServer, url: str, status: int, body: str
):
    """Many servers answer completions and have no /models; nobody could use them."""
    httpserver.expect_request("/v1/models").respond_with_data(body, status=status)

    _check(url)

    assert len(httpserver.log) == 1
