"""The official client, unmodified, against `serve` on the simulator: a small task set."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from serve_kit import running

from fusion_eval.bench.configure import configure
from fusion_eval.loading.tasks import load_tasks
from fusion_eval.serving.app import build
from fusion_eval.serving.settings import Settings

TASKS = load_tasks(Path(__file__).parents[2] / "tasks" / "mini.yaml")
PROMPTS = [task.question.prompt for task in TASKS.tasks[:3]]
RECIPE = "panel-budget"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(build(configure("demo", None, TASKS), Settings(tools_to="heron"), TASKS)) as mine:
        yield f"{mine}/v1"


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=url, api_key="any", max_retries=0) as mine:
        yield mine


def user(prompt: str) -> Any:
    return [{"role": "user", "content": prompt}]


def test_the_synchronous_client_gets_answers_usage_and_the_bill(client):
    """The first thing that anybody tries."""
    for prompt in PROMPTS:
        answer = client.chat.completions.create(model=RECIPE, messages=user(prompt))
        assert answer.model == RECIPE
        assert answer.choices[0].message.content
        assert answer.usage.total_tokens > 0
        fusion = answer.model_extra["fusion"]
        assert fusion["cost_usd"] == pytest.approx(answer.usage.model_extra["cost"])
        assert fusion["simulated"] is True
        assert answer.model_extra["simulated"]["latency_s"] > 0


def test_the_headers_of_a_raw_response_say_simulated_and_what_it_cost(client):
    """A gateway that reads headers would take simulated answers for real ones."""
    raw = client.chat.completions.with_raw_response.create(model=RECIPE, messages=user("Hello?"))
    assert raw.headers["x-fusion-simulated"] == "true"
    assert float(raw.headers["x-litellm-response-cost"]) > 0


def test_the_asynchronous_client_gets_ten_answers_at_once(url):
    """One slow answer would hold up the others."""

    async def work() -> list[Any]:
        async with openai.AsyncOpenAI(base_url=url, api_key="any", max_retries=0) as client:
            ask = client.chat.completions.create
            jobs = (ask(model="vote-heron", messages=user(PROMPTS[i % 3])) for i in range(10))
            return await asyncio.gather(*jobs)

    answers = asyncio.run(work())
    assert len({answer.id for answer in answers}) == 10
    assert all(answer.choices[0].message.content for answer in answers)


@pytest.mark.parametrize("recipe", [RECIPE, "vote-heron", "solo-heron"])
def test_a_stream_is_the_answer_in_pieces_with_usage_at_its_end(client, recipe):
    """Two clients of one recipe would see two recipes."""
    asked: Any = {"model": recipe, "messages": user(PROMPTS[0]), "seed": 5}
    whole = client.chat.completions.create(**asked)
    with client.chat.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert chunks[-1].model_extra["fusion"]["roles"] == whole.model_extra["fusion"]["roles"]


def test_the_clients_stream_helper_accumulates_the_same_completion(client):
    """The helper is strict about the order of chunks."""
    with client.chat.completions.stream(model=RECIPE, messages=user(PROMPTS[1])) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.content
    assert final.choices[0].finish_reason in ("stop", "length")


def test_responses_come_whole_and_streamed(client):
    """Clients of the newer API would find no server."""
    whole = client.responses.create(model=RECIPE, input=PROMPTS[0], instructions="Be brief.")
    assert whole.output_text
    assert whole.model == RECIPE
    assert whole.usage.total_tokens > 0
    with client.responses.stream(model=RECIPE, input=user(PROMPTS[0])) as stream:
        text = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text == final.output_text
    assert final.status == "completed"
    assert final.model_extra["fusion"]["recipe"] == RECIPE


def test_the_client_raises_its_own_errors(client, url):
    """A refusal in another shape is an unknown error to every client."""
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nobody", messages=user("x"))
    with pytest.raises(openai.BadRequestError, match="n = 1"):
        client.chat.completions.create(model=RECIPE, messages=user("x"), n=2)
    with pytest.raises(openai.BadRequestError, match="previous_response_id"):
        client.responses.create(model=RECIPE, input="x", previous_response_id="resp_1")
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")


def test_models_are_listed_and_told_one_by_one(client):
    """Clients look their model up before they send anything."""
    names = [model.id for model in client.models.list()]
    assert names[:2] == ["solo-sparrow", "solo-heron"]
    assert client.models.retrieve(RECIPE).model_extra["max_completion_tokens"] == 4096


def test_a_tool_is_called_through_the_declared_model(client):
    """An agent would find a model that never uses its tools."""
    tool: Any = {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    answer = client.chat.completions.create(
        model=RECIPE, messages=user("Weather?"), tools=[tool], tool_choice="required"
    )
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "weather"
    with client.chat.completions.create(
        model=RECIPE, messages=user("Weather?"), tools=[tool], tool_choice="required", stream=True
    ) as stream:
        calls = [c for chunk in stream for c in chunk.choices[0].delta.tool_calls or ()]
    assert [one.function.arguments for one in calls] == [call.function.arguments]
    called = client.responses.create(
        model=RECIPE,
        input="Weather?",
        tool_choice="required",
        tools=[{"type": "function", "strict": None, **tool["function"]}],
    )
    assert [item.type for item in called.output] == ["function_call"]
