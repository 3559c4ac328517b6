"""What an endpoint refuses is learned once per model, or named with the line to write."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from engine_kit import OBJECT, bench_file, completion, model, once
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

import fusion_eval as fe
from fusion_eval.core import Call, Message, Reply
from fusion_eval.engine.client import Clients
from fusion_eval.errors import CallFailedError

PATH = "/v1/chat/completions"
CONVERSATION = [("system", "Be brief."), ("user", "One."), ("user", "Two."),
                ("assistant", "Three."), ("user", "Four.")]  # fmt: skip

Refuses = Callable[[dict[str, Any]], str | None]


def _roles(body: dict[str, Any]) -> list[str]:
    return [message["role"] for message in body["messages"]]


def _no_system(says: str) -> Refuses:
    return lambda body: says if "system" in _roles(body) else None


def _alternating(says: str) -> Refuses:
    def refuses(body: dict[str, Any]) -> str | None:
        roles = _roles(body)
        return says if any(a == b for a, b in pairwise(roles)) else None

    return refuses


def _none_of(name: str, says: str) -> Refuses:
    return lambda body: says if name in body else None


def _no_schema(body: dict[str, Any]) -> str | None:
    form = body.get("response_format", {}).get("type")
    return "response_format json_schema is not supported" if form == "json_schema" else None


def endpoint(server: HTTPServer, *refuses: Refuses, status: int = 400) -> list[dict[str, Any]]:
    """An endpoint that refuses; the list holds the bodies that it let through."""
    passed: list[dict[str, Any]] = []

    def answer(request: Request) -> Response:
        body = request.json
        for one in refuses:
            if says := one(body):
                text = json.dumps({"error": {"message": says}})
                return Response(text, status=status, content_type="application/json")
        passed.append(body)
        return Response(json.dumps(completion()), content_type="application/json")

    server.expect_request(PATH).respond_with_handler(answer)
    return passed


def ask(server: HTTPServer, notes: list[str], times: int = 1, **fields: Any) -> list[Reply]:
    """The same conversation so many times through one client."""
    own = {name: fields.pop(name) for name in ("output",) if name in fields}
    fields = {"params": {"max_tokens": 99}, **fields}
    messages = tuple(Message(role=role, content=text) for role, text in CONVERSATION)  # type: ignore[arg-type]
    call = Call(model=model(server.url_for("/v1"), **fields), messages=messages, seed=1, **own)

    async def work() -> list[Reply]:
        clients = Clients(say=notes.append)
        try:
            return [await once(clients.send)(call) for _ in range(times)]
        finally:
            await clients.close()

    return asyncio.run(work())


MERGED = "One.\n\nTwo."
LEARNED = [
    ([_no_system("System role not supported")], 400, "system_in_user", "Be brief.\n\nOne."),
    ([_no_system("Developer instruction is not enabled for models/gemma-3")], 400,
     "system_in_user", "Be brief.\n\nOne."),
    ([_no_system("Unexpected role 'system' in template")], 500, "system_in_user",
     "Be brief.\n\nOne."),
    ([_alternating("Conversation roles must alternate user/assistant/user/assistant/...")], 400,
     "merged_roles", MERGED),
    ([_alternating("After the optional system message, conversation roles must alternate")], 500,
     "merged_roles", MERGED),
]  # fmt: skip


@pytest.mark.parametrize(("refuses", "status", "step", "content"), LEARNED)
def test_roles_that_a_template_refuses_are_put_together_once(
    httpserver: HTTPServer, refuses: list[Refuses], status: int, step: str, content: str
):
    """Without its system prompt a judge is another judge; refused, a panel has none."""
    notes: list[str] = []
    passed = endpoint(httpserver, *refuses, status=status)

    replies = ask(httpserver, notes, times=3)

    assert len(httpserver.log) == 4  # one refusal, then none
    assert content in {message["content"] for message in passed[0]["messages"]}
    assert passed[0] == passed[1] == passed[2]
    assert [reply.extra["without"] for reply in replies] == [[step]] * 3
    assert len(notes) == 1


def test_all_refusals_of_one_endpoint_are_learned_one_after_another(httpserver: HTTPServer):
    """Endpoints name one thing at a time."""
    passed = endpoint(
        httpserver,
        _none_of("max_tokens", "'max_tokens' is not supported. Use 'max_completion_tokens'."),
        _none_of("seed", "seed: Extra inputs are not permitted"),
        _no_system("System role not supported"),
        _alternating("roles must alternate"),
        _no_schema,
    )

    (reply,) = ask(httpserver, [], output=OBJECT)

    (body,) = passed
    assert body["max_completion_tokens"] == 99
    assert not {"seed", "max_tokens"} & body.keys()
    assert _roles(body) == ["user", "assistant", "user"]
    assert body["messages"][0]["content"] == "Be brief.\n\nOne.\n\nTwo."
    assert reply.extra["rung"] == "json_object"


def test_a_seed_under_another_name_keeps_the_draws_apart(httpserver: HTTPServer):
    """Left out, equal requests might bring equal replies, and votes would collapse."""
    passed = endpoint(httpserver, _none_of("seed", "seed is not permitted, use random_seed"))

    ask(httpserver, [])

    assert isinstance(passed[0]["random_seed"], int)


def test_what_is_refused_for_another_reason_is_not_learned(httpserver: HTTPServer):
    """A step down that did not help must not stay: nothing says that it is needed."""
    passed = endpoint(httpserver, lambda body: "no seed of doubt" if "Four." in str(body) else None)
    notes: list[str] = []

    with pytest.raises(CallFailedError, match="no seed of doubt"):
        ask(httpserver, notes)

    assert passed == []
    assert not any("sends no seed" in note for note in notes)


@pytest.mark.parametrize(
    ("fields", "says", "way"),
    [
        ({"params": {"temperature": 0.2}}, "'temperature' does not support 0.2 with this model",
         "take `temperature` out of models: {m: …}"),
        ({"params": {"seed": 7}}, "seed is not supported", "take `seed` out of models: {m: …}"),
        ({"extra_body": {"top_k": 5}}, "unknown field top_k",
         "take `top_k` out of `extra_body` of models: {m: …}"),
        ({}, "This model's maximum context length is 4096 tokens", "lower `max_tokens`"),
    ],
)  # fmt: skip
def test_what_only_the_user_may_change_is_named_with_the_line_to_write(
    httpserver: HTTPServer, fields: dict[str, Any], says: str, way: str
):
    """Left out in silence, a temperature of 0.2 would be measured as another one."""
    endpoint(httpserver, lambda _: says)
    notes: list[str] = []

    with pytest.raises(CallFailedError) as caught:
        ask(httpserver, notes, **fields)

    assert says in caught.value.detail
    assert way in caught.value.detail
    assert [note for note in notes if way in note and says in note]


def test_doctor_names_what_a_model_refuses_before_the_run(httpserver: HTTPServer, tmp_path: Path):
    """A grader that refuses every request was found out after all answers were paid."""
    httpserver.expect_request("/v1/models").respond_with_json({"data": []})
    endpoint(httpserver, _none_of("temperature", "'temperature' is not supported"))
    bench = bench_file(tmp_path, {"base_url": httpserver.url_for("/v1")})

    found = fe.doctor(bench, call=True)

    bad = [finding.text for finding in found if finding.good is False]
    assert any("take `temperature` out of models: {heron: …}" in text for text in bad)


def test_doctor_says_what_is_sent_otherwise(httpserver: HTTPServer, tmp_path: Path):
    """Whoever compares two endpoints should know that one has no system prompts."""
    httpserver.expect_request("/v1/models").respond_with_json({"data": []})
    endpoint(httpserver, _none_of("seed", "seed is not permitted"))
    bench = bench_file(tmp_path, {"base_url": httpserver.url_for("/v1")})

    found = fe.doctor(bench, call=True)

    assert any("sends no seed" in finding.text for finding in found)


URLS = ["http://LOCALHOST:{port}/v1", "http://localhost:{port}/v1/", "HTTP://localhost:{port}//v1"]


def test_a_url_in_another_spelling_is_the_same_endpoint():
    """A slash at the end had everything paid again."""
    keys = {Call(model=model(url.format(port=8000)), messages=()).key for url in URLS}
    usual = {model(url).endpoint.base_url for url in ("http://h:80/v1", "http://h/v1/")}
    other = {model(url).endpoint.base_url for url in ("http://h:81/v1", "http://h/V1")}

    assert len(keys) == 1
    assert usual == {"http://h/v1"}
    assert len(other) == 2
