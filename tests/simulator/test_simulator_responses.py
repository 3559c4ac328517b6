"""`simulate` speaks the Responses API and answers for one model: by the official client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import openai
import pytest
from simulator_kit import number_task, rubric_task

from fusion_eval.simulator import app, load_world, transport

TASKS = [rubric_task(0), number_task(50, 3)]
HERON = "wader/heron"
PROMPT = TASKS[0].question.prompt
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}


def _ask(work: Callable[[Any], Awaitable[Any]]) -> Any:
    async def talk() -> Any:
        http = httpx2.AsyncClient(transport=transport(app(load_world("default"), TASKS)))
        url = "http://sim/v1"
        async with openai.AsyncOpenAI(base_url=url, api_key="-", http_client=http) as client:
            return await work(client)

    return asyncio.run(talk())


def test_both_apis_give_the_same_text_tokens_and_bill():
    """A recipe would be worth more over one of the two ways of asking the same model."""

    async def work(client: Any) -> Any:
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": PROMPT}]
        chat = await client.chat.completions.create(model=HERON, messages=messages, max_tokens=90)
        given = {"instructions": "Be brief.", "input": PROMPT, "max_output_tokens": 90}
        return chat, await client.responses.create(model=HERON, **given)

    chat, response = _ask(work)
    assert response.output_text == chat.choices[0].message.content
    assert response.usage.input_tokens == chat.usage.prompt_tokens
    assert response.usage.output_tokens == chat.usage.completion_tokens
    assert response.usage.model_extra["cost"] == chat.usage.model_extra["cost"]
    assert response.model_extra["simulated"] == chat.model_extra["simulated"]
    assert chat.choices[0].finish_reason == "length"
    assert (response.status, response.incomplete_details.reason) == (
        "incomplete",
        "max_output_tokens",
    )


def test_a_streamed_response_is_the_response_in_pieces():
    """Who streams would otherwise read another answer than who waits."""

    async def work(client: Any) -> Any:
        whole = await client.responses.create(model=HERON, input=PROMPT)
        async with client.responses.stream(model=HERON, input=PROMPT) as stream:
            events = [event async for event in stream]
            return whole, events, await stream.get_final_response()

    whole, events, final = _ask(work)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == whole.output_text == final.output_text
    assert len(deltas) > 1
    numbers = [event.sequence_number for event in events if hasattr(event, "sequence_number")]
    assert numbers == sorted(set(numbers))
    assert final.usage == whole.usage
    assert final.status == "completed"


def test_a_conversation_of_items_is_read_as_one_of_messages():
    """Half of a conversation would be answered, and nobody would see which half."""
    items = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Yes?"}],
        },
        {"role": "user", "content": PROMPT},
    ]
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": PROMPT},
    ]

    async def work(client: Any) -> Any:
        chat = await client.chat.completions.create(model=HERON, messages=messages)
        return chat, await client.responses.create(model=HERON, input=items)

    chat, response = _ask(work)
    assert response.output_text == chat.choices[0].message.content


def test_a_tool_is_called_where_the_request_demands_it_and_only_there():
    """A client of tools could not be tried without a key."""
    tool = {"type": "function", "name": "weather", "parameters": WEATHER}

    async def work(client: Any) -> Any:
        free = await client.responses.create(model=HERON, input=PROMPT, tools=[tool])
        held = await client.responses.create(
            model=HERON, input=PROMPT, tools=[tool], tool_choice="required"
        )
        inner = {k: v for k, v in tool.items() if k != "type"}
        stream = await client.chat.completions.create(
            model=HERON,
            messages=[{"role": "user", "content": PROMPT}],
            tools=[{"type": "function", "function": inner}],
            tool_choice={"type": "function", "function": {"name": "weather"}},
            stream=True,
        )
        return free, held, [chunk async for chunk in stream]

    free, held, chunks = _ask(work)
    assert [item.type for item in free.output] == ["message"]
    assert [item.type for item in held.output] == ["function_call"]
    assert json.loads(held.output[0].arguments).keys() == {"city", "days"}
    calls = [c for chunk in chunks for c in chunk.choices[0].delta.tool_calls or ()]
    assert json.loads(calls[0].function.arguments).keys() == {"city", "days"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": [1]}, "input[0]"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "web_search_call"}]}, "input[0]"),
        ({"input": [{"type": ["reasoning"]}]}, "input[0]"),
        ({"input": [{"type": "reasoning"}]}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call", "name": "x"}]}, "input[0]"),
        ({"input": "x", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "x", "background": True}, "background"),
        ({"input": "x", "tools": [{"type": "web_search"}]}, "tools"),
        ({"input": "x", "text": {"format": {"type": "xml"}}}, "text.format"),
        ({"input": "x", "reasoning": 1}, "reasoning"),
        ({"input": "x", "instructions": 1}, "instructions"),
    ],
    ids=lambda value: value if isinstance(value, str) else "given",
)
def test_what_a_response_cannot_be_made_of_is_refused_by_name(given, param):
    """A setting that is dropped in silence changes an answer, and its user looks elsewhere."""

    async def work(client: Any) -> Any:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.post("/responses", body={"model": HERON, **given}, cast_to=object)
        return refused.value

    assert _ask(work).body["param"] == param


def test_one_model_can_be_asked_about_and_an_unknown_one_is_a_404():
    """Clients look their model up before they send anything."""

    async def work(client: Any) -> Any:
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("aviary/dodo")
        return await client.models.retrieve(HERON)

    assert _ask(work).id == HERON
