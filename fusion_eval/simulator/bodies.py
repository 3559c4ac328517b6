"""Completions as JSON and as streams of events, in the form of OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse

from fusion_eval.simulator.reply import Completion
from fusion_eval.simulator.request import Request

CREATED = 1_700_000_000  # a fixed date: same request, same reply
_PIECE = 48  # characters in one chunk of a stream

Usage = dict[str, Any] | None


def body(done: Completion, used: Usage) -> dict[str, Any]:
    """A chat completion; without a `usage` key where the provider tells none."""
    message = {"role": "assistant", "content": done.content, "refusal": done.refusal}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": done.finish}
    return {
        **_head(done, "chat.completion"),
        "choices": [choice],
        **({"usage": used} if used else {}),
        "simulated": done.simulated(),
    }


def streamed(request: Request, done: Completion, used: Usage, sleep: bool) -> Response:
    """Server-sent events; with `sleep`, spread evenly over the latency."""
    text = done.content or ""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": done.refusal}]
    deltas += [{"content": text[i : i + _PIECE]} for i in range(0, len(text), _PIECE)]
    chunks = [_chunk(done, [{"index": 0, "delta": d, "finish_reason": None}]) for d in deltas]
    chunks.append(_chunk(done, [{"index": 0, "delta": {}, "finish_reason": done.finish}]))
    chunks[-1]["simulated"] = done.simulated()
    if request.stream_usage and used:
        chunks.append({**_chunk(done, []), "usage": used, "simulated": done.simulated()})
    pause = done.latency_s / len(chunks) if sleep else 0.0

    async def events() -> AsyncIterator[str]:
        for chunk in chunks:
            if pause:
                await asyncio.sleep(pause)
            yield f"data: {json.dumps(chunk)}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


def _chunk(done: Completion, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {**_head(done, "chat.completion.chunk"), "choices": choices}


def _head(done: Completion, kind: str) -> dict[str, Any]:
    name = f"chatcmpl-{done.draw[:24]}"
    return {"id": name, "object": kind, "created": CREATED, "model": done.model}


async def whole(reply: Response) -> bytes:
    """All bytes of a reply, streamed or not."""
    if not isinstance(reply, StreamingResponse):
        return bytes(reply.body)
    parts = [part async for part in reply.body_iterator]
    return b"".join(part.encode() if isinstance(part, str) else bytes(part) for part in parts)
