"""From what a provider says of tokens and costs to dollars: every figure here is worked by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import genai_prices
import pytest
from engine_kit import (
    CHEAP,
    MINI,
    bench_file,
    call,
    completion,
    model,
    rows,
    served,
    simulator,
)
from genai_prices import Usage as Tokens
from genai_prices.data import providers
from hypothesis import assume, given
from hypothesis import strategies as st

import fusion_eval as fe
from fusion_eval.core import Model, Price, Rate, Usage
from fusion_eval.engine import prices
from fusion_eval.engine.replies.costs import cost_of
from fusion_eval.engine.replies.usage import bill as read_bill
from fusion_eval.engine.replies.usage import buckets, reported_cost

OPENROUTER = "https://openrouter.ai/api/v1"
FOUR = Price(input=2.0, output=10.0, cache_read=0.5, cache_write=2.5)  # US$ per million
M = model(OPENROUTER, price=FOUR)
BARE = model(OPENROUTER, id="no-such/model")
FREE = model(OPENROUTER, id="maker/m:free")
MILLION = {"prompt_tokens": 10**6, "completion_tokens": 10**6}


def chat(prompt: int, completion: int, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, **more}


def of(url: str, name: str) -> Model:
    return model(url, id=name)


def details(**tokens: int) -> dict[str, Any]:
    return {"prompt_tokens_details": tokens}


def thought(tokens: int) -> dict[str, Any]:
    return {"completion_tokens_details": {"reasoning_tokens": tokens}}


GPT = of(OPENROUTER, "openai/gpt-5.5")  # 5 / 30, above 272,000 input tokens 10 / 45
GEMINI = of("https://generativelanguage.googleapis.com/v1beta/openai/", "gemini-2.5-pro")
DEEPSEEK = of("https://api.deepseek.com/v1", "deepseek-chat")  # 0.27 / 1.1, at night half
DATED = of(OPENROUTER, "deepseek/deepseek-v4-pro")
SONAR = of("https://api.perplexity.ai", "sonar")  # 1 / 1 and 12 for a thousand requests
OPUS = of(OPENROUTER, "anthropic/claude-opus-4.8")

CASES: list[tuple[str, Model, Any, float | None, str]] = [
    # 1,000 x 2 + 500 x 10 = 7,000 millionths
    ("OpenAI, plain", M, chat(1000, 500, total_tokens=1500), 0.007, "bench"),
    # 400 x 2 + 600 x 0.5 + 500 x 10
    ("OpenAI, cached", M, chat(1000, 500, **details(cached_tokens=600)), 0.0061, "bench"),
    ("OpenAI, reasoning inside", M, chat(1000, 500, **thought(400)), 0.007, "bench"),
    ("OpenAI, all reasoning", M, chat(1000, 500, **thought(500)), 0.007, "bench"),
    ("OpenAI, no rate for cached", model(price=CHEAP),
     chat(1000, 500, **details(cached_tokens=600)), 0.002, "bench"),
    # more cached than sent: they stand beside it. 1,000 x 2 + 5,000 x 0.5 + 500 x 10
    ("more cached than sent", M, chat(1000, 500, **details(cached_tokens=5000)), 0.0095, "bench"),
    # 12 x 2 + 20,000 x 0.5 + 100 x 10: the total counts what stands beside the prompt
    ("Portkey", M, chat(12, 100, total_tokens=20_112, cache_read_input_tokens=20_000,
                        cache_creation_input_tokens=0), 0.011024, "bench"),
    # 5,000 x 2 + 600 x 0.5 + 100 x 2.5 + 100 x 10
    ("Portkey, less cached than sent", M,
     chat(5000, 100, total_tokens=5800, cache_read_input_tokens=600,
          cache_creation_input_tokens=100), 0.01155, "bench"),
    # 12 x 2 + 20,000 x 0.5 + 500 x 2.5 + 100 x 10
    ("Anthropic's numbers, a total without them", M,
     chat(12, 100, total_tokens=112, cache_read_input_tokens=20_000,
          cache_creation_input_tokens=500), 0.012274, "bench"),
    # 6 x 2 + 30,940 x 0.5 + 460 x 2.5 + 102 x 10
    ("LiteLLM, read inside and written beside", M,
     chat(30_946, 102, total_tokens=31_048, cache_read_input_tokens=30_940,
          cache_creation_input_tokens=460), 0.017652, "bench"),
    # 12 x 2 + 20,000 x 0.5 + (100 + 38) x 10: what no input explains is output
    ("Portkey with thoughts", M, chat(12, 100, total_tokens=20_150, cache_read_input_tokens=20_000),
     0.011404, "bench"),
    # 5,000 less 4,000 x 2 + 4,000 x 0.5 + (50 + 400) x 10
    ("Gemini, cached and thinking", M,
     chat(5000, 50, total_tokens=5450, **details(cached_tokens=4000)), 0.0085, "bench"),
    # 400 x 2 + 100 x 2.5 + 300 x 4 + 50 x 10
    ("cache written for an hour", M,
     {"input_tokens": 400, "output_tokens": 50, "cache_creation_input_tokens": 400,
      "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 300}},
     0.00275, "bench"),
    ("a total that nothing explains", M, chat(12, 100, total_tokens=150,
                                              cache_read_input_tokens=20_000), None, "unknown"),
    ("a total of less than its parts", M, chat(100, 50, total_tokens=90), None, "unknown"),
    ("tokens as floats", M, {"prompt_tokens": 1000.0, "completion_tokens": 500.0}, 0.007, "bench"),
    ("tokens as texts", M, {"prompt_tokens": "1000", "completion_tokens": "500"}, 0.007, "bench"),
    ("zeros", M, chat(0, 0, total_tokens=0), None, "unknown"),
    ("zeros beside a price of nothing", M, chat(0, 0, cost=0), None, "unknown"),
    ("no input", M, chat(0, 500), None, "unknown"),
    ("NaN tokens", M, chat(1000, float("nan")), None, "unknown"),
    ("infinite tokens", M, chat(1000, float("inf")), None, "unknown"),
    ("half a token", M, chat(1000, 0.5), None, "unknown"),
    ("tokens that are true", M, chat(1000, True), None, "unknown"),
    ("2^53 tokens", M, chat(2**53, 5), None, "unknown"),
    ("10^400 tokens", M, chat(1000, 10**400), None, "unknown"),
    ("absurd reasoning", M, chat(1000, 500, **thought(2**63)), None, "unknown"),
    ("absurd total", M, chat(1000, 500, total_tokens=1e30), None, "unknown"),
    ("negative cache", M, chat(1000, 500, **details(cached_tokens=-3)), None, "unknown"),
    ("a bill of a million and more", M, chat(2**52, 2**52), None, "unknown"),
    ("cost as text", BARE, chat(1000, 500, cost="0.01"), 0.01, "provider"),
    ("cost with its sign", BARE, chat(1000, 500, cost="$0.01"), 0.01, "provider"),
    ("total cost", BARE, chat(1000, 500, total_cost=0.02), 0.02, "provider"),
    ("DeepInfra", BARE, chat(1000, 500, estimated_cost=0.03), 0.03, "provider"),
    ("xAI, ticks", BARE, chat(1000, 500, cost_in_usd_ticks=37_756_000), 0.0037756, "provider"),
    ("OpenRouter, own key, cost null", BARE,
     chat(1000, 500, cost=None, is_byok=True, cost_details={"upstream_inference_cost": 0.002}),
     0.002, "provider"),
    ("cost without tokens", BARE, {"cost": 0.004}, 0.004, "provider"),
    ("cost beside zeros", BARE, chat(0, 0, cost=0.004), 0.004, "provider"),
    ("a cost of 10^400", M, chat(1000, 500, cost=10**400), 0.007, "bench"),
    ("a cost of 1e308", BARE, chat(1000, 500, cost=1e308), None, "unknown"),
    ("a cost that is true", BARE, chat(1000, 500, cost=True), None, "unknown"),
    ("a cost of NaN", BARE, chat(1000, 500, cost="nan"), None, "unknown"),
    # 500 x 2 + 200 x 0.5 + 300 x 2.5 + 100 x 10
    ("OpenRouter, cache written", M,
     chat(1000, 100, **details(cached_tokens=200, cache_write_tokens=300)), 0.00285, "bench"),
    ("OpenRouter, cost", M, chat(1000, 500, cost=0.00123), 0.00123, "provider"),
    ("OpenRouter, cost without a price", BARE, chat(1000, 500, cost=0.00123), 0.00123, "provider"),
    ("OpenRouter, own key and a fee", M,
     chat(1000, 500, cost=0.0001, is_byok=True, cost_details={"upstream_inference_cost": 0.002}),
     0.0021, "provider"),
    ("OpenRouter, own key, no fee", M,
     chat(1000, 500, cost=0, is_byok=True, cost_details={"upstream_inference_cost": 0.002}),
     0.002, "provider"),
    ("OpenRouter, own key, not said", BARE,
     chat(1000, 500, cost=0, cost_details={"upstream_inference_cost": 0.002}), 0.002, "provider"),
    ("OpenRouter, upstream is no second bill", M,
     chat(1000, 500, cost=0.003, cost_details={"upstream_inference_cost": 0.0029}),
     0.003, "provider"),
    ("dynamic 0, price known", M, chat(1000, 500, cost=0), 0.007, "bench"),
    ("dynamic -1, price known", M, chat(1000, 500, cost=-1), 0.007, "bench"),
    ("dynamic 0, price unknown", BARE, chat(1000, 500, cost=0), None, "unknown"),
    ("dynamic -1, price unknown", BARE, chat(1000, 500, cost=-1), None, "unknown"),
    ("free by name", FREE, chat(1000, 500, cost=0), 0.0, "provider"),
    ("free by price", model(price=Price(input=0, output=0)), chat(9, 9), 0.0, "bench"),
    ("cost that is no number", M, chat(1000, 500, cost="cheap"), 0.007, "bench"),
    # 400 x 2 + 600 x 0.5 + 100 x 2.5 + 50 x 10
    ("Anthropic's own names", M,
     {"input_tokens": 400, "output_tokens": 50, "cache_read_input_tokens": 600,
      "cache_creation_input_tokens": 100}, 0.00185, "bench"),
    ("Anthropic through a gateway", M,
     chat(1100, 50, cache_read_input_tokens=600, cache_creation_input_tokens=100,
          **details(cached_tokens=600)), 0.00185, "bench"),
    ("OpenAI's newer names", M,
     {"input_tokens": 1000, "output_tokens": 500, "input_tokens_details": {"cached_tokens": 600},
      "output_tokens_details": {"reasoning_tokens": 100}}, 0.0061, "bench"),
    # 100 x 2 + (50 + 300) x 10: the total has 300 tokens that stand nowhere else
    ("Gemini, hidden thoughts", M, chat(100, 50, total_tokens=450), 0.0037, "bench"),
    # 100 x 2 + 900 x 0.5 + 200 x 10
    ("DeepSeek, cache hits", M,
     chat(1000, 200, prompt_cache_hit_tokens=900, prompt_cache_miss_tokens=100), 0.00265, "bench"),
    # 100 x 2 + (20 + 300) x 10
    ("xAI, reasoning on top", M, chat(100, 20, total_tokens=420, **thought(300)), 0.0034, "bench"),
    ("xAI, without a total", M, chat(100, 20, **thought(300)), 0.0034, "bench"),
    ("Groq, with times", M, chat(1000, 500, total_time=0.3, queue_time=0.01), 0.007, "bench"),
    ("Together, cached", M, chat(1000, 500, cached_tokens=600), 0.0061, "bench"),
    ("Moonshot, all cached", M, chat(1000, 500, cached_tokens=1000), 0.0055, "bench"),
    ("vLLM, details null", M,
     chat(1000, 500, prompt_tokens_details=None, completion_tokens_details=None), 0.007, "bench"),
    ("Ollama, bare", M, chat(1000, 500), 0.007, "bench"),
    ("no usage", M, None, None, "unknown"),
    ("empty usage", M, {}, None, "unknown"),
    ("half a usage", M, {"prompt_tokens": 10}, None, "unknown"),
    ("negative tokens", M, chat(-1, 5), None, "unknown"),
    ("tokens as words", M, {"prompt_tokens": "ten", "completion_tokens": "5"}, None, "unknown"),
    ("usage without a price", BARE, chat(1000, 500), None, "unknown"),
    # 272,000 x 5 + 1,000 x 30
    ("tier, at its edge", GPT, chat(272_000, 1000), 1.39, "genai"),
    # 272,001 x 10 + 1,000 x 45: all tokens, not only those above
    ("tier, one token more", GPT, chat(272_001, 1000), 2.76501, "genai"),
    # 100,000 x 2.5 + 100,001 x 0.25 + 1,000 x 15
    ("tier, reached with cached tokens", GEMINI,
     chat(200_001, 1000, **details(cached_tokens=100_001)), 0.29000025, "genai"),
    ("a fee for each request", SONAR, chat(1000, 1000), 0.014, "genai"),
    ("a cost as an object", SONAR, chat(10, 10, cost={"total_cost": 0.0061}), 0.0061, "provider"),
    ("no discount for a batch", OPUS, MILLION, 30.0, "genai"),
]  # fmt: skip


def bill(one: Model, usage: Any, at: float | None = None) -> prices.Cost:
    """As a reply is charged."""
    usage = usage if isinstance(usage, dict) else {}
    return prices.paid(one, buckets(usage), reported_cost(usage), at)


@pytest.mark.parametrize(
    ("one", "usage", "usd", "source"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_the_dollars_of_a_usage(one: Model, usage: Any, usd: float | None, source: str):
    """A dialect that is misread is a recipe at the wrong place on the plot."""
    cost = bill(one, usage)

    assert cost.usd == (None if usd is None else pytest.approx(usd, abs=1e-12))
    assert cost.source.startswith(source)


@pytest.mark.parametrize(
    ("one", "when", "usd"),
    [
        (DEEPSEEK, "2026-05-01T03:00", 0.27 + 1.1),
        (DEEPSEEK, "2026-05-01T18:00", 0.135 + 0.55),
        (DEEPSEEK, "2026-05-01T00:29", 0.135 + 0.55),
        (DATED, "2026-10-18T12:00", 0.435 + 0.87),
        (DATED, "2026-10-19T00:00", 0.422472 + 0.844944),
        (DATED, "2026-11-20T12:00", 1.416 + 2.832),
    ],
)
def test_a_price_that_depends_on_the_hour_is_that_of_the_request(one: Model, when: str, usd: float):
    """Priced when the report is written, the same run costs something else every evening."""
    at = datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()

    assert bill(one, MILLION, at).usd == pytest.approx(usd, abs=1e-9)


def test_the_worst_case_is_that_of_the_dearest_rate():
    """Reserved at the cheap hour or the small tier, a call could break the budget."""
    asked = call(OPENROUTER, id=GPT.id, params={"max_tokens": 1000})
    hour = call("https://api.deepseek.com/v1", id="deepseek-chat", params={"max_tokens": 10**6})

    assert (prices.worst_case(asked) or 0) >= 1000 * 45e-6
    assert (prices.worst_case(hour) or 0) >= 1.1


tokens = st.integers(0, 10**6)


@given(
    prompt=st.integers(1, 10**6),
    completion=tokens,
    a=tokens,
    b=tokens,
    c=tokens,
    dialect=st.integers(0, 5),
)
def test_no_token_is_lost_or_counted_twice(
    prompt: int, completion: int, a: int, b: int, c: int, dialect: int
):
    """Buckets that overlap are paid twice; the bill would be wrong by the cached share."""
    read = min(a, prompt)
    written = min(b, prompt - read)
    reasoning = min(c, completion)
    wide = details(cached_tokens=read, cache_write_tokens=written)
    native = {"cache_read_input_tokens": read, "cache_creation_input_tokens": written}
    fresh = prompt - read - written
    assume(dialect != 2 or reasoning not in {read, written, read + written} - {0})
    whole = {"total_tokens": prompt + completion}
    usage = [
        chat(prompt, completion, **wide, **thought(reasoning), **whole),
        chat(prompt, completion - reasoning, **wide, **thought(reasoning), **whole),
        chat(prompt, completion - reasoning, **wide, **whole),
        chat(prompt, completion, **native, **thought(reasoning)),
        {"input_tokens": fresh, "output_tokens": completion, **native},
        chat(prompt, completion, prompt_cache_hit_tokens=read, **thought(reasoning), **whole),
    ][dialect]

    found = buckets(usage)

    assert found is not None
    assert found.tokens_in == prompt
    assert found.tokens_out == completion
    assert found.cache_read == read
    assert min(found.input, found.cache_write, found.output, found.reasoning) >= 0
    if dialect != 5:
        assert (found.input, found.cache_write) == (fresh, written)
    if dialect != 4:
        assert found.reasoning == reasoning


@pytest.mark.parametrize(
    ("headers", "usd"),
    [
        ({"X-LiteLLM-Response-Cost": "0.000415"}, 0.000415),
        ({"x-fusion-cost-usd": "0.02"}, 0.02),
        ({"x-litellm-response-cost": "None"}, None),
        ({"x-litellm-response-cost": "-1"}, None),
        ({"x-litellm-response-cost": "1e309"}, None),
        ({"x-cost": "0.1"}, None),
    ],
)
def test_a_cost_in_a_header_counts_where_the_body_has_none(headers: dict[str, str], usd: Any):
    """Gateways and fusion products say only there what several upstream calls have cost."""
    body = {"usage": chat(1000, 500)}

    assert cost_of(body, headers) == usd
    assert cost_of({"usage": chat(1000, 500, cost=0.5)}, headers) == 0.5


_FIELDS = (
    "prompt_tokens completion_tokens total_tokens cost input_tokens output_tokens "
    "cache_read_input_tokens cache_creation_input_tokens"
)


@given(
    st.dictionaries(
        st.sampled_from(_FIELDS.split()),
        st.one_of(st.integers(), st.floats(), st.text(max_size=5), st.booleans(), st.none(),
                  st.integers(0, 10**5)),
    )
)  # fmt: skip
def test_any_usage_is_read_within_bounds_or_unknown(usage: dict[str, Any]):
    """A number that no table and no sum can hold ends a run, and each rerun pays again."""
    found = read_bill({"usage": usage}, {}, text=True)

    if found.usage is not None:
        assert found.usage.tokens_out > 0
        assert all(0 <= getattr(found.usage, name) < 2**53 for name in Usage.__slots__)
    assert found.cost is None or 0 <= found.cost <= 1e6


@pytest.mark.parametrize(
    ("usage", "why"),
    [
        (chat(10, 0, total_tokens=10), "0 output tokens beside a text"),
        (chat(0, 0), "0 input tokens"),
        (chat(10, -3), "'-3' as `completion_tokens`"),
        (chat(100, 50, total_tokens=90), "the total of its usage is less than its parts"),
    ],
)
def test_a_usage_that_cannot_be_says_what_is_wrong_with_it(usage: dict[str, Any], why: str):
    """`doctor --call` shows it, before a whole run has no cost and nobody knows why."""
    found = read_bill({"usage": usage}, {}, text=True)

    assert found.usage is None
    assert why in str(found.problem)
    assert read_bill({"usage": chat(10, 0)}, {}, text=False).usage == Usage(input=10)


TIERED = Price(
    input=2.0, output=10.0, tier="flex",
    exceptions=(Rate(input=4.0, output=20.0, tier="standard"),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("served", "usd"),
    [(None, 12.0), ("flex", 12.0), ("default", 24.0), ("priority", None)],
)
def test_the_service_tier_that_served_a_reply_decides_its_price(served: Any, usd: float | None):
    """Priority costs about twice the list and flex half of it."""
    flex = model(OPENROUTER, price=TIERED, extra_body={"service_tier": "flex"})
    million = Usage(input=10**6, output=10**6)

    assert prices.paid(flex, million, None, served=served).usd == usd
    assert prices.paid(flex, million, 0.5, served=served).usd == 0.5
    most = prices.worst_case(call(OPENROUTER, price=TIERED, params={"max_tokens": 10**6})) or 0.0
    assert most >= 20.0


def test_a_tier_that_the_price_list_does_not_know_makes_the_price_unknown():
    """Planned, reserved and billed at the list price, a budget is exceeded by half."""
    asked = {"extra_body": {"service_tier": "priority"}}
    listed = model("https://api.openai.com/v1", id="gpt-5.1")
    priority = model("https://api.openai.com/v1", id="gpt-5.1", **asked)

    assert prices.price_of(listed) is not None
    assert prices.price_of(priority) is None
    assert prices.worst_case(call("https://api.openai.com/v1", id="gpt-5.1", **asked)) is None
    thousand = Usage(input=1000, output=1000)
    assert prices.paid(listed, thousand, None, served="default").usd is not None
    assert prices.paid(listed, thousand, None, served="flex").usd is None


def _priced() -> list[tuple[str, str]]:
    """(URL, model) of everything in the list that we can be asked to price."""
    urls = {
        "openrouter": OPENROUTER,
        "openai": "https://api.openai.com/v1",
        "deepseek": "https://api.deepseek.com/v1",
        "google": "https://generativelanguage.googleapis.com/v1beta/openai/",
        "groq": "https://api.groq.com/openai/v1",
        "x-ai": "https://api.x.ai/v1",
        "together": "https://api.together.xyz/v1",
    }
    return [(urls[p.id], m.id) for p in providers if p.id in urls for m in p.models]


@pytest.mark.filterwarnings("ignore")
def test_what_is_frozen_of_the_list_gives_the_same_dollars_as_the_list():
    """The manifest holds our copy; a copy that differs would price every run wrongly."""
    compared = 0
    for url, name in _priced():
        price = prices.listed(name, url)
        if price is None:
            continue
        for hour in (3, 18):
            when = datetime(2026, 11, 20, hour, tzinfo=UTC)
            for usage in (Usage(input=1000, output=500), Usage(input=300_000, output=10)):
                theirs = genai_prices.calc_price(
                    Tokens(input_tokens=usage.input, output_tokens=usage.output, requests=1),
                    name, provider_api_url=url, genai_request_timestamp=when,
                )  # fmt: skip
                ours = price.rate(usage.tokens_in, when.timestamp()).dollars(usage)
                assert ours == pytest.approx(float(theirs.total_price), abs=1e-9), (url, name)
                compared += 1
    assert compared > 3000


# Prices of a run


def test_every_call_says_at_what_rate_and_when_it_was_charged(tmp_path: Path):
    """A sum that nobody can take apart is believed or not, and never checked."""
    bench = bench_file(tmp_path, {"simulator": "default"}, price={"input": 1.0, "output": 2.0})
    run = fe.run(MINI, bench, limit=1, repeats=1, output_dir=tmp_path / "results")
    began = datetime.fromisoformat(run.manifest["started"])

    for one in rows(run, "calls"):
        assert one["cost_source"] == "provider"  # the simulator reports its own
        assert one["rate_input"] is None
        asked = datetime.fromisoformat(one["price_date"])
        assert abs((asked - began).total_seconds()) < 120
    held = run.manifest["prices"]["heron"]
    assert (held["input"], held["output"], held["source"]) == (1.0, 2.0, "bench file")
    assert len(run.manifest["prices_hash"]) == 16


def test_a_run_that_goes_on_keeps_the_prices_that_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A new version of the list between two halves would price one run in two ways."""
    monkeypatch.setenv("FAKE_KEY", "sk-fake")

    async def free_of_cost(body: bytes, number: int) -> tuple[int, str] | None:
        verdict = '{"explanation": "so", "verdict": "MET"}'
        text = verdict if b"verdict" in body else f"An answer, the {number}th."
        return 200, json.dumps(completion(text))

    def listing(usd: float) -> Any:
        price = Price(input=usd, output=usd, source=f"list of {usd}")
        return lambda name, url: price

    with served(simulator(free_of_cost)) as url:
        bench = bench_file(tmp_path, {"base_url": url, "api_key_env": "FAKE_KEY"})
        monkeypatch.setattr(prices, "listed", listing(5.0))
        results = tmp_path / "results"
        half = fe.run(MINI, bench, budget_usd=0.15, output_dir=results)
        monkeypatch.setattr(prices, "listed", listing(9.0))
        done = fe.run(MINI, bench, budget_usd=9.0, output_dir=results)
        later = fe.run(MINI, bench, budget_usd=9.0, output_dir=results)

    assert half.manifest["status"] == "stopped_by_budget"
    assert (half.id, half.manifest["prices_at"]) == (done.id, done.manifest["prices_at"])
    assert half.manifest["prices_hash"] == done.manifest["prices_hash"]
    assert {c["rate_input"] for c in rows(done, "calls")} == {5.0}
    assert {c["cost_source"] for c in rows(done, "calls")} == {"list of 5.0"}
    assert {round(c["cost_usd"], 12) for c in rows(done, "calls")} == {7.5e-5}
    assert {c["rate_input"] for c in rows(later, "calls")} == {9.0}
    assert done.manifest["prices_hash"] != later.manifest["prices_hash"]
