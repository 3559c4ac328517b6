"""What endpoints send, read by one rule: a table of bodies, each with what it says."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from engine_kit import completion
from hypothesis import given
from hypothesis import strategies as st

from fusion_eval.core import Reply
from fusion_eval.engine import codec, replies
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.replies import Answered
from fusion_eval.engine.replies.waits import duration, from_headers
from fusion_eval.engine.replies.words import FINISH, finish_word

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def answered(body: Any, status: int = 200, **headers: str) -> Answered:
    """A body as an endpoint answers it."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answered(status=status, headers=headers, content=content, took_s=0.1, at=time.time())


def read(body: Any, status: int = 200, **headers: str) -> Reply:
    return replies.read(answered(body, status, **headers))


def failure(body: Any, status: int = 200, **headers: str) -> AttemptFailedError:
    """The failure that a body must be."""
    with pytest.raises(AttemptFailedError) as caught:
        read(body, status, **headers)
    return caught.value


def outcome(given: Answered) -> Reply | AttemptFailedError:
    """A reply or a failure; whatever else is raised is a crash."""
    try:
        return replies.read(given)
    except AttemptFailedError as problem:
        return problem


def choice(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "usage": USAGE, "choices": [{"index": 0, **fields}]}


def says(content: Any, finish: str = "stop", **message: Any) -> dict[str, Any]:
    return choice(message={"content": content, **message}, finish_reason=finish)


def stream(*chunks: Any, end: str = "data: [DONE]\n\n") -> bytes:
    return ("".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end).encode()


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


THINK = [{"type": "thinking", "thinking": [{"type": "text", "text": "6*7"}]}]
SAID = [
    # body, text, thoughts, finish
    (says("Here."), "Here.", "", "stop"),
    (says("Here.", reasoning_content="hm"), "Here.", "hm", "stop"),
    (says("Here.", reasoning="hm"), "Here.", "hm", "stop"),
    (says("Here.", reasoning="hm", reasoning_content="hm"), "Here.", "hm", "stop"),
    (says("Here.", thinking="hm"), "Here.", "hm", "stop"),
    (says("Here.", reasoning_details=[{"type": "reasoning.text", "text": "hm"}]),
     "Here.", "hm", "stop"),
    (says("Here.", thinking_blocks=[{"type": "thinking", "thinking": "hm"}]),
     "Here.", "hm", "stop"),
    (says("<think>hm</think>Here."), "Here.", "hm", "stop"),
    (says("<THOUGHT>hm</THOUGHT>\nHere."), "Here.", "hm", "stop"),
    (says("[THINK]hm[/THINK]Here."), "Here.", "hm", "stop"),
    (says("hm.\n</think>\n\nHere."), "Here.", "hm.", "stop"),
    (says("<think>hm, and then it was cut", finish="length"),
     "", "hm, and then it was cut", "length"),
    (says(None, reasoning_content="hm", finish="length"), "", "hm", "length"),
    (says("Use the <think> tag."), "Use the <think> tag.", "", "stop"),
    (says([*THINK, {"type": "text", "text": "Here."}]), "Here.", "6*7", "stop"),
    (says([{"type": "reasoning", "summary": [{"text": "hm"}]},
           {"type": "output_text", "text": "Here."}]), "Here.", "hm", "stop"),
    (says([{"text": "He"}, "re."]), "Here.", "", "stop"),
    (says([{"text": "hm", "thought": True}, {"text": "Here."}]), "Here.", "hm", "stop"),
    (says({"type": "text", "text": "Here."}), "Here.", "", "stop"),
    (says([{"type": "image_url"}, {"type": "text", "text": "Here."}]), "Here.", "", "stop"),
    (says(THINK), "", "6*7", "stop"),
    (says([]), "", "", "stop"),
    (says([{"type": "refusal", "refusal": "No."}]), "", "", "refusal"),
    (says(None, refusal="No."), "", "", "refusal"),
    (choice(message=None, finish_reason="content_filter"), "", "", "refusal"),
    (choice(text="Here.", finish_reason="stop"), "Here.", "", "stop"),
    (choice(delta={"content": "Here."}, finish_reason="stop"), "Here.", "", "stop"),
    (says(None, finish="tool_calls", tool_calls=[{"id": "1"}]), "", "", "tool_calls"),
    ({"choices": [{"message": {"content": ""}}, {"message": {"content": "Here."}}]},
     "Here.", "", "stop"),
    ({"choices": [None, {"message": {"content": "Here."}}]}, "Here.", "", "stop"),
    ({**says("Here."), "error": {"code": 0, "message": ""}}, "Here.", "", "stop"),
    ({**says("Here."), "error": None}, "Here.", "", "stop"),
    (stream(delta(role="assistant", content=""), delta(content="He"), delta(content="re."),
            delta("stop"), {"choices": [], "usage": USAGE}), "Here.", "", "stop"),
    (b": keep-alive\n\n" + stream(delta(reasoning_content="h"), delta(reasoning_content="m"),
                                  delta("length", content="Here.")), "Here.", "hm", "length"),
    (stream(delta(content=THINK), delta("stop", content=[{"type": "text", "text": "Here."}])),
     "Here.", "6*7", "stop"),
    (stream(delta("stop", content="a\u2028b"), end=""), "a\u2028b", "", "stop"),
    (b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n'
     b'data: {"choices":[{"delta":{"content":"\\ude00"},"finish_reason":"stop"}]}\n\n',
     "\U0001f600", "", "stop"),
    (json.dumps(says("Here.")).encode("utf-16"), "Here.", "", "stop"),
    (b"\xef\xbb\xbf  \n" + json.dumps(says("Here.")).encode(), "Here.", "", "stop"),
    (b'{"choices":[{"message":{"content":"a\xffb"}}]}', "a\ufffdb", "", "stop"),
    (b'{"choices":[{"message":{"content":"a\nb\\u0000"}}]}', "a\nb\ufffd", "", "stop"),
    (b'{"id":' + b"9" * 5000 + b',"choices":[{"message":{"content":"Here."}}]}',
     "Here.", "", "stop"),
    (b'{"id":' + b"[" * 300 + b"]" * 300 + b',"choices":[{"message":{"content":"Here."}}]}',
     "Here.", "", "stop"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "text", "thoughts", "finish"), SAID)
