"""Out of the body of a response: text, finish, token buckets and reported cost, in any dialect."""

from __future__ import annotations

import math
import time
from typing import Any, TypeGuard

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
        asked_at=round(time.time() - took_s, 3),
        extra={k: body[k] for k in ("id", "provider", "system_fingerprint") if body.get(k)},
    )


def buckets(usage: dict[str, Any]) -> Usage | None:
    """Disjoint token buckets from a `usage` in any dialect, or None where there is none.

    Cached tokens stand inside the prompt (OpenAI, OpenRouter; DeepSeek, Together and Moonshot name
    them otherwise), or beside it (`input_tokens` of Anthropic). Reasoning stands inside the
    completion, or on top of it where the total says so (xAI, and Gemini, which names it nowhere).
    """
    beside = "prompt_tokens" not in usage and "input_tokens" in usage
    prompt = usage.get("input_tokens" if beside else "prompt_tokens")
    completion = usage.get("output_tokens" if beside else "completion_tokens")
    if not _whole(prompt) or not _whole(completion):
        return None
    of_prompt = _object(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    native = _count(usage.get("cache_read_input_tokens"))
    created = _count(usage.get("cache_creation_input_tokens"))
    if beside and not of_prompt:
        prompt += native + created
    cached = (
        of_prompt.get("cached_tokens"), usage.get("cached_tokens"),
        usage.get("prompt_cache_hit_tokens"), native,
    )  # fmt: skip
    read_ = min(max(map(_count, cached)), prompt)
    written = min(max(_count(of_prompt.get("cache_write_tokens")), created), prompt - read_)
    output, reasoning = _output(usage, prompt, completion)
    return Usage(
        input=prompt - read_ - written,
        cache_read=read_,
        cache_write=written,
        output=output,
        reasoning=reasoning,
    )


def _output(usage: dict[str, Any], prompt: int, completion: int) -> tuple[int, int]:
    """(visible, reasoning) tokens."""
    details = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    reasoning = _count(_object(details).get("reasoning_tokens"))
    beyond = _count(usage.get("total_tokens")) - prompt - completion
    if not reasoning:
        return completion, max(0, beyond)
    on_top = reasoning > completion or beyond == reasoning
    return (completion if on_top else completion - reasoning), reasoning


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def reported_cost(usage: dict[str, Any]) -> float | None:
    """What the provider says it charged (US$), with its upstream bill where the key is our own.

    Negative numbers stand for dynamic prices, which are unknown and not free.
    """
    said = usage.get("cost")
    cost = _number(said.get("total_cost") if isinstance(said, dict) else said)
    if cost is None:
        return None
    upstream = _number(_object(usage.get("cost_details")).get("upstream_inference_cost"))
    return cost + upstream if upstream and (usage.get("is_byok") or not cost) else cost


def _number(value: object) -> float | None:
    """A finite number from 0 up, or None."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if good and 0 <= value < math.inf else None  # type: ignore[operator,arg-type]


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if _whole(value) else 0


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
