"""Two doors to one app: under a real client without a socket, and as a server on a port."""

from __future__ import annotations

import httpx2
from starlette.applications import Starlette


def transport(app: Starlette) -> httpx2.AsyncBaseTransport:
    """What an `httpx2.AsyncClient` (and so the openai client) sends through, in this process."""
    return httpx2.ASGITransport(app=app)


def serve(app: Starlette, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve the app until it is interrupted; on the loopback unless told otherwise."""
    import uvicorn  # only the server needs it

    uvicorn.run(app, host=host, port=port, log_level="warning")
