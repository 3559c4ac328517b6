"""Completions as JSON and as streams of events, in the forms of OpenAI's two APIs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse

from fusion_eval.openai_api.chat import Chunks
from fusion_eval.openai_api.response import Events, Output
from fusion_eval.simulator.reply import Completion
from fusion_eval.simulator.request import Request

CREATED = 1_700_000_000  # a fixed date: same request, same reply
_PIECE = 48  # characters in one chunk of a stream

Usage = dict[str, Any] | None
ToolCall = dict[str, Any] | None


def body(request: Request, done: Completion, used: Usage, call: ToolCall = None) -> dict[str, Any]:
    """A completion in the form of its API; a chat completion without a `usage` key where the
    provider tells none."""
    value = _form(request, done).whole(_output(done, used, call))
    if request.asked is None and used is None:
        del value["usage"]
    return value


def streamed(
    request: Request, done: Completion, used: Usage, sleep: bool, call: ToolCall = None
) -> Response:
    """Server-sent events; with `sleep`, spread evenly over the latency."""
    form, text = _form(request, done), "" if call else done.content or ""
    words = (text[i : i + _PIECE] for i in range(0, len(text), _PIECE))
    pieces = [form.opened(), *map(form.delta, words), form.closed(_output(done, used, call))]
    pause = done.latency_s / len(pieces) if sleep else 0.0

    async def events() -> AsyncIterator[str]:
        for piece in pieces:
            if pause:
                await asyncio.sleep(pause)
            yield piece
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


def _form(request: Request, done: Completion) -> Chunks | Events:
    name = done.draw[:24]
    if request.asked is not None:
        return Events(request.asked, model=done.model, name=name, created=CREATED)
    return Chunks(model=done.model, name=name, created=CREATED, usage=request.stream_usage)


def _output(done: Completion, used: Usage, call: ToolCall) -> Output:
    simulated = {"simulated": done.simulated()}
    if call:
        return Output(text="", finish="tool_calls", usage=used, tool_calls=(call,), extra=simulated)
    return Output(
        text=done.content or "",
        refusal=done.refusal,
        finish=done.finish,
        usage=used,
        extra=simulated,
    )


async def whole(reply: Response) -> bytes:
    """All bytes of a reply, streamed or not."""
    if not isinstance(reply, StreamingResponse):
        return bytes(reply.body)
    parts = [part async for part in reply.body_iterator]
    return b"".join(part.encode() if isinstance(part, str) else bytes(part) for part in parts)
