"""Out of the body of a response: text, finish, and its bill (`usage`), in any dialect."""

from __future__ import annotations

import time
from collections.abc import Mapping

from fusion_eval.core import Attempt, Reply
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.replies.usage import bill, number, object_

_FINISH = {"content_filter": "refusal", "max_tokens": "length", "end_turn": "stop"}


def read(body: object, took_s: float, headers: Mapping[str, str] | None = None) -> Reply:
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
    choice = object_(choices[0])
    if "message" not in choice:
        raise _bad("a choice without a message", took_s)
    message = object_(choice["message"])
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        raise _bad(f"content is {type(content).__name__}, not text", took_s)
    billed = bill(body, headers or {}, text=bool(content))
    simulated = body.get("simulated")
    latency = number(object_(simulated).get("latency_s"))
    latency = took_s if latency is None else latency
    finish = str(choice.get("finish_reason") or "stop")
    served = body.get("model")
    return Reply(
        text=content or "",
        finish="refusal" if message.get("refusal") else _FINISH.get(finish, finish),
        usage=billed.usage,
        latency_s=latency,
        model_served=served if isinstance(served, str) else None,
        cost_reported=billed.cost,
        simulated=isinstance(simulated, dict),
        attempts=(
            Attempt(number=1, latency_s=latency, usage=billed.usage, cost_reported=billed.cost),
        ),
        asked_at=round(time.time() - took_s, 3),
        extra={k: body[k] for k in ("id", "provider", "system_fingerprint") if body.get(k)},
    )


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