def test_text_thoughts_and_end_are_read_in_every_shape(
    body: Any, text: str, thoughts: str, finish: str
):
    """A shape that nobody reads is paid for four times, and graded as what it is not."""
    reply = read(body)

    assert (reply.text, reply.thoughts, reply.finish) == (text, thoughts, finish)
    assert codec.load(codec.dump(reply)) == reply
    assert replies.reread(reply.raw or "") == reply


@pytest.mark.parametrize(
    ("spelling", "word"),
    [
        ("stop", "stop"), ("STOP", "stop"), ("end_turn", "stop"), ("eos", "stop"),
        ("COMPLETE", "stop"), ("stop_sequence", "stop"), ("FINISH_REASON_STOP", "stop"),
        ("length", "length"), ("MAX_TOKENS", "length"), ("max_output_tokens", "length"),
        ("model_length", "length"), ("maxTokens", "length"), ("incomplete", "length"),
        ("model_context_window_exceeded", "length"),
        ("content_filter", "refusal"), ("SAFETY", "refusal"), ("recitation", "refusal"),
        ("sensitive", "refusal"), ("PROHIBITED_CONTENT", "refusal"), ("BLOCKLIST", "refusal"),
        ("guardrail_intervened", "refusal"),
        ("tool_calls", "tool_calls"), ("tool_use", "tool_calls"), ("function_call", "tool_calls"),
        ("error", "error"), ("network_error", "error"), ("abort", "error"),
        ("insufficient_system_resource", "error"), ("MALFORMED_FUNCTION_CALL", "error"),
        ({"type": "length"}, "length"), ("odd word", "odd_word"), (None, None), ([], None),
    ],
)  # fmt: skip
def test_every_providers_word_for_an_end_is_one_of_ours(spelling: Any, word: str | None):
    """A reply that was cut off under another name would be repaired into a verdict."""
    assert finish_word(spelling) == word


@given(st.sampled_from(sorted(FINISH)), st.sampled_from([str.upper, str.title, str.lower]))
def test_the_case_of_an_end_says_nothing(spelling: str, case: Any):
    """Gemini shouts what OpenAI whispers."""
    assert finish_word(case(spelling)) == FINISH[spelling]


