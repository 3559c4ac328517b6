"""What is asked before any page: who asks, by which method, with how much, and with which token.

The token is made when the server starts and stands in its pages only. A page of another origin can
neither read it nor send it: the header that carries it makes browsers ask first, and nobody
answers.
"""

from __future__ import annotations

import hmac
import json
import secrets
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fusion_eval.loopback import stranger

TOKEN_HEADER = "x-fusion-eval-token"
MOST_BYTES = 16 * 1024
"""Of the body of a request: a mark has a hundred."""
_KEPT_OUT = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""For what names no policy of its own."""


class Guard:
    """Refuses what does not come from this machine's own pages, and seals what goes out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _KEPT_OUT.items():
                    headers.setdefault(name, value)
                headers.setdefault("content-security-policy", POLICY)
            await send(message)

        headers = Headers(scope=scope)
        refused = stranger(headers.getlist("host"), headers.getlist("origin"), same_origin=True)
        if refused is not None:
            await PlainTextResponse(refused.message, 403)(scope, receive, sealed)
            return
        await self._app(scope, receive, sealed)


def new_token() -> str:
    """A secret of this process."""
    return secrets.token_urlsafe(32)


async def told(request: Request, token: str) -> dict[str, Any]:
    """The JSON object that a page sends. Raises HTTPException for anything that is not that."""
    given = request.headers.get(TOKEN_HEADER, "")
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise HTTPException(
            403, "This page was made by another start of the server; load it again."
        )
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "Send JSON.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"At most {MOST_BYTES} bytes.")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "Not JSON.") from None
    if not isinstance(value, dict):
        raise HTTPException(400, "Not a JSON object.")
    return value
