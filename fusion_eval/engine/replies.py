"""Out of the body of a response: text, finish, token buckets and reported cost, in any dialect."""

from __future__ import annotations

import math
from typing import Any

from fusion_eval.core import Attempt, Reply, Usage
from fusion_eval.engine.attempt import AttemptFailedError

_FINISH = {"content_filter": "refusal", "max_tokens": "length", "end_turn": "stop"}


def read(body: object, took_s: float) -> Reply:
    """A `Reply` from the JSON of a chat completion; AttemptFailedError for anything else.

    Endpoints answer with status 200 and an error object, or no choices at all; none of these is
    an answer. `took_s` is kept unless the body says that it was simulated.
    """
    if not isinstance(body, dict):
        raise _bad(f"not a completion: {str(body)[:100]!r}", took_s)
    if body.get("error"):
        raise _refused(body["error"], took_s)
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise _bad("a completion without choices", took_s)
    choice = _object(choices[0])
    if "message" not in choice:
        raise _bad("a choice without a message", took_s)
    message = _object(choice["message"])
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        raise _bad(f"content is {type(content).__name__}, not text", took_s)
    raw_usage = _object(body.get("usage"))
    usage, cost = buckets(raw_usage), reported_cost(raw_usage)
    simulated = body.get("simulated")
    latency = _number(_object(simulated).get("latency_s"))
    latency = took_s if latency is None else latency
    finish = str(choice.get("finish_reason") or "stop")
    served = body.get("model")
    return Reply(
        text=content or "",
        finish="refusal" if message.get("refusal") else _FINISH.get(finish, finish),
        usage=usage,
        latency_s=latency,
        model_served=served if isinstance(served, str) else None,
        cost_reported=cost,
        simulated=isinstance(simulated, dict),
        attempts=(Attempt(number=1, latency_s=latency, usage=usage, cost_reported=cost),),
        extra={k: body[k] for k in ("id", "provider", "system_fingerprint") if body.get(k)},
    )


def buckets(usage: dict[str, Any]) -> Usage | None:
    """Disjoint token buckets from an OpenAI-shaped `usage`, or None where there is none.

    Cached tokens stand inside the prompt, reasoning inside the completion; where a provider adds
    reasoning on top instead, its total says so.
    """
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not isinstance(prompt, int) or not isinstance(completion, int):
        return None
    if prompt < 0 or completion < 0:
        return None
    of_prompt = _object(usage.get("prompt_tokens_details"))
    of_completion = _object(usage.get("completion_tokens_details"))
    read_ = min(_count(of_prompt.get("cached_tokens")), prompt)
    written = min(_count(of_prompt.get("cache_write_tokens")), prompt - read_)
    reasoning = _count(of_completion.get("reasoning_tokens"))
    on_top = reasoning > completion or (
        reasoning > 0 and usage.get("total_tokens") == prompt + completion + reasoning
    )
    return Usage(
        input=prompt - read_ - written,
        cache_read=read_,
        cache_write=written,
        output=completion if on_top else completion - reasoning,
        reasoning=reasoning,
    )


def reported_cost(usage: dict[str, Any]) -> float | None:
    """What the provider says it charged (US$), with its upstream bill where the key is our own.

    Negative numbers stand for dynamic prices, which are unknown and not free.
    """
    cost = _number(usage.get("cost"))
    if cost is None:
        return None
    upstream = _number(_object(usage.get("cost_details")).get("upstream_inference_cost"))
    return cost + upstream if usage.get("is_byok") and upstream is not None else cost


def _number(value: object) -> float | None:
    """A finite number from 0 up, or None."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if good and 0 <= value < math.inf else None  # type: ignore[operator,arg-type]


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _refused(error: object, took_s: float) -> AttemptFailedError:
    """An error under status 200."""
    code = error.get("code") if isinstance(error, dict) else None
    failure = "rate_limited" if str(code) == "429" else "provider_error"
    billed = False if failure == "rate_limited" else None
    return AttemptFailedError(
        Attempt(number=0, failure=failure, detail=str(error)[:300], latency_s=took_s, billed=billed)
    )


def _bad(detail: str, took_s: float) -> AttemptFailedError:
    return AttemptFailedError(
        Attempt(number=0, failure="bad_reply", detail=detail, latency_s=took_s, billed=None)
    )
