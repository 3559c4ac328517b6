"""Completions as JSON and as streams of events, in the forms of OpenAI's two APIs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.responses import Response, StreamingResponse

from fusion_eval.openai_api.response import Events, Output, response
from fusion_eval.simulator.reply import Completion
from fusion_eval.simulator.request import Request

CREATED = 1_700_000_000  # a fixed date: same request, same reply
_PIECE = 48  # characters in one chunk of a stream

Usage = dict[str, Any] | None
ToolCall = dict[str, Any] | None


def body(done: Completion, used: Usage, call: ToolCall = None) -> dict[str, Any]:
    """A chat completion; without a `usage` key where the provider tells none."""
    spoken = {"content": done.content, "refusal": done.refusal}
    called = {"content": None, "refusal": None, "tool_calls": [call]}
    message = {"role": "assistant", **(called if call else spoken)}
    finish = "tool_calls" if call else done.finish
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {
        **_head(done, "chat.completion"),
        "choices": [choice],
        **({"usage": used} if used else {}),
        "simulated": done.simulated(),
    }


def response_of(
    asked: dict[str, Any], done: Completion, used: Usage, call: ToolCall = None
) -> dict[str, Any]:
    """The same completion as an object of the Responses API."""
    return response(asked, **_named(done), output=_output(done, used, call))


def streamed(
    request: Request, done: Completion, used: Usage, sleep: bool, call: ToolCall = None
) -> Response:
    """Server-sent events; with `sleep`, spread evenly over the latency."""
    if request.asked is not None:
        pieces = list(_events(request.asked, done, used, call))
    else:
        pieces = [_data(chunk) for chunk in _chunks(request, done, used, call)]
    pause = done.latency_s / len(pieces) if sleep else 0.0

    async def events() -> AsyncIterator[str]:
        for piece in pieces:
            if pause:
                await asyncio.sleep(pause)
            yield piece
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


def _chunks(
    request: Request, done: Completion, used: Usage, call: ToolCall
) -> list[dict[str, Any]]:
    refusal = None if call else done.refusal
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": refusal}]
    deltas += [{"tool_calls": [{"index": 0, **call}]}] if call else []
    deltas += [{"content": text} for text in _pieces(done, call)]
    chunks = [_chunk(done, [{"index": 0, "delta": d, "finish_reason": None}]) for d in deltas]
    finish = "tool_calls" if call else done.finish
    chunks.append(_chunk(done, [{"index": 0, "delta": {}, "finish_reason": finish}]))
    chunks[-1]["simulated"] = done.simulated()
    if request.stream_usage and used:
        chunks.append({**_chunk(done, []), "usage": used, "simulated": done.simulated()})
    return chunks


def _events(asked: dict[str, Any], done: Completion, used: Usage, call: ToolCall) -> Iterator[str]:
    stream = Events(asked, **_named(done))
    yield stream.opened()
    for text in _pieces(done, call):
        yield stream.delta(text)
    yield stream.closed(_output(done, used, call))


def _pieces(done: Completion, call: ToolCall) -> list[str]:
    text = "" if call else done.content or ""
    return [text[i : i + _PIECE] for i in range(0, len(text), _PIECE)]


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


def _named(done: Completion) -> dict[str, Any]:
    return {"model": done.model, "name": done.draw[:24], "created": CREATED}


def _data(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"


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
