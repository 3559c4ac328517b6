"""What a call costs: in the order of truth, unknown where nobody knows, and never too little."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from engine_kit import CHEAP, OBJECT, call, model
from hypothesis import given
from hypothesis import strategies as st

from fusion_eval.bench.configure import configure
from fusion_eval.bench.refuse import models_used
from fusion_eval.core import Attempt, Price, Usage
from fusion_eval.engine.prices import (
    listed,
    paid,
    paid_for,
    possibly,
    price_of,
    stand_alone,
    worst_case,
)

OPENROUTER = "https://openrouter.ai/api/v1"
MILLION = Usage(input=1_000_000, output=1_000_000)


def test_what_the_provider_says_stands_above_the_bench_file_and_that_above_the_list():
    """A bill estimated from a list, when the provider has said what it charged, is an invention."""
    known = model(OPENROUTER, id="moonshotai/kimi-k2.6")
    priced = replace(known, price=CHEAP)

    assert paid(priced, MILLION, 0.5).usd == 0.5
    assert paid(priced, MILLION, 0.5).source == "provider"
    assert (paid(priced, MILLION, None).usd, paid(priced, MILLION, None).source) == (
        3.0,
        "bench file",
    )
    listed = paid(known, MILLION, None)
    assert listed.usd == pytest.approx(0.95 + 4.0)
    assert listed.source.startswith("genai-prices ")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (OPENROUTER, "no-such/model"),
        (OPENROUTER, "google/gemini-3-flash"),
        ("http://127.0.0.1:8000/v1", "moonshotai/kimi-k2.6"),
        ("https://gateway.example/v1", "gpt-4o"),
    ],
)
def test_a_price_that_nobody_knows_is_unknown_and_not_zero(url: str, name: str):
    """A model whose price is 0 by mistake wins every comparison of cost."""
    unknown = model(url, id=name)

    assert price_of(unknown) is None
    assert paid(unknown, MILLION, None).usd is None
    assert stand_alone(unknown, MILLION, None).usd is None
    assert worst_case(call(url, id=name)) is None


def test_a_reply_without_usage_has_an_unknown_price_even_where_the_rate_is_known():
    """Zero tokens times a rate is zero dollars: a server without usage would look free."""
    assert paid(model(price=CHEAP), None, None).usd is None


def test_a_price_of_the_simulator_is_never_taken_from_the_list():
    """Simulated models may be named like real ones, and have prices of their own world."""
    assert price_of(model(OPENROUTER, id="moonshotai/kimi-k2.6", simulator="default")) is None


@pytest.mark.parametrize(
    ("fields", "usd"),
    [
        ({}, None),
        ({"price": CHEAP}, 3.0),
        ({"price": Price(input=0, output=0)}, 0.0),
        ({"id": "maker/m:free"}, 0.0),
    ],
)
def test_a_reported_zero_is_believed_only_of_a_free_model(
    fields: dict[str, Any], usd: float | None
):
    """Providers report 0 for bills that they have not made yet."""
    assert paid(model(OPENROUTER, **fields), MILLION, 0.0).usd == usd


@pytest.mark.parametrize("reported", [None, 4.0])
def test_a_cache_that_another_recipe_warmed_makes_no_recipe_cheaper(reported: float | None):
    """Which recipe asks first is luck; the second would be drawn too far left on the plot."""
    priced = model(price=Price(input=10.0, output=0.0, cache_read=1.0))
    warm = Usage(input=500_000, cache_read=500_000)
    bill = 5.5 if reported is None else reported

    assert paid(priced, warm, reported).usd == pytest.approx(bill)
    assert stand_alone(priced, warm, reported).usd == pytest.approx(bill + 4.5)


def test_cached_input_without_a_rate_of_its_own_is_charged_as_fresh():
    """Charged at nothing, a warm cache would halve the price of long prompts."""
    assert paid(model(price=CHEAP), Usage(cache_read=10**6, cache_write=10**6), None).usd == 2.0


rates = st.floats(min_value=0, max_value=100)
maybe = st.none() | rates


@given(
    text=st.text(max_size=60),
    share=st.floats(min_value=0, max_value=1),
    split=st.floats(min_value=0, max_value=1),
    out=st.floats(min_value=0, max_value=1),
    price=st.builds(Price, input=rates, output=rates, cache_read=maybe, cache_write=maybe),
    cap=st.integers(min_value=1, max_value=9999),
)
def test_no_usage_that_is_possible_costs_more_than_the_worst_case(
    text: str, share: float, split: float, out: float, price: Price, cap: int
):
    """The budget reserves the worst case; if a call can cost more, the budget is no limit."""
    one = call(prompt=text, output=OBJECT, price=price, params={"max_tokens": cap})
    tokens = len(text.encode())
    read = int(tokens * share)
    written = int((tokens - read) * split)
    visible = int(cap * out)
    usage = Usage(
        input=tokens - read - written,
        cache_read=read,
        cache_write=written,
        output=visible,
        reasoning=cap - visible,
    )
    bill = paid(one.model, usage, None).usd
    worst = worst_case(one)

    assert bill is not None
    assert worst is not None
    assert bill <= worst * (1 + 1e-9)


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"params": {"max_tokens": 100}}, 100),
        ({"params": {"max_completion_tokens": 200}}, 200),
        ({"params": {"max_tokens": 100, "max_completion_tokens": 200}}, 200),
        ({"params": {"max_tokens": 100}, "extra_body": {"max_tokens": 5000}}, 5000),
        ({"params": {"max_tokens": 100}, "extra_body": {"n": 4}}, 400),
        ({}, 32_768),
    ],
)
def test_the_worst_case_counts_every_token_that_may_be_asked_for(
    fields: dict[str, Any], tokens: int
):
    """An extra body field that allows more output would let a run spend past its budget."""
    one = call(price=Price(input=0, output=1.0), **fields)

    assert worst_case(one) == pytest.approx(tokens / 1e6)


def test_tools_and_schemas_count_as_input():
    """They are sent with every call, and some are longer than the question."""
    plain, rich = (
        worst_case(call(price=Price(input=1.0, output=0), **more))
        for more in ({}, {"output": OBJECT, "tools": ({"name": "x" * 1000},)})
    )
    assert plain is not None
    assert rich is not None
    assert rich - plain > 1000 / 1e6


def test_only_failed_attempts_of_unknown_bill_are_possibly_paid():
    """A refused request that counts as paid, or a time-out that counts as free, is a wrong bill."""
    good = Attempt(number=3, usage=MILLION)
    refused = Attempt(number=1, failure="rate_limited", billed=False)
    silent = Attempt(number=2, failure="timeout", billed=None, cost_worst=0.5)
    unknown = Attempt(number=2, failure="timeout", billed=None)

    assert possibly([refused, silent, silent, good]) == 1.0
    assert possibly([good, refused]) == 0.0
    assert possibly([silent, unknown]) is None


def test_a_paid_reply_is_priced_for_the_model_that_was_asked():
    """The budget settles with this figure."""
    from fusion_eval.core import Reply

    reply = Reply(text="", usage=MILLION)
    assert paid_for(call(price=CHEAP), reply) == 3.0
    assert paid_for(call(), reply) is None


def test_the_price_of_the_quality_panel_is_that_of_the_list_wherever_its_window_lets_it_be():
    """The list has the model under another endpoint only, twice as expensive for long questions."""
    (gemini,) = [one for one in models_used(configure("quality")) if one.name == "gemini"]
    google = listed("gemini-3-pro-preview", "https://generativelanguage.googleapis.com")
    assert google is not None
    usual = min(google.rates, key=lambda rate: rate.above or 0)
    tiers = [rate.above for rate in google.rates if rate.above]

    assert gemini.price == Price(input=usual.input, output=usual.output, source="bench file")
    assert gemini.context_window is not None
    assert gemini.context_window <= min(tiers)