ERRORS = [
    # body, status, word, billed, tried again, what it says
    ({**says("Half"), "choices": [{"message": {"content": "Half"}, "finish_reason": "error",
      "error": {"code": 502, "message": "upstream is down"}}]},
     200, "provider_error", True, True, "upstream is down"),
    (says("Half", finish="network_error"), 200, "provider_error", True, True, "network_error"),
    (says("", finish="abort"), 200, "provider_error", True, True, "abort"),
    ({"choices": [{"message": {"content": ""}, "error": {"code": 429, "message": "slow"}}]},
     200, "rate_limited", False, True, "slow"),
    ({"choices": [{"message": None, "finish_reason": "error"}]},
     200, "provider_error", None, True, "error"),
    ({"error": {"message": "no", "code": 401}}, 200, "not_allowed", False, False, "no"),
    ({"error": {"message": "no", "code": "403"}}, 200, "not_allowed", False, False, "no"),
    ({"error": {"message": "pay", "code": 402}}, 200, "no_credit", False, False, "pay"),
    ({"error": {"message": "bad", "code": 400}}, 200, "bad_request", False, False, "bad"),
    ({"error": {"message": "slow", "code": "rate_limit_exceeded"}},
     200, "rate_limited", False, True, "slow"),
    ({"error": {"message": "slow", "type": "rate_limit_error"}},
     200, "rate_limited", False, True, "slow"),
    ({"error": "rate_limit_exceeded"}, 200, "rate_limited", False, True, "rate_limit"),
    ({"error": {"message": "over", "code": 529}}, 200, "provider_error", None, True, "over"),
    ({"error": {"message": "odd"}}, 200, "provider_error", None, True, "odd"),
    ({"object": "error", "message": "odd", "code": 50001}, 200, "provider_error", None, True,
     "odd"),
    ({"detail": "odd"}, 200, "provider_error", None, True, "odd"),
    ({"success": False, "msg": "odd"}, 200, "provider_error", None, True, "odd"),
    ({"base_resp": {"status_code": 1004, "status_msg": "odd"}}, 200, "provider_error", None, True,
     "odd"),
    ({"errors": [{"message": "odd"}]}, 200, "provider_error", None, True, "odd"),
    ({"error": {"message": "quota", "code": "insufficient_quota"}},
     429, "no_credit", False, False, "quota"),
    ({"error": {"message": "Your credit balance is too low"}},
     400, "no_credit", False, False, "balance"),
    ({"error": {"message": "pay", "code": 402}}, 402, "no_credit", False, False, "pay"),
    ({"error": {"message": "busy"}}, 409, "server_error", None, True, "busy"),
    ({"error": {"message": "no"}}, 401, "not_allowed", False, False, "no"),
    ({"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
     422, "bad_request", False, False, "body.seed: Extra inputs"),
    ({"error": {"message": "Provider returned error", "metadata": {"raw": "no seed"}}},
     400, "bad_request", False, False, "no seed"),
    (b"<html>Bad gateway</html>", 502, "server_error", None, True, "Bad gateway"),
    (b"\xff\xfe\x00", 500, "server_error", None, True, "500"),
    (says([{"type": "image_url"}]), 200, "bad_reply", True, False, "image_url"),
    (says([7]), 200, "bad_reply", True, False, "int"),
    (choice(finish_reason="stop"), 200, "bad_reply", True, True, "message"),
    ({"choices": [], "usage": USAGE}, 200, "bad_reply", True, True, "choices"),
    (stream(delta(content="Half"), end=""), 200, "bad_reply", None, True, "broke off"),
    (stream(delta(content="Half"), {"error": {"code": 502, "message": "gone"}}),
     200, "provider_error", None, True, "gone"),
    (b'{"choices": [{"message": {"content": "Hal', 200, "bad_reply", None, True, "Hal"),
    (b"", 200, "bad_reply", None, True, "completion"),
    (b"[" * 100_000, 200, "bad_reply", None, True, "completion"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "word", "billed", "again", "sentence"), ERRORS)
def test_an_error_in_any_form_is_a_failure_with_the_endpoints_own_sentence(
    body: Any, status: int, word: str, billed: bool | None, again: bool, sentence: str
):
    """An error that passes for an answer scores 0, is kept for good, and blames the model."""
    problem = failure(body, status)

    assert problem.attempt.failure == word
    assert problem.attempt.billed is billed
    assert problem.retryable is again
    assert sentence in problem.attempt.detail
    assert len(problem.attempt.detail) <= 300


def test_a_body_that_cannot_be_used_is_billed_for_what_it_says():
    """At its worst case, ten such replies would eat a budget that they hardly touched."""
    problem = failure(says([{"type": "image_url"}]))

    assert problem.attempt.usage is not None
    assert problem.attempt.usage.tokens_out == 5


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ({}, {"retry-after": "7"}, 7),
        ({}, {"retry-after-ms": "250"}, 0.25),
        ({}, {"retry-after": "Fri, 15 Jan 2027 08:01:00 GMT"}, 60),
        ({}, {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m30s"}, 90),
        ({}, {"x-ratelimit-reset": str(int((NOW + 9) * 1000))}, 9),
        ({}, {"x-ratelimit-reset": str(int(NOW + 9))}, 9),
        ({}, {"ratelimit-reset": "12"}, 12),
        ({}, {"anthropic-ratelimit-tokens-remaining": "0",
              "anthropic-ratelimit-tokens-reset": "2027-01-15T08:00:30Z"}, 30),
        ({"error": {"metadata": {"headers": {"X-RateLimit-Reset": str(int((NOW + 5) * 1000))}}}},
         {}, 5),
        ({"error": {"details": [{"@type": "RetryInfo", "retryDelay": "34s"}]}}, {}, 34),
        ({"error": {"message": "Please try again in 7h12m0s."}}, {}, 25920),
        ({"error": {"message": "Please retry after 20 seconds"}}, {}, 20),
        ({"error": {"message": "try again in 6.5s"}}, {}, 6.5),
        ({"retry_after": 3}, {}, 3),
        ({"error": {"message": "slow down"}}, {}, None),
        ({}, {"retry-after": "soon"}, None),
        ({}, {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1..5s"}, None),
    ],
)  # fmt: skip
def test_a_refusal_says_in_many_ways_when_to_come_back(
    monkeypatch: pytest.MonkeyPatch, body: Any, headers: dict[str, str], seconds: float | None
):
    """Whoever does not listen is refused again until nothing is left to lose."""
    monkeypatch.setattr(time, "time", lambda: NOW)

    said = failure(body, 429, **headers).retry_after_s

    assert said == (None if seconds is None else pytest.approx(seconds, abs=1))


@given(
    st.text(max_size=40), st.sampled_from(["retry-after", "x-ratelimit-reset", "retry-after-ms"])
)
def test_no_header_breaks_the_reading_of_a_good_reply(value: str, name: str):
    """A reply that is thrown away for a malformed header was paid for."""
    spent = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": value}

    wait = from_headers({name: value})
    assert wait is None or wait >= 0
    assert replies.read(replace(answered(says("Here.")), headers=spent)).text == "Here."


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6m0s", 360), ("1.5s", 1.5), ("20ms", 0.02), ("7", 7), ("1h2m3s", 3723), ("2 days", 172800),
     ("1.2.3s", None), ("", None), ("nan", None), ("1e400", None), ("-7", 0)],
)  # fmt: skip
def test_a_duration_is_read_or_is_none(text: str, seconds: float | None):
    """`float()` of half of it once threw a paid reply away."""
    assert duration(text) == seconds


@given(st.binary(max_size=300))
def test_whatever_bytes_come_back_they_are_a_reply_or_a_failure(content: bytes):
    """Anything else that is raised ends the run."""
    made = outcome(replace(answered({}), content=content))

    assert codec.dump(made).encode() if isinstance(made, Reply) else made.attempt.failure


def test_an_ordinary_completion_keeps_what_else_it_tells():
    """Provider and fingerprint say what was really asked."""
    reply = read(completion(provider="P", system_fingerprint="f"), **{"x-request-cost": "0.1"})

    assert reply.extra == {"id": "c1", "provider": "P", "system_fingerprint": "f"}
    assert reply.model_served == "served/m"
    assert json.loads(reply.raw or "")["headers"] == {"x-request-cost": "0.1"}
