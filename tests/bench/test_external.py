"""Products that fuse behind an endpoint: what they say, what a tap counts, what a reader is told.

The bodies are made, from what the products' documents and programs show; they are nobody's words.
"""

from __future__ import annotations

import asyncio
import errno
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
import yaml
from engine_kit import call, completion, sent
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

import fusion_eval as fe
from fusion_eval.engine.client import Clients
from fusion_eval.engine.products import ROLE
from fusion_eval.errors import InputError
from fusion_eval.report.summary import summarize
from fusion_eval.tapping.joining import Asked, joined
from fusion_eval.tapping.proxy import Tap
from fusion_eval.tapping.rows import Log, Row

pytestmark = pytest.mark.usefixtures("no_figures")

CHAT = "/v1/chat/completions"
KEY = "sk-very-secret-0123456789"
TASKS = [{"id": f"t{i}", "prompt": f"Which of the {i} is the right one, and why?", "target": "4",
          "check": "numeric"} for i in range(2, 6)]  # fmt: skip


def event(name: str, value: Any) -> str:
    """One named event of a stream."""
    return f"event: {name}\ndata: {json.dumps(value)}\n\n"


def openfusion(*, judge: bool = True, cost: float = 0.004) -> str:
    """A stream of openfusion: progress, a failed member, the answer, and its usage."""
    member = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "cost": cost / 4}
    usage = {
        "panel": [{"label": "panel-0", "usage": member}, {"label": "panel-1", "usage": member}],
        "panel_total": {**member, "cost": cost / 2},
        "judge": {**member, "cost": cost / 2} if judge else None,
        "total": {**member, "cost": cost if judge else cost / 2},
    }
    stages = [
        {"stage": "panel", "models": ["m/a", "m/b", "m/c"], "total": 3, "judge": "m/j"},
        {"stage": "panel_member", "model": "m/a", "ok": True},
        {"stage": "panel_member", "model": "m/b", "ok": True},
        {"stage": "panel_member", "model": "m/c", "ok": False},
        {"stage": "synthesis", "panel_count": 2, "failed_count": 1},
    ]
    said = [{"index": 0, "delta": {"content": "Answer: 4"}, "finish_reason": None}]
    end = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    chunks = [f"data: {json.dumps({'model': 'openfusion', 'choices': c})}\n\n" for c in (said, end)]
    events = [event("progress", one) for one in stages]
    return "".join([*events, *chunks, event("usage", usage), "data: [DONE]\n\n"])


NO_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
USED = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18, "cost": 0.02}
PHASE = {"phase": "panel", "usage": {"prompt_tokens": 5, "completion_tokens": 5, "cost": 0.001}}
FUSION_ITEM = {"type": "openrouter:fusion", "id": "f1", "status": "completed"}


def response(*items: Any, **fields: Any) -> dict[str, Any]:
    """A body of the responses interface."""
    said = {"type": "message", "content": [{"type": "output_text", "text": "Answer: 4"}]}
    usage = {"input_tokens": 90, "output_tokens": 40, "total_tokens": 130, "cost": 0.03}
    head = {"object": "response", "status": "completed", "model": "maker/outer", "usage": usage}
    return {**head, "output": [*items, said], **fields}


