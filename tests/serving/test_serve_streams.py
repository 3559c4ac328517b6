"""Streams of `serve`: the writer's words as they come, comments before, and clients that leave."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Any

import httpx2
import pytest
from serve_kit import PIECES, TEXT, USAGE, Endpoint, Line, bench_of, chat, running, served

from fusion_eval.core import Question, Task
from fusion_eval.serving.app import build
from fusion_eval.serving.settings import Settings
from fusion_eval.serving.stops import Pieces, until_stop
from fusion_eval.serving.writers import writers

SLOW = {"a": Line(first_s=0.4), "b": Line(first_s=0.4), "writer": Line(pause_s=0.25)}


def lines_of(url: str, body: dict[str, Any], path: str = "chat/completions") -> list[tuple]:
    """(seconds, line) of every line that is not empty."""
    began, seen = time.perf_counter(), []
    with httpx2.stream("POST", f"{url}/{path}", json={**body, "stream": True}, timeout=30) as got:
        for line in got.iter_lines():
            if line:
                seen.append((time.perf_counter() - began, line))
    return seen


def chunks_of(seen: list[tuple]) -> list[tuple[float, dict[str, Any]]]:
    data = [(at, line[6:]) for at, line in seen if line.startswith("data: ")]
    assert data[-1][1] == "[DONE]"
    return [(at, json.loads(text)) for at, text in data[:-1]]


def deltas_of(seen: list[tuple]) -> list[tuple[float, str]]:
    """(seconds, text) of every piece of text."""
    return [
        (at, chunk["choices"][0]["delta"]["content"])
        for at, chunk in chunks_of(seen)
        if chunk.get("choices") and chunk["choices"][0]["delta"].get("content")
    ]


def test_the_writers_words_come_one_by_one_and_comments_keep_the_line_open_before(tmp_path):
    """A proxy closes a silent line after a minute, and a reader stares at nothing."""
    with served(Endpoint(**SLOW), tmp_path, ping_s=0.1) as url:
        options = {"stream_options": {"include_usage": True}}
        seen = lines_of(url, chat("panel", **options))
    deltas = deltas_of(seen)
    assert [text for _, text in deltas] == list(PIECES)
    assert deltas[1][0] - deltas[0][0] > 0.1
    comments = [at for at, line in seen if line.startswith(":")]
    assert len([at for at in comments if at < deltas[0][0]]) >= 2
    last = chunks_of(seen)[-1][1]
    assert last["usage"]["total_tokens"] == 4 * USAGE["total_tokens"]
    assert last["fusion"]["calls"] == 4
    assert {chunk["model"] for _, chunk in chunks_of(seen)} == {"panel"}


def test_a_stream_without_usage_options_still_brings_the_bill(tmp_path):
    """The bill would hang on a switch that few clients set."""
    with served(Endpoint(a=Line(), b=Line(), writer=Line()), tmp_path) as url:
        chunks = chunks_of(lines_of(url, chat("solo")))
    assert chunks[-1][1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1][1]["fusion"]["cost_usd"] > 0
    assert not any("usage" in chunk for _, chunk in chunks)


def test_an_answer_that_is_chosen_among_drafts_comes_whole_at_the_end(tmp_path):
    """The words of a draft that loses would be shown as the answer."""
    with served(Endpoint(a=Line(pieces=("A",)), b=Line(pieces=("B",))), tmp_path) as url:
        seen = lines_of(url, chat("vote"))
    assert [text for _, text in deltas_of(seen)] == ["A"]


def test_a_failure_before_the_first_event_has_its_status(tmp_path):
    """A client retries by the status, and would read 200 and an error."""
    with served(Endpoint(a=Line(status=500), b=Line()), tmp_path) as url:
        body = {**chat("solo"), "stream": True}
        answer = httpx2.post(f"{url}/chat/completions", json=body)
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_server_error"


def test_a_failure_after_words_were_shown_ends_the_stream_with_an_error(tmp_path):
    """Half of one answer and the whole of another would be read as one."""
    lines = {"a": Line(), "b": Line(), "writer": Line(pieces=("Half ", "of"), breaks_off=True)}
    with served(Endpoint(**lines), tmp_path) as url:
        chunks = chunks_of(lines_of(url, chat("panel")))
    assert chunks[-1][1]["error"]["code"] == "answer_withdrawn"
    assert chunks[-1][1]["fusion"]["degraded"] == ["synthesizer (writer): bad_reply"]


def test_a_writer_that_fails_before_its_first_word_leaves_the_best_members_answer(tmp_path):
    """A stream would break where the same request in one piece has an answer."""
    lines = {"a": Line(pieces=("Member.",)), "b": Line(), "writer": Line(status=500)}
    with served(Endpoint(**lines), tmp_path) as url:
        seen = lines_of(url, chat("panel"))
    assert [text for _, text in deltas_of(seen)] == ["Member."]
    assert chunks_of(seen)[-1][1]["fusion"]["degraded"] == ["synthesizer (writer): server_error"]


def test_a_stop_sequence_is_never_shown_even_where_it_comes_in_parts(tmp_path):
    """Streamed and whole answers would differ."""
    lines = {"a": Line(pieces=("One. ST", "OP two.")), "b": Line()}
    with served(Endpoint(**lines), tmp_path) as url:
        seen = lines_of(url, chat("solo", stop="STOP"))
    assert "".join(text for _, text in deltas_of(seen)) == "One. "


def test_thoughts_of_the_writer_are_not_shown(tmp_path):
    """What a model thinks aloud would stand in the streamed answer, and not in the whole one."""
    lines = {"a": Line(pieces=("<thi", "nk>Hm", "m.</think>", "Yes.")), "b": Line()}
    with served(Endpoint(**lines), tmp_path) as url:
        whole = httpx2.post(f"{url}/chat/completions", json=chat("solo")).json()
        seen = lines_of(url, chat("solo"))
    assert "".join(text for _, text in deltas_of(seen)) == "Yes."
    assert whole["choices"][0]["message"]["content"] == "Yes."


def test_responses_stream_the_same_words_and_the_same_bill(tmp_path):
    """The two APIs would serve two recipes."""
    with served(Endpoint(**SLOW), tmp_path) as url:
        body = {"model": "panel", "input": "Tell a story."}
        seen = lines_of(url, body, "responses")
    events = [event for _, event in chunks_of(seen)]
    assert [e["delta"] for e in events if e["type"] == "response.output_text.delta"] == list(PIECES)
    assert events[-1]["type"] == "response.completed"
    final = events[-1]["response"]
    assert final["output"][0]["content"][0]["text"] == TEXT
    assert final["usage"]["total_tokens"] == 4 * USAGE["total_tokens"]
    assert final["fusion"]["recipe"] == final["model"] == "panel"
    assert [e["sequence_number"] for e in events] == list(range(len(events)))


RECIPES = """
  solo: {strategy: solo, member: a}
  panel: {strategy: panel, members: [a, b], judge: b, synthesizer: writer}
  before: {strategy: panel, members: [a, b], synthesizer: writer, analysis: before}
  after: {strategy: panel, members: [a, b], synthesizer: writer, analysis: after}
  refined: {strategy: panel, members: [a, b], synthesizer: writer, refine: 1}
  twice: {strategy: self_refine, member: a, rounds: 2}
  vote: {strategy: vote, members: [a, b]}
  ranked: {strategy: ranked, members: [a, b], ranker: writer}
  nested: {strategy: panel, members: [panel, b], synthesizer: writer}
  outer: {strategy: router, routes: [panel], fallback: solo}
  cascade: {strategy: cascade, members: [a, b], thresholds: [8], scorer: writer}
  agree: {strategy: agreement_router, probes: [a, b], fallback: panel}
  own: {strategy: "users_strategies:after", first: a, then: b}
