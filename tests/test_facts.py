"""What a run keeps of its calls is small, and nothing that the tables need is lost on the way."""

from __future__ import annotations

from dataclasses import replace

from engine_kit import model
from hypothesis import given
from hypothesis import strategies as st

from fusion_eval.bench.facts import Facts
from fusion_eval.bench.tables import Fact
from fusion_eval.core import Attempt, Reply, Usage

MODEL = model()
COUNTS = st.integers(0, 10**9)
DOLLARS = st.none() | st.floats(0, 100)
USAGES = st.none() | st.builds(
    Usage, input=COUNTS, cache_read=COUNTS, cache_write=COUNTS, output=COUNTS, reasoning=COUNTS
)
ATTEMPTS = st.builds(
    Attempt,
    number=st.integers(1, 5),
    failure=st.none() | st.just("timeout"),
    latency_s=st.floats(0, 100),
    usage=USAGES,
    cost_reported=DOLLARS,
    cost_worst=DOLLARS,
)
REPLIES = st.builds(
    Reply,
    text=st.text(),
    finish=st.sampled_from(["stop", "length"]),
    usage=USAGES,
    latency_s=st.floats(0, 100),
    model_served=st.none() | st.just("m"),
    cost_reported=DOLLARS,
    simulated=st.booleans(),
    attempts=st.lists(ATTEMPTS, max_size=3).map(tuple),
    extra=st.just({"id": "c"}),
)


@given(reply=REPLIES, mine=st.booleans())
def test_a_fact_comes_back_as_it_went_in_but_for_its_text(reply: Reply, mine: bool):
    """A field that is lost here is a column that is wrong in every table, silently."""
    facts = Facts()
    facts["k"] = Fact(model=MODEL, reply=reply, mine=mine)
    kept = replace(reply, text="", extra={}, key=None)
    assert facts["k"] == Fact(model=MODEL, reply=kept, mine=mine)


@given(reply=REPLIES)
def test_the_only_attempt_of_a_reply_is_made_again(reply: Reply):
    """Nearly all replies have one attempt that says what the reply says; it is not kept twice."""
    only = Attempt(
        number=1, latency_s=reply.latency_s, usage=reply.usage, cost_reported=reply.cost_reported
    )
    facts = Facts()
    facts["k"] = Fact(model=MODEL, reply=replace(reply, attempts=(only,)))
    kept = facts["k"].reply
    assert kept is not None
    assert kept.attempts == (only,)


def test_a_call_that_failed_keeps_its_word():
    """The reason of a hole in the table is all that is known about it."""
    facts = Facts()
    facts["k"] = Fact(model=MODEL, failure="timeout")
    assert facts["k"].failure == "timeout"
    del facts["k"]
    assert len(facts) == 0
