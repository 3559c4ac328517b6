"""`serve`: recipes as models, with their bill, over a scripted endpoint on a real port."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from serve_kit import TEXT, USAGE, Endpoint, Line, chat, served

import fusion_eval as fe
from fusion_eval.errors import InputError
from fusion_eval.loading.tasks import load_tasks

THREE = {"a": Line(), "b": Line(), "writer": Line()}
USD = (10 * 1 + 5 * 2) / 1e6


def ask(url: str, body: dict[str, Any], path: str = "chat/completions") -> httpx2.Response:
    return httpx2.post(f"{url}/{path}", json=body, timeout=30)


def test_every_recipe_is_a_model_and_answers_under_its_name(tmp_path):
    """The winner of a table would have to be built again by hand."""
    with served(Endpoint(**THREE), tmp_path) as url:
        listed = httpx2.get(f"{url}/models").json()["data"]
        assert [one["id"] for one in listed] == ["solo", "panel", "vote"]
        for name in ("solo", "panel", "vote"):
            answer = ask(url, chat(name)).json()
            assert (answer["model"], answer["fusion"]["recipe"]) == (name, name)
            assert answer["choices"][0]["message"]["content"] == TEXT
        assert httpx2.get(f"{url}/models/panel").json()["strategy"] == "panel"
        assert httpx2.get(f"{url}/models/nobody").status_code == 404


def test_usage_is_the_sum_of_all_calls_and_the_bill_stands_by_role_in_field_and_headers(tmp_path):
    """Who sees only the writer's tokens takes a panel for as cheap as a model."""
    with served(Endpoint(**THREE), tmp_path) as url:
        answer = ask(url, chat("panel"))
    body, fusion = answer.json(), answer.json()["fusion"]
    assert body["usage"]["total_tokens"] == 4 * USAGE["total_tokens"]
    assert fusion["cost_usd"] == pytest.approx(4 * USD) == body["usage"]["cost"]
    roles = {(one["role"], one["model"]): one["cost_usd"] for one in fusion["roles"]}
    assert set(roles) == {
        ("member", "a"),
        ("member", "b"),
        ("judge", "b"),
        ("synthesizer", "writer"),
    }
    assert sum(roles.values()) == pytest.approx(fusion["cost_usd"])
    for name in ("x-fusion-cost-usd", "x-litellm-response-cost"):
        assert float(answer.headers[name]) == pytest.approx(4 * USD)
    assert float(answer.headers["x-fusion-latency-s"]) > 0


def test_an_unknown_cost_is_never_a_number(tmp_path):
    """A gateway that reads 0 books every answer of this server as free."""
    lines = {**THREE, "b": Line(usage=None)}
    with served(Endpoint(**lines), tmp_path) as url:
        answer = ask(url, chat("panel"))
    assert answer.json()["usage"] is None
    assert answer.json()["fusion"]["cost_usd"] is None
    assert answer.headers["x-fusion-cost-usd"] == "unknown"
    assert "x-litellm-response-cost" not in answer.headers


def test_a_step_down_is_told_in_field_and_header(tmp_path):
    """A panel of one would pass for the panel that was measured."""
    lines = {**THREE, "a": Line(status=500)}
    with served(Endpoint(**lines), tmp_path) as url:
        answer = ask(url, chat("panel"))
    assert answer.status_code == 200
    steps = answer.json()["fusion"]["degraded"]
    assert "member 1 (a): server_error" in steps
    assert answer.headers["x-fusion-degraded"] == str(len(steps))


@pytest.mark.parametrize("word", ["empty", "refused"])
def test_an_answer_without_text_is_no_error_and_says_why(tmp_path, word):
    """A client that reads an empty answer needs to know that nobody failed on the way."""
    said = {"empty": Line(pieces=("",)), "refused": Line(pieces=("",), finish="content_filter")}
    with served(Endpoint(a=said[word], b=Line(), writer=Line()), tmp_path) as url:
        answer = ask(url, chat("solo")).json()
    assert answer["fusion"]["failure"] == word
    assert answer["fusion"]["degraded"] == [f"answer: {word}"]
    finish = "content_filter" if word == "refused" else "stop"
    assert answer["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize(("status", "mine"), [(500, 502), (400, 502), (401, 502)])
def test_a_recipe_without_an_answer_is_an_error_with_its_bill(tmp_path, status, mine):
    """The error of a provider's key would be taken for one of the client's own."""
    with served(Endpoint(a=Line(status=status), b=Line(), writer=Line()), tmp_path) as url:
        answer = ask(url, chat("solo"))
    assert answer.status_code == mine
    assert answer.json()["error"]["code"].startswith("upstream_")
    assert answer.json()["fusion"]["roles"][0]["failed"] == 1
    assert "scripted failure" not in answer.text


def test_sampling_parameters_change_nothing_and_are_named(tmp_path):
    """The recipe that is served would not be the one that was measured."""
    endpoint = Endpoint(**THREE)
    with served(endpoint, tmp_path) as url:
        answer = ask(url, chat("solo", temperature=0, max_tokens=5, top_p=0.5)).json()
    assert answer["fusion"]["ignored"] == ["temperature", "top_p", "max_tokens"]
    assert not {"temperature", "max_tokens", "top_p"} & endpoint.bodies[0].keys()


def test_a_stop_sequence_ends_the_answer(tmp_path):
    """A harness that asks for one line would score what comes after it too."""
    with served(Endpoint(**THREE), tmp_path) as url:
        answer = ask(url, chat("solo", stop=["time", "upon"])).json()
    assert answer["choices"][0]["message"]["content"] == "Once "
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_requests_get_fresh_draws_and_a_seed_names_one(tmp_path):
    """Ten draws of an answer would be one; or nobody could ask for the same one again."""
    endpoint = Endpoint(**THREE)
    with served(endpoint, tmp_path) as url:
        for more in ({}, {}, {"seed": 3}, {"seed": 3}):
            ask(url, chat("solo", **more))
    first, second, third, fourth = [body["seed"] for body in endpoint.bodies]
    assert len({first, second, third}) == 3
    assert third == fourth


def test_a_conversation_is_asked_as_it_is(tmp_path):
    """Turns that are lost change the question without a word."""
    endpoint = Endpoint(**THREE)
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]},
    ]
    with served(endpoint, tmp_path) as url:
        assert ask(url, {"model": "solo", "messages": messages}).status_code == 200
    assert endpoint.bodies[0]["messages"] == [
        {"role": "system", "content": "Be brief.\n\nBe kind."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "A\nB"},
    ]