"""
WRITERS = {
    "solo": {("member", "a")},
    "panel": {("synthesizer", "writer")},
    "before": set(),  # the analysis comes first
    "after": set(),  # the analysis follows
    "refined": {("refiner", "writer")},
    "twice": set(),  # of two rewritings the first is no answer
    "vote": set(),
    "ranked": set(),
    "nested": set(),  # two synthesizers of one model
    "outer": {("member", "a")},  # nothing in the question calls for the panel
    "cascade": {("member", "b")},
    "agree": {("synthesizer", "writer")},
    "own": set(),
}


@pytest.mark.parametrize("name", WRITERS)
def test_only_a_role_whose_words_are_the_answer_is_shown_while_it_writes(tmp_path, name):
    """What is shown cannot be taken back."""
    own = RECIPES.splitlines()[:-1] if name != "own" else RECIPES.splitlines()
    bench = bench_of("http://127.0.0.1:9", tmp_path, "\n".join(own) + "\n")
    task = Task(id="x", question=Question(prompt="Tell a story."))
    assert asyncio.run(writers(task, bench.recipes[name], bench)) == WRITERS[name]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("slow", ["a", "writer"])
def test_a_client_that_leaves_ends_the_calls_behind_it(tmp_path, stream, slow):
    """Nobody reads the answer, and somebody pays for it."""
    endpoint = Endpoint(**{name: Line() for name in "ab"}, writer=Line())
    endpoint.lines[slow] = Line(first_s=60.0)
    recipes = "\n  panel: {strategy: panel, members: [a, b], synthesizer: writer}\n"

    def asked() -> set[str]:
        return {body["model"] for body in endpoint.bodies}

    with served(endpoint, tmp_path, recipes, ping_s=0.1) as url:
        _leave(url, {**chat("panel"), "stream": stream}, lambda: slow in asked())
        _wait_for(lambda: endpoint.inside == 0)
        health = httpx2.get(f"{url.removesuffix('/v1')}/health").json()
        assert health["in_flight"] == 0
    assert endpoint.left == 1
    assert asked() == ({"a", "b"} if slow == "a" else {"a", "b", "writer"})


def _leave(url: str, body: dict[str, Any], then: Any) -> None:
    """Ask, wait until something holds, and close the connection."""
    host, _, port = url.removeprefix("http://").removesuffix("/v1").partition(":")
    content = json.dumps(body).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode() + content)
        _wait_for(then)


def _wait_for(true: Any, seconds: float = 30.0) -> None:
    """Wait until something holds; fail where it does not in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_two_hundred_streams_of_which_a_fifth_leaves_leave_nothing_behind(tmp_path):
    """A server that loses one task an hour is restarted once a week."""
    endpoint = Endpoint(a=Line(), b=Line(), writer=Line(first_s=0.1, pause_s=0.05))
    with running(endpoint.app) as upstream:
        bench = bench_of(upstream, tmp_path)
        app = build(bench, Settings(max_requests=500, ping_s=0.05))
        tasks_of = _loop_of(app)
        with running(app) as mine:
            outcomes = asyncio.run(_two_hundred(f"{mine}/v1/chat/completions"))
            _wait_for(lambda: endpoint.inside == 0)
            _wait_for(lambda: len(tasks_of()) <= 3)  # the server's own
            health = httpx2.get(f"{mine}/health").json()
            assert health["in_flight"] == 0
    assert outcomes.count("left") == 40
    assert outcomes.count("whole") == 160


