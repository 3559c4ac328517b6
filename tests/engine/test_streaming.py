"""Replies that come piece by piece, and those of the responses interface, read as any other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from engine_kit import OBJECT, call, completion, sent
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from fusion_eval.core import Reply
from fusion_eval.engine import codec
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.client import Clients
from fusion_eval.engine.hearing import Hearing
from fusion_eval.errors import CallFailedError

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.25}


@pytest.fixture
def url(httpserver: HTTPServer) -> str:
    """Base URL of a server that answers as the test says."""
    return httpserver.url_for("/v1")


def chunk(text: str | None, finish: str | None = None, **fields: Any) -> str:
    """One event of a streamed chat completion."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    head = {"id": "c1", "object": "chat.completion.chunk", "model": "served/m"}
    return f"data: {json.dumps({**head, 'choices': [choice], **fields})}\n\n"


def stream(*texts: str, usage: Any = USAGE) -> list[str]:
    """A whole stream, with its usage in an event of its own as OpenAI sends it."""
    last = f"data: {json.dumps({'id': 'c1', 'choices': [], 'usage': usage})}\n\n"
    return [*map(chunk, texts), chunk(None, "stop"), last, "data: [DONE]\n\n"]


def streaming(httpserver: HTTPServer, events: list[str], path: str = CHAT) -> None:
    """Have the server send these events."""

    def answer(_: Request) -> Response:
        def pieces() -> Iterator[bytes]:
            for event in events:
                yield event.encode()

        return Response(pieces(), mimetype="text/event-stream")

    httpserver.expect_request(path).respond_with_handler(answer)


def test_a_streamed_reply_is_the_reply_that_one_piece_would_have_been(
    httpserver: HTTPServer, url: str
):
    """A product that only streams would be compared with others by another reading."""
    streaming(httpserver, stream("He", "re", "."))
    (streamed,) = sent(call(url, stream=True))
    request = json.loads(httpserver.log[-1][0].get_data())
    httpserver.clear()
    httpserver.expect_request(CHAT).respond_with_json(completion("Here.", usage=USAGE))
    (whole,) = sent(call(url))

    assert request["stream"] is True
    assert request["stream_options"] == {"include_usage": True}
    assert streamed.first_token_s is not None
    assert 0 < streamed.first_token_s <= streamed.latency_s
    assert whole.first_token_s is None
    timed = {"latency_s": 0.0, "asked_at": None, "first_token_s": None, "attempts": ()}
    assert replace(streamed, **timed) == replace(whole, **timed)
    assert streamed.cost_reported == 0.25


def test_who_listens_hears_the_text_as_it_comes_and_no_thought(httpserver: HTTPServer, url: str):
    """A served recipe hands on what it hears: thoughts are not for its users."""
    streaming(httpserver, stream("<thi", "nk>Paris? ", "No.</think>\n", "It is ", "Lyon."))
    heard: list[str] = []
    (reply,) = sent(replace(call(url), listen=heard.append))

    assert reply.text.strip() == "It is Lyon."
    assert "".join(heard).strip() == reply.text.strip()
    assert len(heard) > 1
    assert reply.thoughts == "Paris? No."


def test_listening_does_not_make_another_call_of_it():
    """A served answer could not be replayed from the ledger, nor an evaluated one served."""
    assert replace(call(), listen=print).key == call().key
    assert call(stream=True).key != call().key, "its time to the first token is part of the reply"


@pytest.mark.parametrize("listens", [False, True], ids=["unheard", "heard"])
def test_a_stream_that_breaks_off_is_a_failure_and_said_words_are_not_said_twice(
    httpserver: HTTPServer, url: str, listens: bool
):
    """Half an answer would be graded as one; a second attempt would follow the half one."""
    streaming(httpserver, [chunk("Half of")])
    heard: list[str] = []
    asked = replace(call(url, stream=True), listen=heard.append if listens else None)
    with pytest.raises(CallFailedError) as problem:
        sent(asked, attempts=2)

    assert problem.value.failure == "bad_reply"
    assert len(problem.value.attempts) == (1 if listens else 2)
    assert "".join(heard) == ("Half of" if listens else "")


def test_a_connection_that_breaks_in_a_stream_is_a_failed_attempt_of_unknown_bill():
    """Counted as free, every drop of a long stream would vanish from the budget."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 999\r\n\r\n"
        writer.write(head + chunk("Half").encode())
        await writer.drain()
        writer.close()

    async def ask() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        clients = Clients()
        try:
            await clients.send(call(f"http://127.0.0.1:{port}/v1", stream=True))
        finally:
            await clients.close()
            server.close()

    with pytest.raises(AttemptFailedError) as problem:
        asyncio.run(ask())
    assert problem.value.attempt.failure == "connection"
    assert problem.value.attempt.billed is None


def test_a_model_that_only_streams_is_streamed_without_being_told_to(
    httpserver: HTTPServer, url: str
):
    """Qwen's thinking models refuse anything else; every call of a run would fail."""
    refusal = {"error": {"message": "parameter.enable_thinking only support stream call"}}
    events = "".join(stream("Here."))

    def answer(request: Request) -> Response:
        if not json.loads(request.get_data()).get("stream"):
            return Response(json.dumps(refusal), status=400)
        return Response(events, mimetype="text/event-stream")

    httpserver.expect_request(CHAT).respond_with_handler(answer)
    first, second = sent(call(url), call(url, draw=1))

    assert (first.text, second.text) == ("Here.", "Here.")
    assert first.first_token_s is not None
    assert len(httpserver.log) == 3, "it is learned once"


