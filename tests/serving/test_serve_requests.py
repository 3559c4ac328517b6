"""What a request of either API is read as: by properties, because clients send anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_eval.core import canonical
from fusion_eval.openai_api import BadRequestError
from fusion_eval.openai_api.responses import chat_body
from fusion_eval.serving.asked import asked_of, load

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "text", "url", "image_url", "function"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
_PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "refusal", "input_text", "input_image"])},
    optional={"text": st.text(max_size=5), "image_url": _JSON},
)
_MESSAGE = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "robot"]),
        "content": st.text(max_size=8) | st.lists(_PART, max_size=2) | _JSON,
    },
    optional={"tool_calls": _JSON, "type": st.sampled_from(["message", "reasoning", "x"])},
)
_NAMES = [
    "stream",
    "seed",
    "stop",
    "tools",
    "tool_choice",
    "n",
    "metadata",
    "response_format",
    "stream_options",
    "logprobs",
    "temperature",
    "modalities",
    "instructions",
    "text",
    "reasoning",
    "max_output_tokens",
]
_FIELDS = st.fixed_dictionaries(
    {"model": st.just("m") | _JSON}, optional=dict.fromkeys(_NAMES, _JSON)
)


def read(reader: Any, value: Any) -> Any:
    """What a reader makes of a value; its refusal as a value."""
    try:
        return reader(value)
    except BadRequestError as refused:
        return refused


@given(fields=_FIELDS, messages=st.lists(_MESSAGE, max_size=3) | _JSON)
def test_any_body_of_a_chat_completion_is_a_question_or_a_refusal_with_words(fields, messages):
    """A request that raises anything else is a 500, and a bug of ours in somebody's log."""
    asked = read(asked_of, {**fields, "messages": messages})
    if isinstance(asked, BadRequestError):
        assert asked.message
        assert asked.status == 400
        return
    assert isinstance(asked.model, str)
    assert asked.needs or asked.question.prompt.strip()
    canonical(asked.question.model_dump()).encode("utf-8", "surrogatepass")


@given(fields=_FIELDS, items=st.lists(_MESSAGE, max_size=3) | _JSON)
def test_any_body_of_a_response_is_a_chat_completion_or_a_refusal_with_words(fields, items):
    """As above, through the other door."""
    chat = read(chat_body, {**fields, "input": items})
    if isinstance(chat, BadRequestError):
        assert chat.message
        return
    assert chat["messages"]
    assert all(message["role"] for message in chat["messages"])


@given(raw=st.binary(max_size=40) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_object_or_a_refusal(raw):
    """Half of a character would stop a hash later, far from the request that brought it."""
    body = read(load, raw)
    if isinstance(body, BadRequestError):
        assert body.message
        return
    json.dumps(body, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"functions": [{}]}, "functions"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"stream": "yes"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"seed": 1.5}, "seed"),
        ({"seed": 2**70}, "seed"),
        ({"stop": ["x"] * 17}, "stop"),
        ({"stop": [1]}, "stop"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "messages[0].content[0]",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}
                        ],
                    }
                ]
            },
            "messages[0].content[0]",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "body",
)
def test_what_is_not_supported_is_refused_by_its_name(more: dict[str, Any], param):
    """A field that is dropped in silence changes an answer, and its user looks elsewhere."""
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], **more}
    with pytest.raises(BadRequestError) as refused:
        asked_of(body)
    assert refused.value.param == param