def _loop_of(app: Any) -> Any:
    """All tasks of the loop that an app runs in, once it has begun."""
    kept: list[asyncio.AbstractEventLoop] = []
    inner = app.router.lifespan_context

    def remembered(given: Any) -> Any:
        kept.append(asyncio.get_running_loop())
        return inner(given)

    app.router.lifespan_context = remembered
    return lambda: asyncio.all_tasks(kept[0])


async def _two_hundred(url: str) -> list[str]:
    limits = httpx2.Limits(max_connections=200)
    async with httpx2.AsyncClient(timeout=60, limits=limits) as client:

        async def one(number: int) -> str:
            body = {**chat("panel"), "stream": True}
            async with client.stream("POST", url, json=body) as got:
                assert got.status_code == 200
                seen = 0
                async for line in got.aiter_lines():
                    seen += '"content": "' in line
                    if number % 5 == 0 and seen > 1:
                        return "left"
                    if line == "data: [DONE]":
                        return "whole"
            return "cut off"

        return list(await asyncio.gather(*(one(i) for i in range(200))))


def test_streamed_pieces_are_what_the_whole_text_is_cut_to():
    """Wherever a text is cut into pieces, the same part of it must be shown."""
    text, stops = "one STOP two END", ("STOP", "END", "zzz")
    for size in range(1, len(text) + 1):
        pieces = Pieces(stops)
        shown = "".join(pieces.add(text[i : i + size]) for i in range(0, len(text), size))
        rest = pieces.end(text)
        assert shown + (rest or "") == until_stop(text, stops) == "one "
    assert Pieces(()).end("x") == "x"
    changed = Pieces(())
    changed.add("one")
    assert changed.end("two") is None