def test_the_ledger_keeps_the_time_to_the_first_token():
    """A replay would lose the column that the run was made for."""
    reply = Reply(text="Here.", latency_s=2.0, first_token_s=0.5)
    assert codec.load(codec.dump(reply)) == reply


@given(st.lists(st.text(max_size=12), min_size=1, max_size=8), st.integers(1, 7))
def test_however_a_stream_is_cut_all_of_its_text_is_heard(texts: list[str], size: int):
    """TCP cuts where it likes: inside a character, a line, a tag."""
    heard: list[str] = []
    hearing = Hearing(lambda: 0.0, heard.append)
    raw = "".join(stream("A", *texts)).encode()
    for start in range(0, len(raw), size):
        hearing.hear(raw[start : start + size])

    assert hearing.end() == raw
    assert "".join(heard) == "".join(["A", *texts])


def response(text: str, **fields: Any) -> dict[str, Any]:
    """The body of an ordinary response."""
    said = {"type": "output_text", "text": text, "annotations": []}
    items = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "message", "role": "assistant", "content": [said]},
    ]
    usage = {
        "input_tokens": 30, "input_tokens_details": {"cached_tokens": 10}, "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 39,
    }  # fmt: skip
    head = {"id": "resp_1", "object": "response", "status": "completed", "model": "served/m"}
    return {**head, "output": items, "usage": usage, "error": None, **fields}


def test_the_responses_interface_is_asked_and_read_like_the_other(httpserver: HTTPServer, url: str):
    """Some fusion gateways have nothing else."""
    httpserver.expect_request(RESPONSES).respond_with_json(response("Here."))
    (reply,) = sent(call(url, api="responses", params={"max_tokens": 50}, output=OBJECT))
    request = json.loads(httpserver.log[-1][0].get_data())

    assert request["input"] == [{"role": "user", "content": "Where?"}]
    assert request["max_output_tokens"] == 50
    assert request["text"]["format"]["type"] == "json_schema"
    assert request["text"]["format"]["schema"] == OBJECT.json_schema
    assert not {"messages", "max_tokens", "seed", "response_format"} & set(request)
    assert (reply.text, reply.thoughts, reply.finish) == ("Here.", "Hm.", "stop")
    assert reply.usage is not None
    assert (reply.usage.input, reply.usage.cache_read) == (20, 10)
    assert (reply.usage.output, reply.usage.reasoning) == (5, 4)


@pytest.mark.parametrize(
    ("fields", "finish"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "refusal"),
        ({"status": "incomplete"}, "length"),
    ],
    ids=["cut", "filtered", "unsaid"],
)
def test_how_a_response_ended_is_told_in_our_words(
    httpserver: HTTPServer, url: str, fields: dict[str, Any], finish: str
):
    """A cut answer that passes as whole is graded as a bad one."""
    httpserver.expect_request(RESPONSES).respond_with_json(response("Half", **fields))
    assert sent(call(url, api="responses"))[0].finish == finish


def test_a_response_that_failed_is_a_failure_with_its_sentence(httpserver: HTTPServer, url: str):
    """Status 200 with an error inside is no answer."""
    error = {"code": "server_error", "message": "The panel is out."}
    body = response("", status="failed", error=error, output=[])
    httpserver.expect_request(RESPONSES).respond_with_json(body)
    with pytest.raises(CallFailedError, match="The panel is out") as problem:
        sent(call(url, api="responses"))
    assert problem.value.failure == "provider_error"


def test_a_streamed_response_is_read_from_its_last_event(httpserver: HTTPServer, url: str):
    """Its deltas carry no usage."""
    delta = {"type": "response.output_text.delta", "delta": "Here."}
    events = [
        f"event: {e['type']}\ndata: {json.dumps(e)}\n\n"
        for e in (
            {"type": "response.created", "response": response("", status="in_progress")},
            delta,
            {"type": "response.completed", "response": response("Here.")},
        )
    ]
    streaming(httpserver, events, RESPONSES)
    heard: list[str] = []
    (reply,) = sent(replace(call(url, api="responses"), listen=heard.append))
    assert (reply.text, "".join(heard)) == ("Here.", "Here.")
    assert reply.usage is not None

    httpserver.clear()
    streaming(httpserver, events[:2], RESPONSES)
    with pytest.raises(CallFailedError, match="broke off"):
        sent(call(url, api="responses", stream=True))
