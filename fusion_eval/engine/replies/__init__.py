"""One reading of a reply: the only place that knows what endpoints send.

Bytes and headers in; a `Reply`, or a typed failure with the endpoint's own sentence, out. Text is
cleaned and keys are masked here, once, right after decoding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fusion_eval.core import Attempt, Reply, clean, clean_json
from fusion_eval.engine import responses
from fusion_eval.engine.replies import events, failures, waits
from fusion_eval.engine.replies.answered import Answered
from fusion_eval.engine.replies.decoding import decoded, loaded
from fusion_eval.engine.replies.keeping import restored, stored
from fusion_eval.engine.replies.shapes import Said, ShapeError, choice_of, said
from fusion_eval.engine.replies.usage import (
    Bill,
    bill,
    buckets,
    number,
    object_,
    reported_cost,
)
from fusion_eval.engine.replies.words import ERROR

__all__ = ["Answered", "buckets", "read", "reported_cost", "reread"]

_KEPT = ("id", "provider", "system_fingerprint")


def read(answered: Answered, mask: Callable[[str], str] = str) -> Reply:
    """A `Reply` from what an endpoint answered; AttemptFailedError for anything else.

    Endpoints answer with status 200 and an error object, an error inside a choice, or no choices
    at all; none of these is an answer. `mask` takes keys out of a text.
    """

    def tidy(text: str) -> str:
        return mask(clean(text))

    text, took_s = decoded(answered.content), answered.took_s
    try:
        raw = events.completion_of(text) if events.is_stream(text) else loaded(text)
    except (ValueError, RecursionError):  # cut off, or a web page
        raw = None
    body = clean_json(raw, tidy)
    if answered.status >= 400:
        raise failures.refused(answered.status, body, tidy(text), answered.headers, took_s)
    if not isinstance(body, dict):
        raise failures.attempt_failed(
            "bad_reply", f"not a completion: {tidy(text)[:100]!r}", took_s
        )
    read_as = responses.completion_of(body) if responses.is_response(body) else body
    reply = _completion(read_as, answered)
    return replace(reply, raw=stored(body, answered, tidy))


def reread(raw: str) -> Reply:
    """The reply that a kept body holds for the reader of today; raises as `read` does, and
    ValueError, KeyError or TypeError where it is no kept body."""
    return replace(read(restored(raw)), raw=raw)


def _completion(body: dict[str, Any], answered: Answered) -> Reply:
    headers, took_s = answered.headers, answered.took_s
    choices = body.get("choices")
    error = failures.error_in(body) if "error" in body or not choices else None
    billed = bill(body, headers, text=bool(choices))
    if error is not None:
        raise failures.error_under_200(error, headers, took_s, billed)
    try:
        choice = choice_of(body)
        if failures.says_something(choice.get("error")):
            raise failures.error_under_200(choice["error"], headers, took_s, billed)
        speech = said(choice)
    except ShapeError as problem:
        raise failures.attempt_failed(
            "bad_reply", str(problem), took_s, bill=billed, final=not problem.again
        ) from None
    if speech.finish == ERROR or body.get("cut_off"):
        how = str(choice.get("finish_reason") or "the stream broke off")
        word = "provider_error" if speech.finish == ERROR else "bad_reply"
        raise failures.attempt_failed(word, f"ended with {how[:60]!r}", took_s, bill=billed)
    if not speech.text:  # then no tokens out may be true
        billed = bill(body, headers, text=False)
    reply = _reply(body, answered, speech, billed)
    if calls := object_(choice.get("message")).get("tool_calls"):
        return replace(reply, extra={**reply.extra, "tool_calls": calls})
    return reply


def _reply(body: dict[str, Any], answered: Answered, speech: Said, billed: Bill) -> Reply:
    simulated = body.get("simulated")
    latency = number(object_(simulated).get("latency_s"))
    first = answered.first_token_s
    if latency is not None:  # by its own clock, and never by another
        first = number(object_(simulated).get("first_token_s")) if first is not None else None
    latency = answered.took_s if latency is None else latency
    served = body.get("model")
    extra = {name: body[name] for name in _KEPT if body.get(name)}
    if (wait := waits.used_up(answered.headers)) is not None:
        extra["used_up_s"] = wait
    if billed.problem is not None:
        extra["bill"] = billed.problem
    attempt = Attempt(number=1, latency_s=latency, usage=billed.usage, cost_reported=billed.cost)
    return Reply(
        text=speech.text,
        thoughts=speech.thoughts,
        finish=speech.finish,
        usage=billed.usage,
        latency_s=latency,
        model_served=served if isinstance(served, str) else None,
        cost_reported=billed.cost,
        service_tier=billed.tier,
        simulated=isinstance(simulated, dict),
        attempts=(attempt,),
        asked_at=round(answered.at, 3),
        first_token_s=first,
        extra=extra,
    )
