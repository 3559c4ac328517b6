"""Out of the body of a response: text, finish, token buckets and reported cost, in any dialect."""

from __future__ import annotations

from typing import Any

from fusion_eval.core import Attempt, Reply, Usage
from fusion_eval.engine.attempt import AttemptFailedError

_FINISH = {"content_filter": "refusal", "max_tokens": "length", "end_turn": "stop"}


def read(response: object, took_s: float) -> Reply:
    """A `Reply` from a chat completion; AttemptFailedError for a body that is none.

    Endpoints answer with status 200 and a web page, an error object, or no choices at all; none
    of these is an answer.
    """
    if isinstance(response, str) or not hasattr(response, "model_dump"):
        raise _bad(f"not JSON: {str(response)[:100]!r}", took_s)
    body: dict[str, Any] = response.model_dump(warnings=False)
    if body.get("error"):
        raise _refused(body["error"], took_s)
    if not body.get("choices"):
        raise _bad("a completion without choices", took_s)
    choice = body["choices"][0] or {}
    message = choice.get("message") or {}
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        raise _bad(f"content is {type(content).__name__}, not text", took_s)
    raw_usage = body.get("usage") or {}
    usage, cost = buckets(raw_usage), reported_cost(raw_usage)
    simulated = body.get("simulated")
    latency = simulated.get("latency_s", took_s) if isinstance(simulated, dict) else took_s
    finish = str(choice.get("finish_reason") or "stop")
    return Reply(
        text=content or "",
        finish="refusal" if message.get("refusal") else _FINISH.get(finish, finish),
        usage=usage,
        latency_s=float(latency),
        model_served=body.get("model"),
        cost_reported=cost,
        simulated=isinstance(simulated, dict),
        attempts=(Attempt(number=1, latency_s=float(latency), usage=usage, cost_reported=cost),),
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
    of_prompt = usage.get("prompt_tokens_details") or {}
    of_completion = usage.get("completion_tokens_details") or {}
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
    cost = usage.get("cost")
    if not isinstance(cost, int | float) or isinstance(cost, bool) or cost < 0:
        return None
    details = usage.get("cost_details") or {}
    upstream = details.get("upstream_inference_cost")
    if usage.get("is_byok") and isinstance(upstream, int | float):
        return float(cost) + float(upstream)
    return float(cost)


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