def test_a_model_tells_the_smallest_limits_of_its_members_or_none(tmp_path):
    """A client that fills the largest window overflows the smallest (9router issue 3487)."""
    models = {
        "a": ", context_window: 9000, max_tokens: 700",
        "b": ", context_window: 5000, max_tokens: 900",
    }
    with served(Endpoint(**THREE), tmp_path, models=models) as url:
        told = {one["id"]: one for one in httpx2.get(f"{url}/models").json()["data"]}
    assert (told["vote"]["context_length"], told["vote"]["max_completion_tokens"]) == (5000, 700)
    assert told["panel"]["context_length"] is None  # the writer's is not known


def test_models_of_the_file_are_served_alone_only_where_that_was_asked_for(tmp_path):
    """A server of a panel would hand out its members at their own price."""
    with served(Endpoint(**THREE), tmp_path) as url:
        assert ask(url, chat("writer")).status_code == 404
    with served(Endpoint(**THREE), tmp_path, members=True) as url:
        assert ask(url, chat("writer")).json()["model"] == "writer"


WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("needs", "more"),
    [
        ("tools", {"tools": [WEATHER]}),
        ("images", {"messages": [{"role": "user", "content": [IMAGE]}]}),
        ("response_format", {"response_format": {"type": "json_object"}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "body",
)
def test_what_needs_one_model_goes_to_the_declared_one_or_is_refused(tmp_path, needs, more):
    """Tools that are dropped in silence look like a model that does not want to use them."""
    with served(Endpoint(**THREE), tmp_path) as url:
        refused = ask(url, {**chat("panel"), **more})
        assert refused.status_code == 400
        assert (refused.json()["error"]["param"], needs) == (needs, needs)
        assert "--tools-to" in refused.json()["error"]["message"]
    endpoint = Endpoint(**{**THREE, "writer": Line(tool_calls=[CALL])})
    with served(endpoint, tmp_path, tools_to="writer") as url:
        body = {**chat("panel"), **more, "models": ["other"], "temperature": 0.3}
        answer = ask(url, body).json()
    assert [one["model"] for one in endpoint.bodies] == ["writer"]
    assert endpoint.bodies[0]["messages"] == body["messages"]
    assert endpoint.bodies[0]["temperature"] == 0.3
    assert "models" not in endpoint.bodies[0]
    assert answer["model"] == "panel"
    assert answer["choices"][0]["message"]["tool_calls"] == [CALL]
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert answer["fusion"]["passed_to"] == {"model": "writer", "because": [needs]}
    assert answer["fusion"]["degraded"] == [f"passed to writer: {needs}"]


def test_auto_routes_by_the_rule_file_and_says_what_is_expected(tmp_path):
    """A router whose reasons are not told cannot be audited."""
    from fusion_eval.loading.rule import RuleFile

    rule = RuleFile.model_validate(
        {
            "rules": [
                {"when": {"domain": "Law"}, "recipe": "panel", "probability": 0.9},
                {"when": {"code": True, "min_characters": 5}, "recipe": "vote"},
            ],
            "otherwise": {"recipe": "solo", "score": {"value": 0.5, "n": 9}},
        }
    )
    with served(Endpoint(**THREE), tmp_path, rule=rule) as url:
        law = ask(url, chat("auto", metadata={"domain": "law"})).json()
        code = ask(url, chat("auto", "```\nx = 1\n```")).json()
        rest = ask(url, chat("auto")).json()
    assert [one["model"] for one in (law, code, rest)] == ["panel", "vote", "solo"]
    assert law["fusion"]["routed"]["probability"] == 0.9
    assert rest["fusion"]["routed"]["score"] == {"value": 0.5, "n": 9}


def test_an_estimate_has_a_row_per_recipe_and_calls_nobody(tmp_path):
    """A client would learn what a question costs by paying for it."""
    endpoint = Endpoint(**THREE)
    with served(endpoint, tmp_path) as url:
        rows = ask(url, chat("auto"), "estimate").json()["data"]
        one = ask(url, chat("solo"), "estimate").json()["data"]
    assert not endpoint.bodies
    assert [row["model"] for row in rows] == ["solo", "panel", "vote"]
    assert [row["model"] for row in one] == ["solo"]
    for row in rows:
        assert 0 < row["low_usd"] <= row["expected_usd"] <= row["high_usd"] <= row["at_most_usd"]
    assert rows[1]["expected_usd"] > rows[0]["expected_usd"]
    assert rows[1]["calls_high"] >= 4


def test_recorded_requests_are_tasks_that_run_and_grade_load(tmp_path):
    """Tomorrow's bench would not be today's traffic."""
    file = tmp_path / "kept.jsonl"
    with served(Endpoint(**THREE), tmp_path, record=file, tools_to="a") as url:
        ask(url, chat("solo", "One?", metadata={"domain": "Law"}))
        ask(url, chat("panel", "One?"))
        ask(url, chat("solo", "Two?"))
        ask(url, chat("solo", "Three?", tools=[WEATHER]))
    tasks = load_tasks(file).tasks
    assert [(t.question.prompt, t.domain) for t in tasks] == [("One?", "Law"), ("Two?", "")]
    answers = [json.loads(line) for line in (tmp_path / "kept.answers.jsonl").open()]
    assert [(one["recipe"], one["answer"]) for one in answers] == [
        ("solo", TEXT),
        ("panel", TEXT),
        ("solo", TEXT),
    ]
    assert {one["task"] for one in answers} == {task.id for task in tasks}


def test_recorded_traffic_is_run_and_graded_once_it_has_criteria(tmp_path):
    """What was kept would be of no use to anybody."""
    file = tmp_path / "kept.jsonl"
    with served(Endpoint(**THREE), tmp_path, record=file) as url:
        for text in ("One?", "Two?"):
            ask(url, chat("solo", text))
    bench = tmp_path / "sim.yaml"
    bench.write_text(
        "endpoints: {sim: {simulator: default}}\n"
        "models: {heron: {endpoint: sim, id: wader/heron}, owl: {endpoint: sim, id: strix/owl}}\n"
        "recipes: {again: {strategy: solo, member: heron}}\ngrader: {model: owl}\n"
    )
    run = fe.run(file, bench, output_dir=tmp_path / "results")
    assert len(fe.trials(run)) == 2
    criteria = [{"id": "told", "weight": 1, "requirement": "Tells a story"}]
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    with_criteria = tmp_path / "criteria.jsonl"
    with_criteria.write_text(
        "".join(
            json.dumps({"id": row["id"], "prompt": row["prompt"], "criteria": criteria}) + "\n"
            for row in rows
        )
    )
    graded = fe.grade(
        tmp_path / "kept.answers.jsonl",
        bench=bench,
        tasks=with_criteria,
        output_dir=tmp_path / "results",
    )
    assert fe.trials(graded)["score"].notna().all()


def test_nothing_is_written_unless_it_was_asked_for(tmp_path):
    """What people ask is private."""
    before = {"bench.yaml"}
    with served(Endpoint(**THREE), tmp_path) as url:
        ask(url, chat("panel"))
    assert {path.name for path in tmp_path.iterdir()} == before


def test_metrics_count_requests_calls_tokens_and_dollars(tmp_path):
    """Nobody would see a server spend until the bill comes."""
    with served(Endpoint(**THREE), tmp_path) as url:
        ask(url, chat("panel"))
        ask(url, chat("nobody"))
        text = httpx2.get(f"{url.removesuffix('/v1')}/metrics").text
    assert 'fusion_requests_total{recipe="panel",status="200"} 1.0' in text
    assert 'fusion_requests_total{recipe="",status="404"} 1.0' in text
    assert 'fusion_calls_total{model="a",recipe="panel",source="sent"} 1.0' in text
    assert 'fusion_tokens_total{direction="in",recipe="panel"} 40.0' in text
    line = next(one for one in text.splitlines() if one.startswith("fusion_cost_usd_total"))
    assert float(line.split()[-1]) == pytest.approx(4 * USD)
    assert "fusion_spent_usd_today" in text
    assert "story" not in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tools_to": "nobody"}, "no model 'nobody'"),
        ({"host": "0.0.0.0"}, "no keys"),
        ({"keys": ("short",)}, "fewer than 16"),
    ],
    ids=["tools", "host", "key"],
)
def test_a_server_that_could_not_be_used_does_not_begin(tmp_path, settings, words):
    """It would be found out by the first client, or by the first stranger."""
    with pytest.raises(InputError, match=words), served(Endpoint(**THREE), tmp_path, **settings):
        pass