MADE: dict[str, tuple[Any, dict[str, str], dict[str, Any], dict[str, Any]]] = {
    # body, headers, fields of model and endpoint, what is told
    "fusionharness": (
        completion("Answer: 4", fusion={
            "panel_models": ["m/a", "m/b", "m/c"], "panel_succeeded": 2, "cost_usd": 0.012,
            "cost_breakdown": [{"model": "m/a", "role": "panel", "cost_usd": 0.004},
                               {"model": "m/j", "role": "judge", "cost_usd": 0.008}],
            "degraded": [{"model": "m/c", "reason": "timeout"}]}),
        {"x-fusion-cost-usd": "0.012"}, {},
        {"product": "fusionHarness", "fused": True, "usd": 0.012, "parts_usd": 0.012,
         "failed": [["m/c", "timeout"]], "models": ["m/a", "m/b", "m/c", "m/j"]}),
    "openfusion": (
        openfusion(), {}, {"stream": True},
        {"product": "openfusion", "fused": True, "usd": 0.004, "parts_usd": 0.004, "missing": "",
         "failed": [["m/c", "no answer"]], "models": ["m/a", "m/b", "m/j"]}),
    "openfusion without the judge's usage": (
        openfusion(judge=False), {}, {"stream": True},
        {"product": "openfusion", "fused": True, "missing": "its judge"}),
    "OpenFusion": (
        completion("Answer: 4", usage=NO_USAGE, openfusion={
            "mode": "fusion", "trace": {"phases": [
                {**PHASE, "model": "m/a"}, {**PHASE, "model": "m/j", "phase": "judge", "attempts": [
                    {"model": "m/x", "status": "error", "error": "down"}]}]}}),
        {}, {},
        {"product": "OpenFusion", "fused": True, "usd": 0.002, "calls": 2,
         "models": ["m/a", "m/j"], "failed": [["m/x", "down"]]}),
    "OpenFusion that did not fuse": (
        completion("Answer: 4", usage=NO_USAGE, openfusion={
            "mode": "auto", "auto": {"mode": "fast-single"},
            "trace": {"phases": [{"phase": "primary", "model": "m/a", "usage": None}]}}),
        {}, {},
        {"product": "OpenFusion", "fused": False, "why": "auto: fast-single", "usd": None,
         "missing": "everything"}),
    "OpenRouter Fusion": (
        response({**FUSION_ITEM, "responses": [{"model": "m/a"}, {"model": "m/b"}],
                  "failed_models": [{"model": "m/c", "error": "rate_limited"}]}),
        {}, {"api": "responses", "id": "openrouter/fusion"},
        {"product": "OpenRouter Fusion", "fused": True, "usd": 0.03,
         "failed": [["m/c", "rate_limited"]], "models": ["m/a", "m/b", "maker/outer"]}),
    "OpenRouter Fusion that was not called": (
        response(), {}, {"api": "responses", "id": "openrouter/fusion"},
        {"product": "OpenRouter Fusion", "fused": False, "why": "the model did not call fusion"}),
    "OpenRouter Fusion that failed": (
        response({**FUSION_ITEM, "failure_reason": "judge_not_valid_json"}),
        {}, {"api": "responses", "extra_body": {"plugins": [{"id": "fusion"}]}},
        {"product": "OpenRouter Fusion", "fused": False, "why": "judge_not_valid_json"}),
    "OpenRouter Fusion over chat": (
        completion("Answer: 4", usage=USED),
        {}, {"id": "openrouter/fusion"},
        {"product": "OpenRouter Fusion", "fused": None, "usd": 0.02}),
    "OpenRouter Fusion over chat, with its count of tools": (
        completion("Answer: 4", usage={**USED, "server_tool_use": {"tool_calls_executed": 1}}),
        {}, {"id": "openrouter/fusion"}, {"product": "OpenRouter Fusion", "fused": True}),
    "OpenRouter Fusion over chat, with no tool executed": (
        completion("Answer: 4", usage={**USED, "server_tool_use": {"tool_calls_executed": 0}}),
        {}, {"id": "openrouter/fusion"},
        {"product": "OpenRouter Fusion", "fused": False, "why": "the model did not call fusion"}),
    "OpenRouter Fusion over chat, beside another tool": (
        completion("Answer: 4", usage={**USED, "server_tool_use": {"tool_calls_executed": 2}}),
        {}, {"extra_body": {"tools": [{"type": "openrouter:fusion"},
                                      {"type": "openrouter:web_search"}]}},
        {"product": "OpenRouter Fusion", "fused": None}),
    "LiteLLM": (
        completion("Answer: 4", model="m/judge"), {"x-litellm-response-cost": "0.0125"},
        {"id": "litellm/fusion-1"},
        {"product": "LiteLLM", "fused": None, "usd": 0.0125, "models": ["m/judge"]}),
    "a gateway with candidates": (
        response(fusion={"candidates": [{"model": "m/a", "status": "ok", "cost_usd": 0.01},
                                        {"model": "m/b", "status": "error", "cost_usd": 0.0}],
                         "synthesis_model": "m/j", "cost_usd": 0.05}),
        {}, {"api": "responses", "id": "fusion"},
        {"product": "fusion gateway", "fused": True, "usd": 0.05, "parts_usd": 0.01,
         "failed": [["m/b", "error"]], "models": ["m/a", "m/j"]}),
    "a server with a cost header": (
        completion("Answer: 4"), {"x-nr-request-cost": "0.5"}, {},
        {"product": "unknown", "fused": None, "usd": 0.5}),
    "a server that says nothing": (
        completion("Answer: 4", usage=NO_USAGE), {}, {},
        {"product": "unknown", "fused": None, "usd": None}),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_what_a_product_says_of_itself_is_read(httpserver: HTTPServer, name: str):
    """Dropped, it could never be told whether fusion ran, and who was paid."""
    body, headers, fields, expected = MADE[name]
    if isinstance(body, str):
        reply = Response(body, mimetype="text/event-stream", headers=headers)
    else:
        reply = Response(json.dumps(body), mimetype="application/json", headers=headers)
    path = "/v1/responses" if fields.get("api") else CHAT
    httpserver.expect_request(path).respond_with_response(reply)
    (got,) = sent(call(httpserver.url_for("/v1"), role=ROLE, **fields))
    told = got.extra["told"]

    assert got.text == "Answer: 4"
    assert {key: told[key] for key in expected} == expected
    assert got.cost_reported == (None if told["missing"] else told["usd"])
    if told["missing"]:
        assert got.usage is None, "a bill that leaves a part out is no bill"


def bench(folder: Path, url: str, recipes: dict[str, Any], **endpoint: Any) -> Path:
    """A bench with a product at a URL, and a task file beside it."""
    content = {
        "name": "products",
        "endpoints": {
            "product": {"base_url": url, "sends_seed": False, **endpoint},
            "sim": {"simulator": "default"},
        },
        "models": {
            "fuser": {"endpoint": "product", "id": "fuser", "price": {"input": 1, "output": 5}},
            "heron": {"endpoint": "sim", "id": "wader/heron"},
        },
        "recipes": {"solo-heron": {"strategy": "solo", "member": "heron"}, **recipes},
        "limits": {"budget_usd": 5, "attempts": 1, "unusable_share": 1},
        "repeats": 2,
    }
    (folder / "bench.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (folder / "tasks.yaml").write_text(yaml.safe_dump({"name": "four", "tasks": TASKS}))
    return folder / "bench.yaml"


def run(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The trials of the bench in a folder, and the summary of its run."""
    made = fe.run(folder / "tasks.yaml", folder / "bench.yaml", output_dir=folder / "results")
    return fe.trials(made), summarize(made)


def findings(summary: dict[str, Any]) -> str:
    """What stands on the first screen."""
    return "\n".join(one["text"] for one in summary["audit"])


EXTERNAL = {"strategy": "external", "product": "fuser"}


def test_a_product_is_external_and_never_the_baseline(httpserver: HTTPServer, tmp_path: Path):
    """As `solo` it became the baseline that it should have been held against."""
    cheap = completion(
        "Answer: 4", usage={"prompt_tokens": 1, "completion_tokens": 1, "cost": 1e-9}
    )
    httpserver.expect_request(CHAT).respond_with_json(cheap)
    bench(tmp_path, httpserver.url_for("/v1"), {"fused": EXTERNAL})
    trials, summary = run(tmp_path)

    assert summary["recipes"]["fused"]["strategy"] == "external"
    assert summary["reference"] == "solo-heron", "though the product is cheaper"
    assert "what it says of itself" in findings(summary)
    calls = fe.calls(tmp_path / "results" / "latest")
    assert set(calls[calls["role"] == ROLE]["cost_source"]) == {"told by the product"}
    assert set(trials[trials["recipe"] == "fused"]["told_usd"]) == {1e-9}


def test_a_product_without_usage_has_an_unknown_cost_whatever_its_price(
    httpserver: HTTPServer, tmp_path: Path
):
    """Zero tokens times a price made it free, and free things win."""
    silent = completion("Answer: 4", usage=NO_USAGE)
    httpserver.expect_request(CHAT).respond_with_json(silent)
    bench(tmp_path, httpserver.url_for("/v1"), {"fused": EXTERNAL})
    trials, summary = run(tmp_path)

    assert trials[trials["recipe"] == "fused"]["cost_usd"].isna().all()
    assert "does not say what it costs" in findings(summary)


def test_whether_fusion_ran_is_an_outcome_read_both_ways(httpserver: HTTPServer, tmp_path: Path):
    """Averaged over answers without fusion, a product is praised for what one model did."""
    count = iter(range(100))

    def answer(_: Request) -> Response:
        number = next(count)
        way = "fusion-panel" if number % 2 else "fast-single"
        trace = {"phases": [{**PHASE, "model": "m/a"}]}
        block = {"mode": "auto", "auto": {"mode": way}, "trace": trace}
        body = completion(f"Answer: {4 if number % 2 else 5}", usage=NO_USAGE, openfusion=block)
        return Response(json.dumps(body), mimetype="application/json")

    httpserver.expect_request(CHAT).respond_with_handler(answer)
    bench(tmp_path, httpserver.url_for("/v1"), {"fused": {**EXTERNAL, "declares": ["m/b"]}})
    _, summary = run(tmp_path)
    product = summary["products"]["fused"]

    assert (product["fused"], product["not_fused"], product["unsaid"]) == (4, 4, 0)
    assert product["as_deployed"]["value"] == 0.5
    assert product["as_fused"]["value"] == 1.0
    said = findings(summary)
    assert "fusion ran in 4 of 8 answers" in said
    assert "50.0 (intention to treat)" in said
    assert "100.0 (per protocol" in said
    assert "not declared: m/a (8 answers)" in said


def test_a_total_that_its_parts_do_not_explain_is_a_line(httpserver: HTTPServer, tmp_path: Path):
    """One product charged for a model that nobody had chosen."""
    parts = [{"model": "m/a", "role": "panel", "cost_usd": 0.004}]
    fusion = {
        "panel_models": ["m/a"],
        "panel_succeeded": 1,
        "cost_usd": 0.01,
        "cost_breakdown": parts,
    }
    httpserver.expect_request(CHAT).respond_with_json(completion("Answer: 4", fusion=fusion))
    bench(tmp_path, httpserver.url_for("/v1"), {"fused": EXTERNAL})
    _, summary = run(tmp_path)
    assert "its own parts add up to $0.0320, 60% more; unexplained" in findings(summary)


@contextmanager
def tapped(upstream: str, log: Path) -> Iterator[str]:
    """A tap before an upstream; its base URL."""
    server = uvicorn.Server(
        uvicorn.Config(Tap(upstream, log).app(), host="127.0.0.1", port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        thread.join()


class Fuser:
    """A product that asks its upstream three models and a blind judge, and bills a share of it."""

    def __init__(self, upstream: str, bills: float | None) -> None:
        self.upstream = upstream
        self.bills = bills

    def __call__(self, request: Request) -> Response:
        question = json.loads(request.get_data())["messages"][-1]["content"]
        answers = [self._ask(model, f"Expert: {question}") for model in ("m/a", "m/b", "m/c")]
        final = self._ask("m/judge", "Best of\n" + "\n".join(answers))
        usage = NO_USAGE
        if self.bills is not None:
            usage = {"prompt_tokens": 9, "completion_tokens": 9, "cost": 0.04 * self.bills}
        body = completion(final, usage=usage)
        return Response(json.dumps(body), mimetype="application/json")

    def _ask(self, model: str, text: str) -> str:
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        headers = {"Authorization": f"Bearer {KEY}"}
        url = f"{self.upstream}/chat/completions"
        got = httpx2.post(url, json=body, headers=headers).json()
        return str(got["choices"][0]["message"]["content"])


def upstream(request: Request) -> Response:
    """An upstream that bills a cent a call, and echoes the key that it was given."""
    asked = json.loads(request.get_data())
    text = f"{asked['model']} thinks so because of {request.headers['Authorization']}\nAnswer: 4"
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18, "cost": 0.01}
    return Response(json.dumps(completion(text, usage=usage)), mimetype="application/json")


@pytest.mark.parametrize("bills", [None, 0.7, 1.0], ids=["nothing", "too little", "all"])
def test_a_tap_counts_what_stands_behind_each_answer(tmp_path: Path, bills: float | None):
    """One product reported nothing for six calls, another left out 30 % of its bill."""
    log = tmp_path / "tap.jsonl"
    with HTTPServer() as far, HTTPServer() as product:
        far.expect_request(CHAT).respond_with_handler(upstream)
        with tapped(far.url_for("/v1"), log) as tap:
            product.expect_request(CHAT).respond_with_handler(Fuser(tap, bills))
            url = product.url_for("/v1")
            bench(tmp_path, url, {"fused": EXTERNAL, "again": EXTERNAL}, tap=str(log))
            trials, summary = run(tmp_path)
        counted = sum(1 for _ in far.log)

    fused = trials[trials["recipe"] == "fused"]
    assert counted == 4 * len(fused), "the two recipes share their calls"
    assert set(fused["tapped_calls"]) == {4.0}
    assert fused["cost_usd"].tolist() == pytest.approx([0.04] * 8)
    assert set(fused["models_served"]) == {"m/a + m/b + m/c + m/judge"}
    assert KEY not in log.read_text()
    assert log.read_text().count("\n") == counted
    lie = "it bills itself $0.224 and the tap counted $0.320, 30% less; unexplained"
    assert (lie in findings(summary)) is (bills == 0.7)


def test_a_tap_that_saw_nothing_leaves_the_cost_unknown(httpserver: HTTPServer, tmp_path: Path):
    """A product whose upstream was not the tap would be free."""
    log = tmp_path / "tap.jsonl"
    log.touch()
    cheap = completion(
        "Answer: 4", usage={"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.01}
    )
    httpserver.expect_request(CHAT).respond_with_json(cheap)
    bench(tmp_path, httpserver.url_for("/v1"), {"fused": EXTERNAL}, tap=str(log))
    trials, _ = run(tmp_path)
    assert trials[trials["recipe"] == "fused"]["cost_usd"].isna().all()


def test_a_tap_that_is_not_there_is_said_before_the_first_call(
    httpserver: HTTPServer, tmp_path: Path
):
    """After the run its calls could not be counted any more."""
    bench(tmp_path, httpserver.url_for("/v1"), {"fused": EXTERNAL}, tap="nowhere.jsonl")
    with pytest.raises(InputError, match=r"nowhere\.jsonl: no such tap; start `fusion-eval tap"):
        run(tmp_path)
    assert not [request for request, _ in httpserver.log if request.method == "POST"]


def test_a_tap_asks_streams_for_their_usage_and_hides_it_from_the_product(
    httpserver: HTTPServer, tmp_path: Path
):
    """A judge that is streamed without usage is the part that bills leave out."""
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18, "cost": 0.01}
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": usage},
    ]
    body = "".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + "data: [DONE]\n\n"
    httpserver.expect_request(CHAT).respond_with_data(body, content_type="text/event-stream")
    log = tmp_path / "tap.jsonl"
    with tapped(httpserver.url_for("/v1"), log) as tap:
        asked = {"model": "m/judge", "stream": True, "messages": [{"role": "user", "content": "?"}]}
        got = httpx2.post(f"{tap}/chat/completions", json=asked).text
    sent_on = json.loads(httpserver.log[-1][0].get_data())

    assert sent_on["stream_options"] == {"include_usage": True}
    assert "usage" not in got
    assert got.count("data:") == 3
    (row,) = Log(log).read()
    assert (row.usd, row.answered, row.tokens_in) == (0.01, "Hi", 9)


def test_a_tap_whose_file_is_full_lets_no_call_through_and_loses_none(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Half a line swallowed the next one, and the product was cheaper by two calls."""
    httpserver.expect_request(CHAT).respond_with_handler(upstream)
    log = tmp_path / "tap.jsonl"
    asked = {"model": "m/a", "messages": [{"role": "user", "content": "?"}]}
    headers = {"Authorization": f"Bearer {KEY}"}
    with tapped(httpserver.url_for("/v1"), log) as tap:

        def ask() -> int:
            url = f"{tap}/chat/completions"
            return httpx2.post(url, json=asked, headers=headers).status_code

        with monkeypatch.context() as disk:
            disk.setattr("fusion_eval.tapping.proxy.Path.open", _full)
            assert [ask(), ask(), ask()] == [200, 502, 502]
        assert ask() == 200
    assert len(httpserver.log) == 2
    assert len(Log(log).read()) == 2


def _full(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def row(at: float, asked: str, answered: str = "", usd: float | None = 0.01) -> Row:
    """One call that a tap saw."""
    return Row(at=at, took_s=0.1, model="m/a", served=None, asked=asked, answered=answered,
               tokens_in=1, tokens_out=1, usd=usd, source="provider")  # fmt: skip


def test_calls_are_joined_by_content_and_time():
    """A product that rewrites questions would be cheaper by every call that repeats none."""
    calls = [Asked(key="a", start=10.0, end=12.0), Asked(key="b", start=13.0, end=15.0)]
    rows = [
        row(10.5, "Expert: Which one, and why?", "It is surely the third of them"),
        row(11.5, "Best of: it is surely the THIRD of them."),  # does not show the question
        row(13.5, "Which one, and why?", usd=None),
        row(16.0, "Which one, and why?"),  # after the answer
    ]
    found = joined("Which one, and why?", calls, rows)
    assert (found["a"].calls, found["a"].usd) == (2, 0.02)
    assert (found["b"].calls, found["b"].usd) == (1, None), "unknown is not 0"

    (other,) = joined("Which one, and why?", calls[:1], [*rows, row(11.6, "Other words")]).values()
    assert (other.calls, other.usd, other.others) == (2, None, 1), "whose it is cannot be told"
    assert joined("Never asked at all", calls[:1], rows)["a"].usd is None


def test_seconds_of_a_clock_and_of_a_simulator_share_no_table(
    httpserver: HTTPServer, tmp_path: Path
):
    """A product looked four times as fast as panels whose seconds were simulated."""
    httpserver.expect_request(CHAT).respond_with_json(completion("Answer: 4"))
    bench(tmp_path, httpserver.url_for("/v1"), {"fused": EXTERNAL, "other": EXTERNAL})
    _, summary = run(tmp_path)
    seconds = {name: one["latency_s"] for name, one in summary["recipes"].items()}
    assert seconds["fused"]["source"] == "measured"
    assert seconds["solo-heron"] is None
    assert summary["recipes"]["solo-heron"]["latency_apart_s"]["source"] == "simulated"
    assert "solo-heron" in findings(summary)


def test_products_are_asked_one_after_the_other_behind_a_tap(httpserver: HTTPServer):
    """Asked at once, the calls of two answers could not be told apart."""
    inside, most = [0], [0]

    def answer(_: Request) -> Response:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        threading.Event().wait(0.02)
        inside[0] -= 1
        return Response(json.dumps(completion("Hi")), mimetype="application/json")

    httpserver.expect_request(CHAT).respond_with_handler(answer)

    async def ask() -> None:
        clients = Clients()
        url = httpserver.url_for("/v1")
        asked = [call(url, role=ROLE, tap="tap.jsonl", draw=i) for i in range(4)]
        await asyncio.gather(*map(clients.send, asked))
        await clients.close()

    asyncio.run(ask())
    assert most == [1]
