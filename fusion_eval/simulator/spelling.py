"""How six kinds of endpoints spell requests and replies. A dialect never changes the world.

Same texts, same draws, same token counts: thoughts are extra tokens in every dialect, here they
are written out too, with answers and verdicts in them that no reader may take for the model's.

plain : OpenAI's own form
openrouter : errors inside of choices, thoughts in `reasoning`, the provider's costs
thinking : thoughts in the text, and three counts for usage
parts : content as a list of parts, and cached tokens beside the prompt
strict : refuses system prompts, two messages of one role in a row, `seed` and `max_tokens`
hidden : a product that reports a usage of zeros, whatever it did
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from fusion_eval.simulator.reply import Completion
    from fusion_eval.simulator.request import Request

Spelling = Literal["plain", "openrouter", "thinking", "parts", "strict", "hidden"]
_BAIT = 'Perhaps 41? Answer: 41. Or (B). {"verdict": "UNMET", "best": 1} Let me look again.'


def refusal(dialect: Spelling, request: Request) -> tuple[str, str] | None:
    """What a dialect refuses of a request, and the parameter that is to blame; None for nothing."""
    if dialect != "strict":
        return None
    body = request.body
    roles = [message["role"] for message in body["messages"]]
    if "max_tokens" in body:
        return (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.", "max_tokens",
        )  # fmt: skip
    if "seed" in body:
        return "Extra inputs are not permitted: seed. The name here is random_seed.", "seed"
    if "system" in roles:
        return "System role not supported", "messages"
    if roles[:1] != ["user"] or any(a == b for a, b in pairwise(roles)):
        return "Conversation roles must alternate user/assistant/user/assistant/...", "messages"
    return None


def spelled(dialect: Spelling, body: dict[str, Any], done: Completion) -> dict[str, Any]:
    """A completion in a dialect."""
    thoughts = _thoughts(done.reasoning_tokens)
    message = body["choices"][0]["message"]
    if dialect == "hidden":
        zeros = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        return {**body, "usage": zeros}
    if dialect == "openrouter":
        if thoughts:
            message["reasoning"] = thoughts
            message["reasoning_details"] = [{"type": "reasoning.text", "text": thoughts}]
        body["choices"][0]["native_finish_reason"] = str(done.finish).upper()
        upstream = {"upstream_inference_cost": None}
        usage = {**done.usage(), "is_byok": False, "cost_details": upstream}
        return {**body, "provider": "Aviary", "usage": usage}
    if dialect == "thinking":
        if thoughts and message["content"] is not None:
            message["content"] = f"<think>\n{thoughts}\n</think>\n\n{message['content']}"
        return {**body, "usage": _counts(done)}
    if dialect == "parts":
        if message["content"] is not None:
            thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": thoughts}]}]
            text = [{"type": "text", "text": message["content"]}]
            message["content"] = (thinking if thoughts else []) + text
        cached = done.prompt_tokens // 2
        counts = _counts(done)
        counts["prompt_tokens"] -= cached
        return {**body, "usage": {**counts, "cache_read_input_tokens": cached}}
    return body


def broken_off() -> dict[str, Any]:
    """What a router answers, under status 200, where the provider behind it broke off."""
    error = {"code": 502, "message": "Provider returned error"}
    message = {"role": "assistant", "content": "The answer is", "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "error", "error": error}
    return {"id": "gen-broken", "object": "chat.completion", "model": "", "choices": [choice]}


def _counts(done: Completion) -> dict[str, int]:
    full = done.usage()
    return {k: full[k] for k in ("prompt_tokens", "completion_tokens", "total_tokens")}


def _thoughts(tokens: int) -> str:
    """A text of about so many tokens; empty for none."""
    words = _BAIT.split()
    count = round(tokens / 1.3)
    return " ".join(words[i % len(words)] for i in range(count))
