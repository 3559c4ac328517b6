"""Two doors to one app: under a real client without a socket, and as a server on a port."""

from __future__ import annotations

import httpx2
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send


def transport(app: Starlette) -> httpx2.AsyncBaseTransport:
    """What an `httpx2.AsyncClient` (and so the openai client) sends through, in this process."""
    return _Inside(app)


class _Inside(httpx2.AsyncBaseTransport):
    """httpx's transport for apps; a reply that is not completed is a dropped connection."""

    def __init__(self, app: Starlette) -> None:
        self._inner = httpx2.ASGITransport(app=_Complete(app))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return await self._inner.handle_async_request(request)
        except ConnectionResetError as problem:
            raise httpx2.ReadError(str(problem), request=request) from None


class _Complete:
    """An app that raises ConnectionResetError where the one inside leaves a reply unfinished."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        done = False

        async def watched(message: Message) -> None:
            nonlocal done
            done = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        await self._app(scope, receive, watched)
        if not done:
            raise ConnectionResetError("the connection was reset while the reply was read")


def serve(app: Starlette, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve the app until it is interrupted; on loopback by default."""
    import uvicorn  # only the server needs it

    uvicorn.run(app, host=host, port=port, log_level="warning")
