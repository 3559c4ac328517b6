"""The way back to a client: whole or in pieces, with comments while a panel works.

A client that leaves ends the work behind its request, however far it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fusion_eval.openai_api import error_body
from fusion_eval.serving.forms import Form
from fusion_eval.serving.outcome import Outcome
from fusion_eval.serving.refusals import CLIENT_LEFT, Refused, failed, refusal_of
from fusion_eval.serving.stops import Pieces

Work = Callable[[Callable[[str], None] | None], Awaitable[Outcome]]
"""Answers a request; what it is given hears the writer."""

_END, _LEFT, _PING = object(), object(), object()


class ClientLeftError(Exception):
    """The client of a request has closed its connection."""


async def _left(http: Request) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass


@asynccontextmanager
async def _tasks(*works: Awaitable[Any]) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Tasks that are over, one way or the other, when this is left."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def whole(http: Request, work: Work) -> Outcome:
    """The outcome of a request. Raises ClientLeftError, and what answering raises."""
    async with _tasks(work(None), _left(http)) as (answer, left):
        await asyncio.wait({answer, left}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientLeftError
        return answer.result()  # type: ignore[no-any-return]


class Streamed(Response):
    """Server-sent events of one answer.

    What fails before anything was sent has a status of its own; `ping_s` is how long that is waited
    for, and how often a comment is sent while there is nothing to say. `held` is let go at the end.
    `ended` hears the status, `began` the seconds to the first text.
    """

    def __init__(
        self,
        http: Request,
        work: Work,
        form: Form,
        *,
        stops: tuple[str, ...],
        headers: dict[str, str],
        ping_s: float,
        held: ExitStack,
        began: Callable[[float], None],
        ended: Callable[[int], None],
        log: Callable[[Refused], None],
    ) -> None:
        super().__init__(media_type="text/event-stream", headers=headers)
        del self.headers["content-length"]
        self._http, self._work, self._form = http, work, form
        self._stops, self._shown = stops, Pieces(stops)
        self._ping_s, self._held = ping_s, held
        self._began, self._ended, self._log = began, ended, log
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._refusal: Refused | None = None
        self._started = time.perf_counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = CLIENT_LEFT
        put = self._queue.put_nowait
        with self._held:
            try:
                async with _tasks(self._work(put), _left(self._http)) as (answer, left):
                    answer.add_done_callback(lambda _: put(_END))
                    left.add_done_callback(lambda _: put(_LEFT))
                    first = await self._next()
                    if first is _END and (refused := self._refused(answer)) is not None:
                        status = refused.status
                        await refused.response(scope, receive, send)
                        return
                    await self._send_events(send, first, answer)
                    refused = self._refused(answer)
                    status = refused.status if refused else 200
            except ClientLeftError:
                pass
            finally:
                self._ended(status)

    async def _next(self) -> Any:
        """The next piece of text, the end, or a sign that there was nothing for a while."""
        try:
            async with asyncio.timeout(self._ping_s):
                item = await self._queue.get()
        except TimeoutError:
            return _PING
        if item is _LEFT:
            raise ClientLeftError
        return item

    async def _send_events(self, send: Send, item: Any, answer: asyncio.Task[Outcome]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        head, spoken = self._form.opened(), False
        while item is not _END:
            text = "" if item is _PING else self._shown.add(item)
            piece = self._form.delta(text) if text else ""
            if item is _PING:
                piece = ": working\n\n"
            if head + piece:
                await send(_body(head + piece))
            if text and not spoken:
                spoken = True
                self._began(time.perf_counter() - self._started)
            head = ""
            item = await self._next()
        await send(_body(head + self._last(answer) + "data: [DONE]\n\n", more=False))

    def _last(self, answer: asyncio.Task[Outcome]) -> str:
        pieces = self._form
        if (refused := self._refused(answer)) is not None:
            return pieces.failed(refused.body)
        outcome = answer.result()
        text = outcome.trial.answer or ""
        rest = self._shown.end(text)
        if rest is None:
            why = "The writer failed after a part of its answer was sent; ask again."
            return pieces.failed(error_body(502, why, code="answer_withdrawn") | outcome.extra)
        shown = pieces.delta(rest) if rest else ""
        return shown + pieces.closed(outcome.output(self._stops))

    def _refused(self, answer: asyncio.Task[Outcome]) -> Refused | None:
        """Why there is no answer; None where there is one."""
        if self._refusal is None:
            problem = answer.exception()
            if problem is None and not answer.result().failure:
                return None
            self._refusal = refusal_of(problem) if problem else failed(answer.result())
            self._log(self._refusal)
        return self._refusal


def _body(text: str, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text.encode(), "more_body": more}
